"""How the processes of an archive on one machine learn that the queue changed.

Each has a folder of its own with a bell in it; whoever changes a job rings all of them. Processes
on other machines look when a lease could be over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pacs_framework.archive.claims import living
from pacs_framework.waking import ring

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BELL", "FOLDER", "ringer"]

FOLDER = "print"
"""In the folder of the archive's data."""

BELL = "bell"
"""In the folder of each process."""


def ringer(data: Path) -> Callable[[], None]:
    """What tells all processes beside this one, and itself."""
    return partial(_ring_all, data / FOLDER)


def _ring_all(folder: Path) -> None:
    for process in living(folder):
        ring(process / BELL)
