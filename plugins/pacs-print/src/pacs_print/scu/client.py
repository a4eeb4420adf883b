"""A film session on a printer: made, filled film by film, printed, deleted (PS3.4 H.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom.status import PRINT_JOB_MANAGEMENT_SERVICE_CLASS_STATUS as MEANINGS

from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import is_failure, is_warning
from pacs_framework.errors import PacsError
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.router import Router
from pacs_framework.network.scu import n_action, n_create, n_delete, n_get, n_set
from pacs_print.queue.model import OVER, State
from pacs_print.scu.events import Events
from pacs_print.scu.order import Order, image_item
from pacs_print.services.classes import (
    ANNOTATION_BOX,
    COLOUR_IMAGE_BOX,
    COLOUR_META,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    GRAYSCALE_META,
    PRESENTATION_LUT,
    PRINT_JOB,
    PRINTER,
    PRINTER_INSTANCE,
)
from pacs_print.services.desk import reference

if TYPE_CHECKING:
    from pacs_framework.network.association import Association, Response
    from pacs_framework.network.service import AcceptedContext
    from pacs_print.film import FilmImage

__all__ = ["EXTRAS", "SYNTAXES", "PrintFailure", "Printed", "Printer", "proposal"]

SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
EXTRAS = (PRINT_JOB, PRESENTATION_LUT, ANNOTATION_BOX)
"""SOP classes that printers need not have."""

_PRINT = 1  # Action Type ID


class PrintFailure(PacsError):
    """The printer refused an operation; the message has its status and comment."""


@dataclass(slots=True, kw_only=True)
class Printed:
    """What was printed: how much, the jobs that the printer named, and what it warned of."""

    films: int = 0
    images: int = 0
    jobs: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def proposal(*, colour: bool = False, extras: bool = True) -> list[ProposedContext]:
    """The meta SOP class, and where ``extras`` are wanted those that printers need not have."""
    wanted = [COLOUR_META if colour else GRAYSCALE_META]
    if extras:
        wanted += EXTRAS
    return [
        ProposedContext(context_id=2 * n + 1, abstract_syntax=uid, transfer_syntaxes=SYNTAXES)
        for n, uid in enumerate(wanted)
    ]


class Printer:
    """A printer at the other end of an association. For one thread.

    ``events`` are those of the services that the association was opened with, if it was. Every
    operation raises `PrintFailure`, and `AssociationError` where the association is over.
    """

    def __init__(
        self, association: Association, *, colour: bool = False, events: Events | None = None
    ) -> None:
        self._association = association
        self._colour = colour
        self._events = events or Events()
        self._meta = self._needed(COLOUR_META if colour else GRAYSCALE_META)
        self.printed = Printed()

    @staticmethod
    def services(events: Events) -> Router:
        """What takes the events of a printer on the association that is opened with it."""
        return Router([events])

    # --- what there is to know --------------------------------------------------------------------

    def status(self) -> Dataset:
        """N-GET of the printer (PS3.4 H.4.6)."""
        context = self._association.context_for(PRINTER) or self._meta
        response = n_get(
            self._association,
            context=context,
            sop_instance_uid=PRINTER_INSTANCE,
            sop_class_uid=PRINTER,
        )
        return self._checked("N-GET of the printer", response, context)

    def job_status(self, uid: str) -> Dataset:
        """N-GET of a print job (PS3.4 H.4.5)."""
        context = self._needed(PRINT_JOB)
        response = n_get(self._association, context=context, sop_instance_uid=uid)
        return self._checked("N-GET of the print job", response, context)

    def wait(self, seconds: float) -> dict[str, str]:
        """What became of the jobs: their states when all are over, or after so long at the latest.

        Events tell; what they have not told by then is asked for.
        """
        jobs = self.printed.jobs
        for uid in jobs:
            jobs[uid] = self._asked(uid)  # it may be over before its first event
        ends = {state.value for state in OVER}

        def all_over() -> bool:
            jobs.update((u, s) for u, s in self._events.states.items() if u in jobs)
            return all(state in ends for state in jobs.values())

        if not self._association.await_requests(seconds, all_over):
            for uid, state in jobs.items():
                if state not in ends and self._association.is_established:
                    jobs[uid] = self._asked(uid)
        return jobs

    def _asked(self, uid: str) -> str:
        return str(self.job_status(uid).get("ExecutionStatus", State.PENDING.value))

    # --- printing ---------------------------------------------------------------------------------

    def print(self, order: Order, images: Iterable[FilmImage]) -> Printed:
        """Print images in their order, on as many films as they need.

        One image is in memory at a time. Whatever fails, the film session is deleted.
        """
        session = self._create(FILM_SESSION, order.of_session(), "film session")
        lut = ""
        try:
            lut = self._lut(order)
            self._print_films(order, session, lut, iter(images))
        finally:
            if self._association.is_established:
                self._delete(FILM_SESSION, session, self._meta)
                if lut:
                    self._delete(PRESENTATION_LUT, lut, self._needed(PRESENTATION_LUT))
        return self.printed

    def _print_films(
        self, order: Order, session: str, lut: str, images: Iterator[FilmImage]
    ) -> None:
        image = next(images, None)
        if image is None:
            raise PrintFailure("there is no image to print")
        while image is not None:
            film, boxes = self._open_film(order, session, lut)
            for position, box in enumerate(boxes, 1):
                if image is None:
                    break
                self._fill(order, box, position, image)
                image = next(images, None)
            self.printed.films += 1
            if not order.as_session:
                self._act(FILM_BOX, film)
                self._delete(FILM_BOX, film, self._meta)
        if order.as_session:
            self._act(FILM_SESSION, session)

    def _lut(self, order: Order) -> str:
        if order.lut is None:
            return ""
        attributes = Dataset()
        attributes.PresentationLUTShape = order.lut.value
        context = self._needed(PRESENTATION_LUT)
        return self._create(PRESENTATION_LUT, attributes, "Presentation LUT", context)

    def _open_film(self, order: Order, session: str, lut: str) -> tuple[str, list[str]]:
        attributes = order.of_film_box()
        attributes.ReferencedFilmSessionSequence = [reference(FILM_SESSION, session)]
        if lut:
            attributes.ReferencedPresentationLUTSequence = [reference(PRESENTATION_LUT, lut)]
        if order.annotation:
            self._needed(ANNOTATION_BOX)
        film, answer = self._created(FILM_BOX, attributes, "film box", self._meta)
        boxes = _referenced(answer, "ReferencedImageBoxSequence")
        if not boxes:
            raise PrintFailure("the printer made a film box without image boxes")
        if order.annotation:
            self._annotate(order, answer)
        return film, boxes

    def _annotate(self, order: Order, answer: Dataset) -> None:
        boxes = _referenced(answer, "ReferencedBasicAnnotationBoxSequence")
        if not boxes:
            raise PrintFailure(
                "the printer made no annotation box: name an annotation format that it has"
            )
        text = Dataset()
        text.AnnotationPosition, text.TextString = 1, order.annotation
        self._set(ANNOTATION_BOX, boxes[0], text, self._needed(ANNOTATION_BOX))

    def _fill(self, order: Order, box: str, position: int, image: FilmImage) -> None:
        attributes = order.of_image_box(position)
        item = image_item(image)
        if self._colour:
            attributes.BasicColorImageSequence = [item]
        else:
            attributes.BasicGrayscaleImageSequence = [item]
        sop_class = COLOUR_IMAGE_BOX if self._colour else GRAYSCALE_IMAGE_BOX
        self._set(sop_class, box, attributes, self._meta)
        self.printed.images += 1

    # --- operations -----------------------------------------------------------------------------

    def _needed(self, abstract_syntax: str) -> AcceptedContext:
        found = self._association.context_for(abstract_syntax)
        if found is None:
            raise PrintFailure(f"the printer does not accept {_NAMES[abstract_syntax]}")
        return found

    def _create(
        self,
        sop_class: str,
        attributes: Dataset,
        what: str,
        context: AcceptedContext | None = None,
    ) -> str:
        return self._created(sop_class, attributes, what, context or self._meta)[0]

    def _created(
        self, sop_class: str, attributes: Dataset, what: str, context: AcceptedContext
    ) -> tuple[str, Dataset]:
        uid = str(generate_uid())
        response = n_create(
            self._association,
            context=context,
            sop_instance_uid=uid,
            attributes=_encoded(attributes, context),
            sop_class_uid=sop_class,
        )
        answer = self._checked(f"N-CREATE of the {what}", response, context)
        return str(response.command.get("AffectedSOPInstanceUID") or uid), answer

    def _set(self, sop_class: str, uid: str, attributes: Dataset, context: AcceptedContext) -> None:
        response = n_set(
            self._association,
            context=context,
            sop_instance_uid=uid,
            modifications=_encoded(attributes, context),
            sop_class_uid=sop_class,
        )
        what = "an annotation box" if sop_class == ANNOTATION_BOX else "an image box"
        self._checked(f"N-SET of {what}", response, context)

    def _act(self, sop_class: str, uid: str) -> None:
        response = n_action(
            self._association,
            context=self._meta,
            sop_instance_uid=uid,
            action_type=_PRINT,
            sop_class_uid=sop_class,
        )
        reply = self._checked("printing", response, self._meta)
        for job in _referenced(reply, "ReferencedPrintJobSequence"):
            self.printed.jobs[job] = State.PENDING.value

    def _delete(self, sop_class: str, uid: str, context: AcceptedContext) -> None:
        response = n_delete(
            self._association, context=context, sop_instance_uid=uid, sop_class_uid=sop_class
        )
        if is_failure(response.status):  # it goes with the association all the same
            self.printed.warnings.append(_sentence("N-DELETE", response))

    def _checked(self, what: str, response: Response, context: AcceptedContext) -> Dataset:
        if is_failure(response.status):
            raise PrintFailure(_sentence(what, response))
        if is_warning(response.status):
            self.printed.warnings.append(_sentence(what, response))
        return decode_identifier(response.dataset or b"", context.transfer_syntax)


_NAMES = {
    GRAYSCALE_META: "Basic Grayscale Print Management",
    COLOUR_META: "Basic Color Print Management",
    PRINT_JOB: "the Print Job SOP Class",
    PRESENTATION_LUT: "the Presentation LUT SOP Class",
    ANNOTATION_BOX: "the Basic Annotation Box SOP Class",
}


def _encoded(attributes: Dataset, context: AcceptedContext) -> bytes:
    return encode_identifier(encode_identifier_charset(attributes), context.transfer_syntax)


def _referenced(dataset: Dataset, keyword: str) -> list[str]:
    items = dataset.get(keyword) or ()
    return [str(item.ReferencedSOPInstanceUID) for item in items]


def _sentence(what: str, response: Response) -> str:
    comment = response.command.get("ErrorComment") or ""
    meaning = MEANINGS.get(response.status, ("", ""))[1]
    said = "; ".join(str(part) for part in (meaning, comment) if part)
    return f"{what}: {response.status:04X}H" + (f" ({said})" if said else "")
