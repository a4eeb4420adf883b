"""Taking steps into the book, however they come: by DIMSE or by HTTP."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import structlog

from pacs_mpps.book import Book, Receivers
from pacs_mpps.checking import check_creation, drop_unrecognised
from pacs_mpps.tables import NAME
from pacs_mpps.telling import listeners_of_steps, listeners_of_studies

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_framework.archive.archive import Archive
    from pacs_mpps.encoding import Received
    from pacs_mpps.settings import MppsSettings

__all__ = ["Recording", "book_of", "receivers_of"]

_log = structlog.get_logger(__name__)


def receivers_of(archive: Archive, settings: MppsSettings) -> Receivers:
    """Who is to hear of the steps of this archive."""
    return Receivers(
        of_steps=listeners_of_steps(archive),
        of_studies=listeners_of_studies(archive),
        forward_to=tuple(dict.fromkeys(settings.forward_to)),
        notify=tuple(dict.fromkeys(settings.notify)),
    )


def book_of(archive: Archive, settings: MppsSettings) -> Book:
    """The steps of ``archive``, with who is to hear of them."""
    # Which plugins there are is settled by the time that the first request comes, not before.
    receivers = cache(partial(receivers_of, archive, settings))
    return Book(archive.tables(NAME), receivers, strict=settings.strict)


class Recording:
    """Notes steps that begin, and their changes, in ``book``; safe to use from many threads.

    ``stored`` tells which of some instances the archive has. ``wake`` is called when somebody may
    be to hear of a step, ``look_again`` with instances that it lists and that were not stored when
    it was looked: see `Book.change`. ``strict`` as in the settings.
    """

    def __init__(
        self,
        book: Book,
        stored: Callable[[list[str]], set[str]],
        *,
        wake: Callable[[], None],
        look_again: Callable[[list[str]], None],
        strict: bool,
    ) -> None:
        self._book = book
        self._stored = stored
        self._wake = wake
        self._look_again = look_again
        self._strict = strict

    def create(self, uid: str, received: Received, peer_aet: str) -> list[int]:
        """Note a step that begins, durably; the tags of what was not kept, as no dictionary has it.

        Raises `NormalizedFailure`.
        """
        ignored = drop_unrecognised(received.kept)
        check_creation(received.kept, strict=self._strict)
        self._book.create(uid, received, peer_aet)
        self._noted("N-CREATE", uid, received, peer_aet)
        return ignored

    def change(self, uid: str, received: Received, peer_aet: str) -> list[int]:
        """Change a step, as `create`."""
        ignored = drop_unrecognised(received.kept)
        awaited = self._book.change(uid, received, self._stored)
        if awaited:
            self._look_again(awaited)
        self._noted("N-SET", uid, received, peer_aet)
        return ignored

    def _noted(self, operation: str, uid: str, received: Received, peer_aet: str) -> None:
        _log.info(
            "performed procedure step",
            operation=operation,
            sop_instance_uid=uid,
            status=received.kept.text("PerformedProcedureStepStatus"),
            peer_aet=peer_aet,
        )
        self._wake()
