"""Basic Film Box: N-CREATE, N-SET, N-DELETE, and N-ACTION, which prints it (PS3.4 H.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.network.normalized import Outcome
from pacs_print.layout import Layout, lay_out
from pacs_print.queue.records import LutRecord
from pacs_print.services.attributes import (
    Rule,
    dataset_of,
    density,
    enumerated,
    item_of,
    missing,
    number,
    read,
    refused,
    tag,
    term,
    text,
    unused,
)
from pacs_print.services.classes import (
    ANNOTATION_BOX,
    COLOUR_META,
    FILM_BOX,
    FILM_SESSION,
    PRESENTATION_LUT,
)
from pacs_print.services.desk import reference
from pacs_print.services.printing import check_action, print_films
from pacs_print.services.statuses import PrintStatus
from pacs_print.services.tree import FilmBox, FilmSession
from pacs_print.terms import FilmError, Magnification, Medium, Orientation, Resolution, Smoothing

if TYPE_CHECKING:
    from pacs_print.printers import PrinterSettings
    from pacs_print.services.desk import Desk

__all__ = ["act", "create", "delete", "layout_of", "look_rules", "referenced_lut", "set_"]

_SESSION = "ReferencedFilmSessionSequence"
_LUT = "ReferencedPresentationLUTSequence"
_MADE_ONCE = (
    "ImageDisplayFormat",
    "AnnotationDisplayFormatID",
    "FilmOrientation",
    "FilmSizeID",
    "RequestedResolutionID",
    _SESSION,
    "ReferencedImageBoxSequence",
    "ReferencedBasicAnnotationBoxSequence",
)


def create(desk: Desk) -> Outcome:
    """Its image boxes are made with it, and named in the response in the order of positions."""
    desk.tree.check_new(desk.operation.sop_instance_uid)
    dataset = desk.operation.required_dataset()
    missing(dataset, "ImageDisplayFormat", _SESSION)
    session = _session(desk, dataset)
    desk.tree.check_room_for_film_box(session)
    medium = session.medium
    given = read(
        dataset,
        [*_rules_of_creation(desk.printer), *_rules(desk.printer, medium)],
        known=(_SESSION, _LUT),
        creating=True,
    )
    lut_uid, lut = referenced_lut(desk, dataset)
    laid = _laid_out(desk.printer, given.values)
    box = FilmBox(
        uid=desk.operation.sop_instance_uid,
        values=given.values,
        colour=desk.operation.request.context.abstract_syntax == COLOUR_META,
        pixels=desk.tree.new_pixels(),
        lut=lut,
        lut_uid=lut_uid,
    )
    annotations = len(laid.annotations) if _has_annotations(desk) else 0
    desk.tree.add_film_box(session, box, images=len(laid.images), annotations=annotations)
    return Outcome(status=given.status, dataset=_created(session, box), attributes=given.attributes)


def set_(desk: Desk) -> Outcome:
    """How it looks may be changed until it is printed, and for its next print."""
    box = _named(desk)
    dataset = desk.operation.required_dataset()
    assert desk.tree.session is not None
    medium = desk.tree.session.medium
    given = read(dataset, _rules(desk.printer, medium), known=(_LUT,), fixed=_MADE_ONCE)
    if tag(_LUT) in dataset:
        box.lut_uid, box.lut = referenced_lut(desk, dataset)
    box.values |= given.values
    return Outcome(
        status=given.status, dataset=dataset_of(given.values), attributes=given.attributes
    )


def delete(desk: Desk) -> Outcome:
    """With its image boxes and annotation boxes."""
    desk.tree.delete(_named(desk))
    return Outcome()


def act(desk: Desk) -> Outcome:
    """Print it, as a job of its own."""
    box = _named(desk)
    check_action(desk)
    assert desk.tree.session is not None
    return print_films(
        desk,
        desk.tree.session,
        [box],
        warning=Status.SUCCESS if box.printed else PrintStatus.FILM_WITHOUT_IMAGES,
        full=PrintStatus.QUEUE_FULL_FOR_FILM,
    )


def look_rules(printer: PrinterSettings, medium: Medium, *, of_film: bool) -> list[Rule]:
    """What a film box says for all of its images, and each of them may say anew."""
    least, most = printer.densities(medium)
    return [
        term("MagnificationType", [*Magnification], printer.magnification),
        term("SmoothingType", [*Smoothing], printer.smoothing),
        number(
            "MinDensity", least, most, least if of_film else None, PrintStatus.DENSITY_OUT_OF_RANGE
        ),
        number(
            "MaxDensity", least, most, most if of_film else None, PrintStatus.DENSITY_OUT_OF_RANGE
        ),
        unused("ConfigurationInformation"),
    ]


def _rules(printer: PrinterSettings, medium: Medium) -> list[Rule]:
    """What N-SET may change, too (PS3.4 H.4.2.2.2)."""
    least, most = printer.densities(medium)
    illumination, ambient = printer.light(medium)
    return [
        *look_rules(printer, medium, of_film=True),
        density("BorderDensity", least, most, printer.border_density),
        density("EmptyImageDensity", least, most, printer.empty_image_density),
        enumerated("Trim", ("YES", "NO"), "NO"),
        number("Illumination", 1, 65535, illumination),
        number("ReflectedAmbientLight", 0, 65535, ambient),
    ]


def _rules_of_creation(printer: PrinterSettings) -> list[Rule]:
    """What only N-CREATE says (PS3.4 H.4.2.2.1)."""
    return [
        text("ImageDisplayFormat"),
        text("AnnotationDisplayFormatID"),
        enumerated("FilmOrientation", [*Orientation], Orientation.PORTRAIT),
        term("FilmSizeID", [*printer.sizes], printer.sizes[0], strict=True),
        term("RequestedResolutionID", [*Resolution], Resolution.STANDARD),
    ]


def layout_of(printer: PrinterSettings, box: FilmBox) -> Layout:
    """Where its boxes are."""
    return _laid_out(printer, box.values)


def _laid_out(printer: PrinterSettings, values: dict[str, str | int]) -> Layout:
    try:
        return lay_out(
            printer,
            str(values["ImageDisplayFormat"]),
            size_id=str(values["FilmSizeID"]),
            orientation=Orientation(str(values["FilmOrientation"])),
            annotation_format=str(values.get("AnnotationDisplayFormatID", "")) or None,
        )
    except FilmError as error:
        keyword = "ImageDisplayFormat"
        if "annotation" in str(error):
            keyword = "AnnotationDisplayFormatID"
        raise refused(str(error), [tag(keyword)]) from None


def _session(desk: Desk, dataset: Dataset) -> FilmSession:
    """The film session that is named, which has to be that of the association."""
    item = item_of(dataset, _SESSION)
    named = "" if item is None else str(item.get("ReferencedSOPInstanceUID", ""))
    session = desk.tree.session
    if session is None or session.uid != named:
        raise refused(f"there is no film session {named!r} here", [tag(_SESSION)])
    return session


def referenced_lut(desk: Desk, dataset: Dataset) -> tuple[str, LutRecord | None]:
    """UID and content of the Presentation LUT that is named; raises where there is no such one."""
    item = item_of(dataset, _LUT)
    if item is None:
        return "", None
    uid = str(item.get("ReferencedSOPInstanceUID", ""))
    held = desk.tree.lut(uid)
    if held is None:
        raise refused(f"there is no Presentation LUT {uid!r} here", [tag(_LUT)])
    return uid, held.record


def _has_annotations(desk: Desk) -> bool:
    contexts = desk.operation.request.association.contexts.values()
    return any(context.abstract_syntax == ANNOTATION_BOX for context in contexts)


def _created(session: FilmSession, box: FilmBox) -> Dataset:
    answer = dataset_of(box.values)
    answer.ReferencedFilmSessionSequence = [reference(FILM_SESSION, session.uid)]
    answer.ReferencedImageBoxSequence = [reference(i.sop_class, i.uid) for i in box.images]
    if box.annotations:
        answer.ReferencedBasicAnnotationBoxSequence = [
            reference(ANNOTATION_BOX, each.uid) for each in box.annotations
        ]
    if box.lut_uid:
        answer.ReferencedPresentationLUTSequence = [reference(PRESENTATION_LUT, box.lut_uid)]
    return answer


def _named(desk: Desk) -> FilmBox:
    found = desk.tree.find(desk.operation.sop_instance_uid, FILM_BOX)
    assert isinstance(found, FilmBox)
    return found
