"""A print client of pynetdicom's, and what it prints."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom import sop_class as uids

from pacs_framework.testing.running import RunningArchive

NET = 60  # seconds, against tests that never end
META: Any = uids.BasicGrayscalePrintManagementMeta  # type: ignore[attr-defined]
COLOUR: Any = uids.BasicColorPrintManagementMeta  # type: ignore[attr-defined]
JOB: Any = uids.PrintJob  # type: ignore[attr-defined]
LUT: Any = uids.PresentationLUT  # type: ignore[attr-defined]
ANNOTATION: Any = uids.BasicAnnotationBox  # type: ignore[attr-defined]
CONFIGURATION: Any = uids.PrinterConfigurationRetrieval  # type: ignore[attr-defined]
PRINTER: Any = uids.Printer  # type: ignore[attr-defined]
SESSION: Any = uids.BasicFilmSession  # type: ignore[attr-defined]
FILM: Any = uids.BasicFilmBox  # type: ignore[attr-defined]
GRAY_BOX: Any = uids.BasicGrayscaleImageBox  # type: ignore[attr-defined]
COLOUR_BOX: Any = uids.BasicColorImageBox  # type: ignore[attr-defined]
ALL = (META, COLOUR, JOB, LUT, ANNOTATION, CONFIGURATION, PRINTER)

Answer = tuple[int, Dataset]


def a_dataset(**attributes: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def reference(sop_class: str, uid: str) -> Dataset:
    return a_dataset(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)


def gray_item(pixels: NDArray[Any] | None = None, **other: Any) -> Dataset:
    """The item of a Basic Grayscale Image Sequence; 12 bits where the pixels have 16."""
    if pixels is None:
        pixels = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    wide = pixels.dtype == np.uint16
    item = a_dataset(
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=pixels.shape[0],
        Columns=pixels.shape[1],
        BitsAllocated=16 if wide else 8,
        BitsStored=12 if wide else 8,
        HighBit=11 if wide else 7,
        PixelRepresentation=0,
        PixelData=pixels.tobytes(),
    )
    item["PixelData"].VR = "OW" if wide else "OB"
    for keyword, value in other.items():
        setattr(item, keyword, value)
    return item


def colour_item(**other: Any) -> Dataset:
    """The item of a Basic Color Image Sequence: red, in planes."""
    planes = np.zeros((3, 20, 30), np.uint8)
    planes[0] = 255
    item = a_dataset(
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=1,
        Rows=20,
        Columns=30,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=planes.tobytes(),
    )
    item["PixelData"].VR = "OB"
    for keyword, value in other.items():
        setattr(item, keyword, value)
    return item


@dataclass(frozen=True)
class Event:
    """An N-EVENT-REPORT."""

    uid: str
    type: int
    information: Dataset


class Client:
    """A print client on one association; a context manager that releases."""

    def __init__(
        self, running: RunningArchive, *, called: str = "FILM", contexts: tuple[Any, ...] = ALL
    ) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        ae = AE("CT1")
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = NET
        for uid in contexts:
            ae.add_requested_context(uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        self.association = ae.associate(
            running.host,
            running.port,
            ae_title=called,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._told)],
        )
        assert self.association.is_established
        self.session = ""
        self.meta = META

    def _told(self, event: Any) -> tuple[int, None]:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.events.put(Event(uid, event.event_type, event.event_information))
        return 0, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.association.release()
        else:
            self.association.abort()

    @property
    def accepted(self) -> set[str]:
        return {str(c.abstract_syntax) for c in self.association.accepted_contexts}

    def create(
        self, sop_class: Any, dataset: Dataset | None, uid: str | None = None, meta: Any = None
    ) -> Answer:
        status, answer = self.association.send_n_create(
            dataset or None, sop_class, uid or generate_uid(), meta_uid=meta
        )
        return status.Status, answer if answer is not None else Dataset()

    def set(self, sop_class: Any, uid: str, dataset: Dataset, meta: Any = META) -> Answer:
        status, answer = self.association.send_n_set(dataset, sop_class, uid, meta_uid=meta)
        return status.Status, answer if answer is not None else Dataset()

    def act(self, sop_class: Any, uid: str, action: int = 1, meta: Any = None) -> Answer:
        status, answer = self.association.send_n_action(
            None, action, sop_class, uid, meta_uid=meta or self.meta
        )
        return status.Status, answer if answer is not None else Dataset()

    def delete(self, sop_class: Any, uid: str, meta: Any = META) -> int:
        return int(self.association.send_n_delete(sop_class, uid, meta_uid=meta).Status)

    def get(self, sop_class: Any, uid: str, tags: Any = None, meta: Any = None) -> Answer:
        status, answer = self.association.send_n_get(tags, sop_class, uid, meta_uid=meta)
        return status.Status, answer if answer is not None else Dataset()

    def open_session(self, **attributes: Any) -> Answer:
        self.session = str(generate_uid())
        return self.create(SESSION, a_dataset(**attributes), self.session, self.meta)

    def open_film(self, display_format: str = "STANDARD\\2,1", **attributes: Any) -> Answer:
        """The UID of the film box is in the answer as SOPInstanceUID."""
        uid = str(generate_uid())
        attributes.setdefault("ReferencedFilmSessionSequence", [reference(SESSION, self.session)])
        if display_format:
            attributes["ImageDisplayFormat"] = display_format
        status, answer = self.create(FILM, a_dataset(**attributes), uid, self.meta)
        answer.SOPInstanceUID = uid
        return status, answer

    def fill(self, film: Dataset, position: int = 1, **attributes: Any) -> Answer:
        """An image into the box at a position."""
        box = film.ReferencedImageBoxSequence[position - 1].ReferencedSOPInstanceUID
        attributes.setdefault("ImageBoxPosition", position)
        if self.meta == COLOUR:
            attributes.setdefault("BasicColorImageSequence", [colour_item()])
            return self.set(COLOUR_BOX, box, a_dataset(**attributes), COLOUR)
        attributes.setdefault("BasicGrayscaleImageSequence", [gray_item()])
        return self.set(GRAY_BOX, box, a_dataset(**attributes))


def until(check: Callable[[], bool]) -> None:
    """Wait for what another thread does, with a limit."""
    for _ in range(NET * 50):
        if check():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to be")
