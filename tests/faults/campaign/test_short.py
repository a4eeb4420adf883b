"""A short campaign: each fault a few times. ``make faults`` runs all of it, a thousand kills."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.faults.campaign import Campaign
from bench.faults.kinds import all_faults
from bench.faults.processes import Nursery

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

FAULTS = {fault.name: fault for fault in all_faults()}
IN_SHORT = (
    "kill",
    "kill-files",
    "step-record",
    "step-bell",
    "step-named",
    "delete-packs",
    "enospc-packs",
    "eio-sync-files",
    "full-packs",
    "power-cut-packs",
    "commit-done",
)


@pytest.mark.parametrize("name", IN_SHORT)
def test_nothing_acknowledged_is_lost(name: str, nursery: Nursery, tmp_path: Path) -> None:
    """Nor is anything half, counted wrongly, or left behind; and the archive recovers."""
    fault = FAULTS[name]
    [row] = Campaign(nursery, tmp_path, seed=5, short=True).run([fault])
    if row.skipped:
        pytest.skip(row.skipped)
    assert (row.lost, row.wrong) == ([], [])
    assert row.times == fault.few
    assert row.acknowledged


def test_every_fault_has_a_name_of_its_own() -> None:
    """Or ``--only`` would hide one behind another."""
    assert len(FAULTS) == len(all_faults())
