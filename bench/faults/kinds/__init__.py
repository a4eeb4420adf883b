"""The faults, a file for each kind."""

from __future__ import annotations

from bench.faults.fault import Fault
from bench.faults.kinds import (
    blocks,
    calls,
    clock,
    database,
    deletes,
    disk,
    kills,
    nodes,
    store,
)

__all__ = ["all_faults"]


def all_faults() -> list[Fault]:
    """In the order of the table."""
    kinds = (kills, deletes, calls, disk, blocks, clock, database, store, nodes)
    return [fault for kind in kinds for fault in kind.faults()]
