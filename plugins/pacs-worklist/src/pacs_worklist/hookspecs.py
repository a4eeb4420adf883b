"""The hooks that this plugin offers: sources of worklist items, and news of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.archive.archive import Archive
    from pacs_worklist.items import Item
    from pacs_worklist.query import WorklistQuery

__all__ = ["on_scheduled_step", "worklist_items"]


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


@hookspec(HookKind.NOTIFY)
def on_scheduled_step(step: Item, archive: Archive, settings: Any) -> None:
    """Learn that a step of the database was planned, changed or called off.

    Kind: NOTIFY; at least once for each step that was written since the plugin first ran here, also
    by commands beside the archive. That it is to be told is kept with the step itself, and told
    again until it is taken. Several changes may be told as one, and one plugin waits for another:
    what takes its time is put into the queue of jobs.
    step: as it stands now; one that was called off is `State.DISCONTINUED`. Steps in folders and of
    other plugins are not told, nor what modalities report (`on_procedure_step` of pacs-mpps).
    archive: for the tables of the plugin's own, its jobs, and to look up what is stored.
    """
    raise NotImplementedError
