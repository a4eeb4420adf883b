"""Telling other plugins that a report has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["Tell"]


class Tell:
    """Calls the hook ``commitment_reported``; those who wait look now and then, so once will do."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(self, transaction_uid: str) -> None:
        """A report was kept."""
        self._archive.hooks.notify(
            "commitment_reported", transaction_uid=transaction_uid, archive=self._archive
        )
