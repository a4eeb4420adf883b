"""The hook that this plugin offers: sources of worklist items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.archive.archive import Archive
    from pacs_worklist.query import WorklistQuery

__all__ = ["worklist_items"]


@hookspec(HookKind.DECIDE)
def worklist_items(query: WorklistQuery, archive: Archive, settings: Any) -> Sequence[Dataset]:
    """Offer scheduled procedure steps to a modality that asks for its worklist.

    Kind: DECIDE; a query waits for all sources, and their items are merged: of two with the same
    Study Instance UID and Scheduled Procedure Step ID, the plugin that is asked first has its way.
    query: what is asked. A source may use it to look no further than needed (`WorklistQuery.days`,
    `WorklistQuery.values`, `WorklistQuery.matches`); what does not match is taken out afterwards.
    archive: for the tables of the plugin's own.
    Returns: data sets as PS3.4 Table K.6-1 has them, with decoded text; one with several items in
    Scheduled Procedure Step Sequence (0040,0100) counts as so many steps. They are not changed.
    An exception fails the query with C001H: a list that is not whole is never shown as if it were.
    """
    raise NotImplementedError
