"""The collection of an archive for the time of a command; the archive itself may be running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pacs_framework.index.entry import DuplicatePolicy
from pacs_non_patient.collection import Collection
from pacs_non_patient.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.cli.options import ArchiveChoice

__all__ = ["opened"]


@contextmanager
def opened(choice: ArchiveChoice) -> Iterator[Collection]:
    """The instances of the chosen archive. Raises as a start does."""
    configured = choice.configured()
    duplicates = DuplicatePolicy(configured.settings.archive.duplicates)
    with configured.open_tables() as tables:
        yield Collection(tables(NAME), duplicates)
