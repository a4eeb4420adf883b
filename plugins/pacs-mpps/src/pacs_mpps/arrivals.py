"""Instances that come in, as far as steps list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_mpps.book import Book
from pacs_mpps.crew import ring
from pacs_mpps.service import receivers_of
from pacs_mpps.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_mpps.settings import MppsSettings

__all__ = ["arrived"]


def arrived(change: Change, archive: Archive, settings: MppsSettings) -> None:
    """Note an instance, and wake who tells of a study that is complete by it.

    Costs one look-up where no step waits for it. Raises `IndexUnavailable`.
    """
    book = Book(archive.tables(NAME), lambda: receivers_of(archive, settings))
    if book.arrived([change.sop_instance_uid]):
        ring(archive.data)
