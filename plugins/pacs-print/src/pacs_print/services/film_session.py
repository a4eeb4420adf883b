"""Basic Film Session: N-CREATE, N-SET, N-DELETE, and N-ACTION, which prints it (PS3.4 H.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import Outcome
from pacs_print.services.attributes import (
    Rule,
    dataset_of,
    enumerated,
    number,
    read,
    term,
    text,
    unused,
)
from pacs_print.services.classes import FILM_SESSION
from pacs_print.services.printing import check_action, print_films
from pacs_print.services.statuses import PrintStatus
from pacs_print.services.tree import FilmSession

if TYPE_CHECKING:
    from pacs_print.printers import PrinterSettings
    from pacs_print.services.desk import Desk

__all__ = ["act", "create", "delete", "rules", "set_"]

_KNOWN = ("ReferencedFilmBoxSequence",)


def rules(printer: PrinterSettings) -> list[Rule]:
    """What N-CREATE and N-SET may say (PS3.4 H.4.1.2), with the defaults of this printer.

    Magazine and processor are the same to it: where its films go is in its settings.
    """
    return [
        number("NumberOfCopies", 1, printer.limits.copies, 1),
        enumerated("PrintPriority", ("HIGH", "MED", "LOW"), "MED"),
        term("MediumType", [*printer.media], str(printer.media[0]), strict=True),
        term("FilmDestination", ("MAGAZINE", "PROCESSOR"), "PROCESSOR"),
        text("FilmSessionLabel"),
        text("OwnerID"),
        unused("MemoryAllocation", PrintStatus.MEMORY_ALLOCATION_NOT_SUPPORTED),
    ]


def create(desk: Desk) -> Outcome:
    """One for each association."""
    dataset = desk.operation.dataset or Dataset()  # all of it is optional
    given = read(dataset, rules(desk.printer), known=_KNOWN, creating=True)
    desk.tree.open_session(desk.operation.sop_instance_uid, given.values)
    return Outcome(
        status=given.status, dataset=dataset_of(given.values), attributes=given.attributes
    )


def set_(desk: Desk) -> Outcome:
    """What it says counts for what is printed from now on."""
    session = _named(desk)
    given = read(desk.operation.required_dataset(), rules(desk.printer), fixed=_KNOWN)
    session.values |= given.values
    return Outcome(
        status=given.status, dataset=dataset_of(given.values), attributes=given.attributes
    )


def delete(desk: Desk) -> Outcome:
    """With all below it."""
    desk.tree.delete(_named(desk))
    return Outcome()


def act(desk: Desk) -> Outcome:
    """Print all film boxes as one job, in the order in which they were made: collated."""
    session = _named(desk)
    check_action(desk)
    if not session.film_boxes:
        raise NormalizedFailure(
            "the film session has no film box", status=PrintStatus.SESSION_WITHOUT_FILMS
        )
    empty = not any(box.printed for box in session.film_boxes)
    return print_films(
        desk,
        session,
        session.film_boxes,
        warning=PrintStatus.SESSION_WITHOUT_IMAGES if empty else Status.SUCCESS,
        full=PrintStatus.QUEUE_FULL_FOR_SESSION,
    )


def _named(desk: Desk) -> FilmSession:
    found = desk.tree.find(desk.operation.sop_instance_uid, FILM_SESSION)
    assert isinstance(found, FilmSession)
    return found
