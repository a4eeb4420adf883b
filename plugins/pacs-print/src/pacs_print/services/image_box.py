"""Basic Grayscale and Color Image Box: N-SET, which puts an image into it (PS3.4 H.4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom import Dataset

from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import Outcome
from pacs_print.placing import Outcome as Placed
from pacs_print.placing import in_pixels, place
from pacs_print.queue.records import ImageRecord, image_of
from pacs_print.services.attributes import (
    Reading,
    Rule,
    dataset_of,
    enumerated,
    item_of,
    missing,
    position_of,
    read,
    refused,
    tag,
)
from pacs_print.services.film_box import layout_of, look_rules, referenced_lut
from pacs_print.services.pixels import read_image
from pacs_print.services.statuses import PrintStatus
from pacs_print.services.tree import ImageBox
from pacs_print.terms import DecimateCrop, FilmError, Magnification, Polarity, Resolution

if TYPE_CHECKING:
    from pacs_print.services.desk import Desk

__all__ = ["set_"]

_POSITION = "ImageBoxPosition"
_LUT = "ReferencedPresentationLUTSequence"
_SEQUENCES = {False: "BasicGrayscaleImageSequence", True: "BasicColorImageSequence"}


def set_(desk: Desk) -> Outcome:
    """An image goes into the box; an empty sequence takes it out (PS3.4 H.4.3.1.2.1).

    The position is where it goes on the film: two image boxes cannot both have one.
    """
    found = desk.tree.find(desk.operation.sop_instance_uid, desk.operation.sop_class_uid)
    assert isinstance(found, ImageBox)
    dataset = desk.operation.required_dataset()
    sequence = _SEQUENCES[found.film_box.colour]
    missing(dataset, _POSITION)
    if tag(sequence) not in dataset:
        raise NormalizedFailure(
            f"without {sequence}", status=Status.MISSING_ATTRIBUTE, attributes=[tag(sequence)]
        )
    given = read(dataset, _rules(desk), known=(sequence, _POSITION, _LUT))
    position = _position(dataset, found)
    image = item_of(dataset, sequence)
    answer = dataset_of(given.values)
    answer.ImageBoxPosition = position
    if image is None:
        desk.tree.empty(found)
        found.position = position
        return Outcome(status=given.status, dataset=answer, attributes=given.attributes)
    record, pixels = read_image(image, colour=found.film_box.colour)
    _, lut = referenced_lut(desk, dataset)
    record = record.model_copy(
        update={"position": position, "presentation_lut": lut, **_looks(given.values)}
    )
    placed = _placed(desk, found, record, pixels)
    desk.tree.fill(found, record, pixels)
    status, attributes = _worst(given, placed)
    return Outcome(status=status, dataset=answer, attributes=attributes)


def _rules(desk: Desk) -> list[Rule]:
    assert desk.tree.session is not None
    medium = desk.tree.session.medium
    return [
        *look_rules(desk.printer, medium, of_film=False),
        enumerated("Polarity", [*Polarity]),
        enumerated("RequestedDecimateCropBehavior", [*DecimateCrop]),
        Rule(keyword="RequestedImageSize", default=None, check=_millimetres),
    ]


def _millimetres(value: Any) -> str:
    size = float(value)
    if not 0 < size < 10_000:
        raise ValueError(f"{value} mm is no size of an image")
    return str(value)


def _position(dataset: Dataset, box: ImageBox) -> int:
    boxes = box.film_box.images
    position = position_of(dataset, _POSITION, len(boxes))
    if any(b.position == position and b.record is not None for b in boxes if b is not box):
        raise refused(f"another image box has position {position}", [tag(_POSITION)])
    return position


def _looks(values: dict[str, str | int]) -> dict[str, Any]:
    looks: dict[str, Any] = {
        "magnification": values.get("MagnificationType"),
        "smoothing": values.get("SmoothingType"),
        "min_density": values.get("MinDensity"),
        "max_density": values.get("MaxDensity"),
        "polarity": values.get("Polarity", Polarity.NORMAL),
        "decimate_or_crop": values.get("RequestedDecimateCropBehavior"),
        "requested_size": values.get("RequestedImageSize"),
    }
    return ImageRecord.model_validate({"position": 1, "rows": 1, "columns": 1, **looks}).model_dump(
        include=set(looks)
    )


def _placed(desk: Desk, found: ImageBox, record: ImageRecord, pixels: bytes) -> Placed:
    """How the image will be in its box. Raises `NormalizedFailure`."""
    film = found.film_box
    printer = desk.printer
    high = film.values["RequestedResolutionID"] == Resolution.HIGH
    dpi = printer.high_dpi if high else printer.dpi
    box = layout_of(printer, film).images[record.position - 1]
    magnification = Magnification(str(film.values["MagnificationType"]))
    try:
        placement = place(image_of(record, pixels), in_pixels(box, dpi), dpi, magnification)
    except FilmError as error:
        raise refused(str(error), [tag("RequestedImageSize")]) from None
    if placement.outcome is Placed.TOO_LARGE:
        raise NormalizedFailure(
            "the image is larger than its image box", status=PrintStatus.IMAGE_TOO_LARGE
        )
    return placement.outcome


def _worst(given: Reading, placed: Placed) -> tuple[int, Any]:
    """One status: what happened to the image says more than what happened to its attributes."""
    if placed is Placed.CROPPED:
        return PrintStatus.IMAGE_CROPPED, ()
    if placed is Placed.DECIMATED:
        asked = given.values.get("RequestedDecimateCropBehavior") == DecimateCrop.DECIMATE
        return (PrintStatus.IMAGE_DECIMATED if asked else PrintStatus.IMAGE_DEMAGNIFIED), ()
    return given.status, given.attributes
