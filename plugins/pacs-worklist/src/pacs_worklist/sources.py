"""The sources of items that this plugin has itself: its tables, and folders of files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_worklist.api import Worklist
from pacs_worklist.folders import FolderSource

if TYPE_CHECKING:
    from pacs_framework.tables import TableStore
    from pacs_worklist.query import WorklistQuery
    from pacs_worklist.settings import WorklistSettings

__all__ = ["own_items"]


def own_items(query: WorklistQuery, store: TableStore, settings: WorklistSettings) -> list[Dataset]:
    """The steps of the database, then those of the folders.

    Raises `IndexUnavailable` and OSError.
    """
    found = Worklist(store).offered(query, offer_days=settings.offer_days)
    if settings.folders:
        found += _folders(settings.folders).items(query.called_aet)
    return found


@lru_cache(maxsize=16)
def _folders(folders: tuple[Path, ...]) -> FolderSource:
    """One for each list of folders, so that what was read is kept."""
    return FolderSource(folders)
