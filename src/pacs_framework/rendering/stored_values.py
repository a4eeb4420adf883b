"""Stored values in files that others read: PNG, JPEG, NumPy."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from PIL import Image

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.colour import rgb_of
from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.samples import Array, cells_of, values_of

__all__ = ["ValuesFile", "jpeg_of", "npy_of", "png_of"]

_PNG_BITS, _JPEG_BITS = 16, 8
_QUALITY = 95


@dataclass(frozen=True, slots=True)
class ValuesFile:
    """``data`` holds each value plus ``offset``: PNG has no negative ones."""

    data: bytes
    offset: int = 0


def png_of(frame: StoredFrame) -> ValuesFile:
    """The values of a frame, exactly; colours as RGB. Raises `UnreadableInstance`.

    8 bits for each sample where Bits Stored is 8 or less, else 16.
    """
    from pacs_framework.rendering.png16 import png_of_16_bits  # noqa: PLC0415

    layout = frame.layout
    _check_bits(layout, _PNG_BITS, "PNG", "--npy and --raw hold every kind of value")
    values, offset = _unsigned(_shown(frame), layout), -layout.least
    if layout.bits_stored > _JPEG_BITS:
        return ValuesFile(png_of_16_bits(values), offset)
    return ValuesFile(_by_pillow(values.astype(np.uint8), "PNG"), offset)


def jpeg_of(frame: StoredFrame) -> ValuesFile:
    """The values of a frame of up to 8 bits, with the loss of JPEG. Raises `UnreadableInstance`."""
    layout = frame.layout
    remedy = "--png holds 16 bits, and `pacs render --format jpeg` draws 8 of them"
    _check_bits(layout, _JPEG_BITS, "JPEG", remedy)
    values = _unsigned(_shown(frame), layout).astype(np.uint8)
    return ValuesFile(_by_pillow(values, "JPEG", quality=_QUALITY), -layout.least)


def npy_of(frames: Iterator[StoredFrame], number: int) -> Iterator[bytes]:
    """A NumPy file with the values of ``number`` frames, in pieces.

    Its shape is (rows, columns) for one frame, (frames, rows, columns) for several, each with
    samples behind where there are three. Raises `UnreadableInstance`, also after some pieces.
    """
    first = next(frames)
    shown = _shown(first)
    shape = shown.shape if number == 1 else (number, *shown.shape)
    head = io.BytesIO()
    described = {"descr": shown.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, described)
    yield head.getvalue()
    for frame in chain((first,), frames):
        values = _shown(frame)
        if values.shape != shown.shape or values.dtype != shown.dtype:
            raise UnreadableInstance("the frames of the image have pixels of several kinds")
        yield np.ascontiguousarray(values).tobytes()


def _shown(frame: StoredFrame) -> Array:
    """Stored values as they are; colours that no one else knows as RGB."""
    cells = cells_of(frame)
    if frame.layout.samples_per_pixel == 1:
        return values_of(cells, frame.layout)
    if frame.layout.photometric_interpretation == "RGB":
        return values_of(cells, frame.layout)
    return rgb_of(cells, frame.layout)


def _unsigned(values: Array, layout: FrameLayout) -> Array:
    return (values.astype(np.int64) - layout.least).astype(np.uint16) if layout.signed else values


def _check_bits(layout: FrameLayout, most: int, name: str, remedy: str) -> None:
    if layout.floating or layout.bits_stored > most:
        kind = "floats" if layout.floating else f"values of {layout.bits_stored} bits"
        raise UnreadableInstance(f"{name} does not hold {kind}: {remedy}")


def _by_pillow(values: Array, form: str, **options: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(file, form, **options)
    return file.getvalue()
