"""Instances that come in, as far as steps list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_mpps.crew import ring
from pacs_mpps.recording import book_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_mpps.settings import MppsSettings

__all__ = ["arrived"]


def arrived(changes: Sequence[Change], archive: Archive, settings: MppsSettings) -> None:
    """Note instances, and wake who tells of a study that is complete by them.

    Costs one look-up where no step waits for any of them. Raises `IndexUnavailable`.
    """
    book = book_of(archive, settings)
    if book.arrived([change.sop_instance_uid for change in changes]):
        ring(archive.data)
