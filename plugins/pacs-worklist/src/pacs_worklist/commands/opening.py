"""The worklist of an archive for the time of a command; the archive itself may be running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pacs_worklist.api import Worklist

if TYPE_CHECKING:
    from pacs_framework.cli.options import ArchiveChoice

__all__ = ["opened"]


@contextmanager
def opened(choice: ArchiveChoice) -> Iterator[Worklist]:
    """The steps in the database of the chosen archive. Raises as a start does."""
    with choice.configured().open_tables() as tables:
        yield Worklist(tables("worklist"))
