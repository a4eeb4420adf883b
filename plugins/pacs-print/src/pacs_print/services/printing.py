"""N-ACTION "print" of a film session or a film box: a job, durable before it is acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import Outcome
from pacs_print.queue.book import NewFilm, NewJob, PixelReader, QueueFull
from pacs_print.queue.model import Priority
from pacs_print.services.classes import PRINT_JOB
from pacs_print.services.desk import reference
from pacs_print.services.tree import FilmBox, FilmSession, film_record

if TYPE_CHECKING:
    from pacs_print.services.desk import Desk

__all__ = ["check_action", "print_films"]

_PRINT = 1  # Action Type ID


def check_action(desk: Desk) -> None:
    """Raise `NormalizedFailure` for another action than printing (0123H)."""
    number = desk.operation.type_id
    if number != _PRINT:
        raise NormalizedFailure(
            f"action type {number} is none of this SOP class", status=Status.NO_SUCH_ACTION
        )


def print_films(
    desk: Desk, session: FilmSession, boxes: Sequence[FilmBox], *, warning: int, full: int
) -> Outcome:
    """Queue them as one job. The reply names it where the peer knows jobs (PS3.4 H.4.1.2.4).

    Raises `NormalizedFailure` with the status ``full`` where the queue is.
    """
    printer = desk.printer
    values = session.values
    peer = desk.operation.request.association.peer
    new = NewJob(
        printer=printer.ae_title,
        originator=peer.calling_aet,
        label=str(values.get("FilmSessionLabel", "")),
        priority=Priority[str(values["PrintPriority"])],
        copies=int(values["NumberOfCopies"]),
        films=[NewFilm(record=film_record(session, box), pixels=_pixels(box)) for box in boxes],
    )
    try:
        made = desk.book.take_in(new, printer.limits.queue)
    except QueueFull as error:
        raise NormalizedFailure(str(error), status=full) from None
    if not desk.knows_jobs:
        return Outcome(status=warning)
    desk.watch.follow_job(desk.operation.request.association, made)
    reply = Dataset()
    reply.ReferencedPrintJobSequence = [reference(PRINT_JOB, made.uid)]
    return Outcome(status=warning, dataset=reply)


def _pixels(box: FilmBox) -> PixelReader:
    stretches = {each.position: each.stretch for each in box.printed}
    return lambda position: box.pixels.pieces(stretches[position])
