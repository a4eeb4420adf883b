"""What the marker segments of a JPEG or JPEG-LS image say (ISO/IEC 10918-1 B.2, 14495-1 C.2).

Looked at before anything is decoded: an image of another size than the header says is not worth
the memory.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["JpegHeader", "read_header"]

_START_OF_IMAGE, _END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
_JFIF, _ADOBE, _START_OF_SCAN = 0xE0, 0xEE, 0xDA
_JPEG_LS = 0xF7
_NO_FRAMES = {0xC4, 0xC8, 0xCC}  # tables and reserved among the codes of frames
_FRAMES = {*range(0xC0, 0xD0), _JPEG_LS} - _NO_FRAMES
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF, _JPEG_LS}
_YCC = 1  # the Adobe marker's transform
_AFTER_THE_END = 64  # bytes of padding that are seen behind the last marker
_RGB_IDENTIFIERS = (b"RGB", b"rgb")


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHeader:
    """One image; ``identifiers`` are those of its components.

    It is ``interleaved`` when one scan has all of them. ``near`` is the largest error of a sample
    in a JPEG-LS image.
    """

    rows: int
    columns: int
    precision: int
    lossless: bool
    near: int
    interleaved: bool
    identifiers: bytes
    jfif: bool
    adobe_transform: int | None

    def check(self, pixels: PixelFormat) -> None:
        """Raises `UnreadableInstance` where the header of the instance says something else."""
        here = (self.rows, self.columns, len(self.identifiers))
        if here != (pixels.rows, pixels.columns, pixels.samples_per_pixel):
            raise UnreadableInstance(
                f"the compressed image has {self.rows} rows, {self.columns} columns and "
                f"{len(self.identifiers)} samples, where the header says {pixels.rows}, "
                f"{pixels.columns} and {pixels.samples_per_pixel}"
            )
        if self.precision > pixels.bits_allocated:
            raise UnreadableInstance(
                f"samples of {self.precision} bits, {pixels.bits_allocated} are allocated"
            )

    def colour(self, stated: str) -> str:
        """The photometric interpretation of its samples; ``stated`` is what the instance says.

        Markers that speak of colour are about these very samples, and believed first.
        """
        if len(self.identifiers) == 1:
            return stated
        if self.identifiers in _RGB_IDENTIFIERS:
            return "RGB"
        transformed = self.adobe_transform == _YCC or self.jfif
        if stated.startswith("YBR") or transformed:
            return "YBR_FULL"  # YBR_FULL_422 has shared samples, which decoders spread
        return stated


def read_header(data: bytes) -> JpegHeader:
    """The header of the image in ``data``. Raises `UnreadableInstance`, also for a cut-off one."""
    if not data.startswith(_START_OF_IMAGE):
        raise UnreadableInstance("no JPEG image")
    if _END_OF_IMAGE not in data.rstrip(b"\0")[-_AFTER_THE_END:]:
        raise UnreadableInstance("the JPEG image is cut off: it has no end")
    try:
        return _read(data)
    except (IndexError, struct.error):
        raise UnreadableInstance("the JPEG image is cut off in its header") from None


def _read(data: bytes) -> JpegHeader:
    position, jfif, adobe, frame = len(_START_OF_IMAGE), False, None, None
    while True:
        code, start, position = _segment(data, position)
        if code in _FRAMES:
            frame = frame or (code, start)
        elif code == _START_OF_SCAN:
            break
        elif code == _JFIF:
            jfif = jfif or data[start : start + 5] == b"JFIF\0"
        elif code == _ADOBE and data[start : start + 5] == b"Adobe":
            adobe = data[start + 11]
    if frame is None:
        raise UnreadableInstance("a JPEG image without a frame header")
    in_scan = data[start]
    near = data[start + 1 + 2 * in_scan]
    code, start = frame
    precision, rows, columns, components = struct.unpack_from(">BHHB", data, start)
    identifiers = bytes(data[start + 6 + 3 * number] for number in range(components))
    return JpegHeader(
        rows=rows,
        columns=columns,
        precision=precision,
        lossless=code in _LOSSLESS,
        near=near if code == _JPEG_LS else 0,
        interleaved=in_scan == components,
        identifiers=identifiers,
        jfif=jfif,
        adobe_transform=adobe,
    )


def _segment(data: bytes, position: int) -> tuple[int, int, int]:
    """Code of the marker, where its parameters begin, and where the next one is."""
    if data[position] != 0xFF:
        raise UnreadableInstance("a JPEG image with damaged marker segments")
    while data[position] == 0xFF:  # any number of fill bytes may stand before a code
        position += 1
    (length,) = struct.unpack_from(">H", data, position + 1)
    if length < 2:
        raise UnreadableInstance("a JPEG image with damaged marker segments")
    return data[position], position + 3, position + 1 + length
