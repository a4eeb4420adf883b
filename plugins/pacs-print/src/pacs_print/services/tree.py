"""The objects of one association: a film session, its film boxes, their image boxes (PS3.4 H.2).

They live as long as the association does. Whoever deletes one deletes all below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pydicom.uid import generate_uid

from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_print.queue.records import FilmRecord, ImageRecord, LutRecord
from pacs_print.services.attributes import Value
from pacs_print.services.classes import (
    ANNOTATION_BOX,
    COLOUR_IMAGE_BOX,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    PRESENTATION_LUT,
)
from pacs_print.services.pixelfile import PixelFile, Stretch
from pacs_print.services.statuses import PrintStatus
from pacs_print.terms import Medium

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_print.printers import PrinterSettings

__all__ = [
    "AnnotationBox",
    "FilmBox",
    "FilmSession",
    "HeldLut",
    "ImageBox",
    "Node",
    "Tree",
    "film_record",
]


@dataclass(slots=True, kw_only=True, eq=False)
class FilmSession:
    """A Basic Film Session with what was set of it, by keyword."""

    uid: str
    values: dict[str, Value]
    film_boxes: list[FilmBox] = field(default_factory=list)

    sop_class = FILM_SESSION

    @property
    def medium(self) -> Medium:
        """Medium Type (2000,0030)."""
        return Medium(str(self.values["MediumType"]))


@dataclass(slots=True, kw_only=True, eq=False)
class FilmBox:
    """A Basic Film Box. Its boxes are made with it, as many as its formats say."""

    uid: str
    values: dict[str, Value]
    colour: bool
    pixels: PixelFile
    lut: LutRecord | None = None
    lut_uid: str = ""
    images: list[ImageBox] = field(default_factory=list)
    annotations: list[AnnotationBox] = field(default_factory=list)

    sop_class = FILM_BOX

    @property
    def printed(self) -> list[ImageBox]:
        """Those that hold an image, by their position on the film."""
        held = [box for box in self.images if box.record is not None]
        return sorted(held, key=lambda box: box.position)


@dataclass(slots=True, kw_only=True, eq=False)
class ImageBox:
    """A Basic Grayscale or Color Image Box; ``record`` is the image in it, if there is one."""

    uid: str
    film_box: FilmBox
    position: int
    record: ImageRecord | None = None
    stretch: Stretch = (0, 0)

    @property
    def sop_class(self) -> str:
        """Of the kind that its film box has."""
        return COLOUR_IMAGE_BOX if self.film_box.colour else GRAYSCALE_IMAGE_BOX


@dataclass(slots=True, kw_only=True, eq=False)
class AnnotationBox:
    """A Basic Annotation Box."""

    uid: str
    film_box: FilmBox
    position: int
    text: str = ""

    sop_class = ANNOTATION_BOX


@dataclass(slots=True, kw_only=True, eq=False)
class HeldLut:
    """A Presentation LUT, which belongs to the association and not to a film."""

    uid: str
    record: LutRecord

    sop_class = PRESENTATION_LUT


Node: TypeAlias = FilmSession | FilmBox | ImageBox | AnnotationBox | HeldLut


class Tree:
    """All of them, by UID; for the thread of the association. ``folder`` takes files of pixels."""

    def __init__(self, printer: PrinterSettings, folder: Path) -> None:
        self.printer = printer
        self.session: FilmSession | None = None
        self._folder = folder
        self._nodes: dict[str, Node] = {}
        self._size = 0

    def find(self, uid: str, sop_class: str) -> Node:
        """The object with this UID. Raises `NormalizedFailure`: 0112H where there is none (any
        more), 0119H where it is of another class.
        """
        found = self._nodes.get(uid)
        if found is None:
            raise NormalizedFailure(
                f"there is no such instance here: {uid}", status=Status.NO_SUCH_SOP_INSTANCE
            )
        if found.sop_class != sop_class:
            raise NormalizedFailure(
                f"instance {uid} is of another SOP class", status=Status.CLASS_INSTANCE_CONFLICT
            )
        return found

    def check_new(self, uid: str) -> None:
        """Raise `NormalizedFailure` where there is an instance of this UID (0111H)."""
        if uid in self._nodes:
            raise NormalizedFailure(
                f"there is an instance {uid}", status=Status.DUPLICATE_SOP_INSTANCE
            )

    def lut(self, uid: str) -> HeldLut | None:
        """The Presentation LUT with this UID, if there is one."""
        found = self._nodes.get(uid)
        return found if isinstance(found, HeldLut) else None

    # --- made -------------------------------------------------------------------------------------

    def open_session(self, uid: str, values: dict[str, Value]) -> FilmSession:
        """The one film session. Raises `NormalizedFailure` beside another (PS3.4 H.4.1.2.1)."""
        self.check_new(uid)
        if self.session is not None:
            raise _exhausted("an association has one film session at a time")
        self.session = FilmSession(uid=uid, values=values)
        self._nodes[uid] = self.session
        return self.session

    def add_film_box(
        self, session: FilmSession, box: FilmBox, *, images: int, annotations: int
    ) -> None:
        """A film box with so many boxes in it."""
        box.images = [
            ImageBox(uid=str(generate_uid()), film_box=box, position=number)
            for number in range(1, images + 1)
        ]
        box.annotations = [
            AnnotationBox(uid=str(generate_uid()), film_box=box, position=number)
            for number in range(1, annotations + 1)
        ]
        session.film_boxes.append(box)
        made: list[Node] = [box, *box.images, *box.annotations]
        self._nodes |= {node.uid: node for node in made}

    def check_room_for_film_box(self, session: FilmSession) -> None:
        """Raise `NormalizedFailure` where the session has as many as it may (0213H)."""
        most = self.printer.limits.film_boxes
        if len(session.film_boxes) >= most:
            raise _exhausted(f"a film session has at most {most} film boxes")

    def new_pixels(self) -> PixelFile:
        """A file for the pixels of a film box."""
        return PixelFile(self._folder)

    def add_lut(self, uid: str, record: LutRecord) -> HeldLut:
        """A Presentation LUT. Raises `NormalizedFailure`."""
        self.check_new(uid)
        most = self.printer.limits.presentation_luts
        if sum(isinstance(node, HeldLut) for node in self._nodes.values()) >= most:
            raise _exhausted(f"an association has at most {most} presentation LUTs")
        made = HeldLut(uid=uid, record=record)
        self._nodes[uid] = made
        return made

    # --- filled -----------------------------------------------------------------------------------

    def fill(self, box: ImageBox, record: ImageRecord, pixels: bytes) -> None:
        """Put an image into a box, in place of that which was there.

        Raises `NormalizedFailure` beyond the limits of a session (C605H).
        """
        limits = self.printer.limits
        assert self.session is not None
        held = sum(len(each.printed) for each in self.session.film_boxes)
        if box.record is None and held >= limits.images:
            raise _no_memory(f"a film session has at most {limits.images} images")
        if self._size + len(pixels) > limits.size:
            raise _no_memory(f"a film session has at most {limits.size} bytes of pixels")
        try:
            stretch = box.film_box.pixels.append(pixels)
        except OSError as error:
            raise _no_memory(f"pixels could not be kept: {error.strerror}") from error
        self._size += len(pixels)
        box.record, box.stretch, box.position = record, stretch, record.position

    def empty(self, box: ImageBox) -> None:
        """Take the image out of a box. Its bytes count until the film box goes."""
        box.record = None

    # --- deleted ----------------------------------------------------------------------------------

    def delete(self, node: Node) -> None:
        """It and all below it."""
        match node:
            case FilmSession():
                for box in [*node.film_boxes]:
                    self.delete(box)
                self.session = None
            case FilmBox():
                self._forget_film_box(node)
            case _:
                pass
        del self._nodes[node.uid]

    def _forget_film_box(self, box: FilmBox) -> None:
        assert self.session is not None
        self.session.film_boxes.remove(box)
        for uid in (*(each.uid for each in box.images), *(each.uid for each in box.annotations)):
            del self._nodes[uid]
        self._size -= box.pixels.length
        box.pixels.close()

    def close(self) -> None:
        """The association is over."""
        for node in self._nodes.values():
            if isinstance(node, FilmBox):
                node.pixels.close()
        self._nodes.clear()
        self.session = None


def _exhausted(why: str) -> NormalizedFailure:
    return NormalizedFailure(why, status=Status.RESOURCE_LIMITATION)


def _no_memory(why: str) -> NormalizedFailure:
    return NormalizedFailure(why, status=PrintStatus.OUT_OF_MEMORY)


def film_record(session: FilmSession, box: FilmBox) -> FilmRecord:
    """A film box as it is printed: with what is set now."""
    values = box.values
    density = {
        name: _density(values.get(keyword))
        for name, keyword in (
            ("border_density", "BorderDensity"),
            ("empty_image_density", "EmptyImageDensity"),
        )
    }
    return FilmRecord.model_validate(
        {
            "display_format": values["ImageDisplayFormat"],
            "orientation": values["FilmOrientation"],
            "size_id": values["FilmSizeID"],
            "magnification": values["MagnificationType"],
            "smoothing": values.get("SmoothingType"),
            "min_density": values["MinDensity"],
            "max_density": values["MaxDensity"],
            "trim": values["Trim"] == "YES",
            "illumination": values["Illumination"],
            "reflected_ambient_light": values["ReflectedAmbientLight"],
            "presentation_lut": box.lut or LutRecord(),
            "resolution": values["RequestedResolutionID"],
            "medium": session.values["MediumType"],
            "colour": box.colour,
            "images": tuple(each.record for each in box.printed),
            "annotation_format": values.get("AnnotationDisplayFormatID") or None,
            "annotations": {each.position: each.text for each in box.annotations if each.text},
            **density,
        }
    )


def _density(value: Value | None) -> Value | None:
    """BLACK, WHITE, or hundredths of OD."""
    return int(value) if value is not None and str(value).isdecimal() else value
