"""``kill -9`` in the middle of deleting: nothing half, nothing lost, and nothing comes back."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import pytest

from pacs_framework.archive.recovery import recover
from pacs_framework.archive.reindex import reindex
from pacs_framework.archive.verify import verify
from pacs_framework.testing.forked import run_module, start_module
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import open_backend

from .deleting_process import PACK_BELOW, SIZES, STEPS, opened

SCRIPT = Path(__file__).with_name("deleting_process.py")
ROUNDS = 4

pytestmark = pytest.mark.crash


def studies_after_restart(url: str, data: Path) -> dict[str, int]:
    """Start as the archive starts, verify all of it, stop; the instances of each study."""
    archive = opened(url, data)
    recover(archive)
    assert list(verify(archive)) == []
    assert archive.lookup.obsolete() == []
    found: dict[str, int] = {}
    for facts in archive.lookup.instances():
        found[facts.study_instance_uid] = found.get(facts.study_instance_uid, 0) + 1
    assert sum(found.values()) == sum(1 for _ in archive.storage.list())
    archive.close()
    archive.storage.close()
    archive.deleting._database.close()
    return found


def made_anew(url: str, data: Path) -> None:
    """The index from the storage, before any start has cleaned up."""
    storage = open_backend(
        data / "objects", naming=Naming.HIERARCHICAL, reserve=0, pack_below=PACK_BELOW
    )
    assert list(reindex(url, storage, data)) == []
    storage.close()


@pytest.mark.parametrize(
    ("step", "anew"), [*((step, False) for step in STEPS), ("commit", True), ("object", True)]
)
def test_a_deletion_that_is_killed_is_done_or_was_never_begun(
    pacs_index_url: str, tmp_path: Path, step: str, anew: bool
) -> None:
    """Before its commit the study is there, whole; after it, gone, also from a rebuilt index."""
    done = run_module(str(SCRIPT), pacs_index_url, str(tmp_path), "0", step)
    assert done.returncode == -signal.SIGKILL, done.stderr
    if anew:
        made_anew(pacs_index_url, tmp_path)
    expected = {"1.2.9.2": len(SIZES)}
    if step == "rows":
        expected["1.2.9.1"] = len(SIZES)
    assert studies_after_restart(pacs_index_url, tmp_path) == expected


def test_what_was_acknowledged_holds_after_any_kill(pacs_index_url: str, tmp_path: Path) -> None:
    """What was stored is there, what was deleted is not, and of what was under way all or none."""
    stored: set[str] = set()
    deleted: set[str] = set()
    choose = random.Random(20261122)
    for turn in range(1, ROUNDS + 1):
        told = work_and_kill(pacs_index_url, tmp_path, turn, choose.randrange(1, 40))
        begun = {study for what, study in told if what == "deleting"}
        stored |= {study for what, study in told if what == "stored"}
        deleted |= {study for what, study in told if what == "deleted"}
        if turn % 2 == 0:
            made_anew(pacs_index_url, tmp_path)
        found = studies_after_restart(pacs_index_url, tmp_path)
        assert deleted.isdisjoint(found)
        assert stored - deleted - begun <= set(found)
        assert {found[study] for study in stored & set(found)} == {len(SIZES)}
        deleted |= {study for study in begun if study not in found}
    assert deleted


def work_and_kill(url: str, data: Path, turn: int, lines: int) -> list[tuple[str, str]]:
    """Kill the process after so many lines; all that it had told until then."""
    command = (str(SCRIPT), url, str(data), str(turn))
    with start_module(*command, stderr=sys.stderr, environment=os.environ) as process:
        output = process.stdout
        assert output is not None
        told = [output.readline() for _ in range(lines)]
        process.kill()
        told += output
        process.wait()
    return [(what, study) for what, study in (line.split() for line in told)]
