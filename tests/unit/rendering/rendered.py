"""Images made of arrays, and what is drawn of them, all in memory."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.rendering.drawing import View, draw
from pacs_framework.rendering.frames import StoredImage, read_stored_image
from pacs_framework.rendering.picture import Picture

EXPLICIT = str(ExplicitVRLittleEndian)


class NoDecoder:
    """For images that are not compressed."""

    def decodes(self, transfer_syntax: str) -> bool:
        return False

    def decode(self, frame: Buffer, transfer_syntax: str, pixels: PixelFormat) -> Frame:
        raise AssertionError("nothing is compressed here")


def image(values: np.ndarray, *, frames: int = 1, **attributes: Any) -> Dataset:
    """A monochrome image of ``values`` (rows, columns), or (frames, rows, columns) where there are
    several; RGB where they have three samples. ``attributes`` override by keyword.
    """
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    shape = values.shape[1:] if frames > 1 else values.shape
    ds.Rows, ds.Columns = shape[:2]
    ds.SamplesPerPixel = 3 if len(shape) == 3 else 1
    if frames > 1:
        ds.NumberOfFrames = frames
    ds.PhotometricInterpretation = "RGB" if ds.SamplesPerPixel == 3 else "MONOCHROME2"
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8 * values.dtype.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(values.dtype.kind == "i")
    data = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def read(ds: Dataset, syntax: str = EXPLICIT) -> StoredImage:
    """The image as it is read from a stream in ``syntax``."""
    found = read_stored_image(io.BytesIO(encode_identifier(ds, syntax)), syntax, NoDecoder())
    assert not isinstance(found, Dataset)
    return found


def drawn(ds: Dataset, number: int = 1, syntax: str = EXPLICIT, **view: Any) -> Picture:
    """The picture of frame ``number``; ``view`` as `View` takes it."""
    found = read(ds, syntax)
    [(found_number, frame)] = found.frames(range(number, number + 1))
    assert found_number == number
    return draw(frame, found.header, number, View(**view))


def pixels(ds: Dataset, number: int = 1, **view: Any) -> np.ndarray:
    """The pixels of `drawn`."""
    return drawn(ds, number, **view).pixels


def lut_item(first: int, entries: list[int], bits: int = 16, vr: str = "US") -> Dataset:
    """An item of Modality or VOI LUT Sequence."""
    item = Dataset()
    item.add_new(0x00283002, vr, [len(entries) % 65536, first, bits])
    item.add_new(0x00283006, "OW", np.array(entries, "<u2").tobytes())
    item.ModalityLUTType = "US"
    return item


def save(ds: Dataset, path: Any, syntax: str = EXPLICIT) -> Any:
    """A Part 10 file."""
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path
