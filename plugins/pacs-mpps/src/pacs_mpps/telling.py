"""Telling plugins, by the hooks of this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from pacs_framework.dicom.packed import unpack
from pacs_framework.errors import PacsError
from pacs_framework.tables import Pauses
from pacs_mpps.courier import NotDelivered, Route
from pacs_mpps.model import step_of
from pacs_mpps.outbox import Delivery, Kind
from pacs_mpps.tables import NAME
from pacs_mpps.worklist import follow, worklist_of

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_mpps.book import Book
    from pacs_worklist.api import Worklist

__all__ = ["hook_routes", "listeners_of_steps", "listeners_of_studies"]

_PAUSES = Pauses(first=1.0, longest=600.0)


def listeners_of_steps(archive: Archive) -> tuple[str, ...]:
    """The plugins that are to hear of steps; this one where a worklist is to follow them."""
    own = () if worklist_of(archive) is None else (NAME,)
    return (*own, *archive.hooks.implementers("on_procedure_step"))


def listeners_of_studies(archive: Archive) -> tuple[str, ...]:
    """The plugins that are to hear of complete studies."""
    return archive.hooks.implementers("on_study_complete")


def hook_routes(archive: Archive, book: Book) -> list[Route]:
    """One for each plugin, so that one that is slow holds up no other; the worklist's is our own
    and goes by no hook, since it needs next to nothing of a step.
    """
    names = dict.fromkeys((*listeners_of_steps(archive), *listeners_of_studies(archive)))
    routes = [
        Route(kind=Kind.HOOK, receiver=name, open=_telling(archive, book, name), pauses=_PAUSES)
        for name in names
        if name != NAME
    ]
    worklist = worklist_of(archive)
    return routes if worklist is None else [*routes, _worklist_route(worklist)]


def _worklist_route(worklist: Worklist) -> Route:
    def deliver(rows: Sequence[Delivery]) -> None:
        try:
            follow(worklist, [(row.lane, row.payload) for row in rows])
        except PacsError as error:
            raise NotDelivered(str(error)) from error

    return Route(
        kind=Kind.HOOK,
        receiver=NAME,
        open=lambda: nullcontext(lambda row: deliver([row])),
        pauses=_PAUSES,
        together=deliver,
    )


def _telling(
    archive: Archive, book: Book, plugin: str
) -> Callable[[], AbstractContextManager[Callable[[Delivery], None]]]:
    return lambda: nullcontext(lambda row: _tell(archive, book, plugin, row))


def _tell(archive: Archive, book: Book, plugin: str, row: Delivery) -> None:
    if row.event == "on_study_complete":
        news: dict[str, object] = {"study": book.completed(row.lane, row.number, row.created)}
    else:
        news = {"step": step_of(row.lane, unpack(row.payload))}
    if archive.hooks.notify(row.event, only={plugin}, archive=archive, **news):
        raise NotDelivered(f"plugin {plugin!r} did not take it; the log says why")
