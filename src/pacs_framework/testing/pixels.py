"""Pixel data in every transfer syntax that an instance can be stored in (PS3.5 Annex A).

`Fidelity` says how real it is: what is encoded here can be told pixel by pixel, the codestreams of
pydicom's test files are real images, and what nothing here can encode is well-formed and no more.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_frames

from pacs_framework.dicom.uids import BIG_ENDIAN, UNCOMPRESSED

__all__ = ["BIT", "BYTE", "COLOR", "FLOAT", "WORD", "Fidelity", "Form", "add_pixels", "fidelity"]

ROWS = COLUMNS = 8
"""The size of the images that are made here."""

_RLE = "1.2.840.10008.1.2.5"
_ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
_JPIP = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205))
_FROM_TEST_FILES = {
    "1.2.840.10008.1.2.4.50": "SC_rgb_small_odd_jpeg.dcm",
    "1.2.840.10008.1.2.4.51": "JPGExtended.dcm",
    "1.2.840.10008.1.2.4.57": "SC_rgb_jpeg_gdcm.dcm",  # Process 14 with any selection value
    "1.2.840.10008.1.2.4.70": "SC_rgb_jpeg_gdcm.dcm",
    "1.2.840.10008.1.2.4.80": "MR_small_jpeg_ls_lossless.dcm",
    "1.2.840.10008.1.2.4.81": "JPEGLSNearLossless_16.dcm",
    "1.2.840.10008.1.2.4.90": "MR_small_jp2klossless.dcm",
    "1.2.840.10008.1.2.4.91": "JPEG2000.dcm",
}
_IMAGE = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "SamplesPerPixel",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "PlanarConfiguration",
)
# How codestreams of each kind begin, for those that nothing here can encode.
_JPEG, _JPEG_2000 = b"\xff\xd8\xff\xe0", b"\xff\x4f\xff\x51"
_MPEG_2, _H26X, _JPEG_XL = b"\x00\x00\x01\xb3", b"\x00\x00\x00\x01\x67", b"\xff\x0a"


_INTEGER_BITS = 16


@dataclass(frozen=True, slots=True)
class Form:
    """Bits allocated for each sample, and samples for each pixel; more than 16 bits are floats."""

    bits: int
    samples: int = 1

    def frame(self, number: int) -> bytes:
        """The pixels of a frame: little endian, the samples of a pixel side by side."""
        size = ROWS * COLUMNS * self.samples * self.bits // 8
        if self.bits > _INTEGER_BITS:
            return b"".join(struct.pack("<f", number + value) for value in range(size // 4))
        return bytes((number + value) % 256 for value in range(size))


WORD, BYTE, COLOR, BIT, FLOAT = Form(16), Form(8), Form(8, 3), Form(1), Form(32)


class Fidelity(Enum):
    """How real the pixel data of an instance are."""

    EXACT = "encoded here without loss: `Form.frame` gives the pixels"
    REAL = "a codestream of pydicom's test files, with the attributes of its image"
    WELL_FORMED = "fragments that begin as a codestream does, and hold no image"
    ABSENT = "no pixel data: the data set names a place to fetch them from (JPIP)"


def fidelity(transfer_syntax_uid: str) -> Fidelity:
    """What `add_pixels` can do in a transfer syntax."""
    if transfer_syntax_uid in _JPIP:
        return Fidelity.ABSENT
    if transfer_syntax_uid in _FROM_TEST_FILES:
        return Fidelity.REAL
    made_here = {_RLE, _ENCAPSULATED_UNCOMPRESSED, _DEFLATED_FRAMES} | UNCOMPRESSED
    return Fidelity.EXACT if transfer_syntax_uid in made_here else Fidelity.WELL_FORMED


def add_pixels(
    instance: Dataset, transfer_syntax_uid: str, *, form: Form = WORD, frames: int = 1
) -> None:
    """Add an image to ``instance``: its attributes, and pixel data as the transfer syntax wants.

    Where a real image has to be taken, it is as it is, whatever ``form`` says. Single bits and
    floats are never compressed: raises ValueError.
    """
    kind = fidelity(transfer_syntax_uid)
    if kind is Fidelity.REAL:
        _add_real(instance, transfer_syntax_uid, frames)
        return
    _describe(instance, form)
    if kind is Fidelity.ABSENT:
        instance.PixelDataProviderURL = "https://localhost/jpip?target=image"
        return
    pixels = [form.frame(number) for number in range(frames)]
    if transfer_syntax_uid in UNCOMPRESSED:
        _add_native(instance, form, b"".join(pixels), transfer_syntax_uid)
    elif form in (BIT, FLOAT):
        raise ValueError(f"pixels of {form.bits} bits are not compressed in {transfer_syntax_uid}")
    else:
        _encapsulate(instance, [_encoded(frame, form, transfer_syntax_uid) for frame in pixels])


def _describe(instance: Dataset, form: Form) -> None:
    """The Image Pixel module (PS3.3 C.7.6.3)."""
    instance.Rows, instance.Columns = ROWS, COLUMNS
    instance.SamplesPerPixel = form.samples
    instance.PhotometricInterpretation = "RGB" if form.samples > 1 else "MONOCHROME2"
    instance.BitsAllocated = form.bits
    if form.samples > 1:
        instance.PlanarConfiguration = 0
    if form.bits <= _INTEGER_BITS:
        instance.BitsStored, instance.HighBit = form.bits, form.bits - 1
        instance.PixelRepresentation = 0


def _add_native(instance: Dataset, form: Form, pixels: bytes, transfer_syntax_uid: str) -> None:
    """In the byte order that is written; pydicom leaves it to whoever sets them."""
    big = transfer_syntax_uid == BIG_ENDIAN
    keyword = "PixelData" if form.bits <= _INTEGER_BITS else "FloatPixelData"
    size = max(1, form.bits // 8)
    setattr(instance, keyword, _swapped(pixels, size) if big else pixels)
    instance[keyword].VR = "OF" if keyword == "FloatPixelData" else "OW" if size > 1 else "OB"


def _add_real(instance: Dataset, transfer_syntax_uid: str, frames: int) -> None:
    """The first frame of a test file, as often as is wanted."""
    image = _test_file(_FROM_TEST_FILES[transfer_syntax_uid])
    for keyword in _IMAGE:
        if keyword in image:
            setattr(instance, keyword, image[keyword].value)
    frame = next(generate_frames(image.PixelData, number_of_frames=1))
    if str(image.get("LossyImageCompression", "")) == "01" or _is_lossy(transfer_syntax_uid):
        instance.LossyImageCompression = "01"
    _encapsulate(instance, [frame] * frames)


@cache
def _test_file(name: str) -> Dataset:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return pydicom.dcmread(folder / name)


def _is_lossy(transfer_syntax_uid: str) -> bool:
    return transfer_syntax_uid.endswith((".50", ".51", ".81", ".91"))


def _encapsulate(instance: Dataset, frames: Sequence[bytes]) -> None:
    instance.PixelData = encapsulate(list(frames))
    instance["PixelData"].VR = "OB"
    instance["PixelData"].is_undefined_length = True


def _encoded(frame: bytes, form: Form, transfer_syntax_uid: str) -> bytes:
    if transfer_syntax_uid == _RLE:
        return _run_length_encoded(frame, form)
    if transfer_syntax_uid == _DEFLATED_FRAMES:
        compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return compressor.compress(frame) + compressor.flush()
    if transfer_syntax_uid == _ENCAPSULATED_UNCOMPRESSED:
        return frame
    return _beginning(transfer_syntax_uid) + frame


def _beginning(transfer_syntax_uid: str) -> bytes:
    """How a codestream of the transfer syntax begins."""
    process = int(transfer_syntax_uid.removeprefix("1.2.840.10008.1.2.4.").split(".")[0])
    for first, last, beginning in (
        (50, 81, _JPEG),
        (90, 93, _JPEG_2000),
        (100, 101, _MPEG_2),
        (102, 108, _H26X),
        (110, 112, _JPEG_XL),
        (201, 203, _JPEG_2000),
    ):
        if first <= process <= last:
            return beginning
    raise ValueError(f"nothing is known of the transfer syntax {transfer_syntax_uid!r}")


def _run_length_encoded(frame: bytes, form: Form) -> bytes:
    """A segment for each byte of each sample, the high one first (PS3.5 Annex G)."""
    size = form.bits // 8
    stride = size * form.samples
    planes = [
        frame[sample * size + byte :: stride]
        for sample in range(form.samples)
        for byte in reversed(range(size))
    ]
    segments = [_literal_runs(plane) for plane in planes]
    offsets = [64 + sum(map(len, segments[:number])) for number in range(len(segments))]
    header = [len(segments), *offsets, *[0] * (15 - len(offsets))]
    return b"".join((*(number.to_bytes(4, "little") for number in header), *segments))


def _literal_runs(data: bytes) -> bytes:
    runs = b"".join(
        bytes([len(run) - 1]) + run
        for run in (data[start : start + 128] for start in range(0, len(data), 128))
    )
    return runs + b"\0" * (len(runs) % 2)


def _swapped(data: bytes, size: int) -> bytes:
    """Every number of ``size`` bytes turned round."""
    found = bytearray(len(data))
    for byte in range(size):
        found[byte::size] = data[size - 1 - byte :: size]
    return bytes(found)
