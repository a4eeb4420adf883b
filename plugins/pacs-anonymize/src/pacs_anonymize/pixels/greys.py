"""Native frames as pictures of 8-bit greys, for programs that look for text in them."""

from __future__ import annotations

from array import array

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import by_pixel, samples_of

__all__ = ["greys_of", "inverted", "portable_greymap"]

_WHITE = 255
_INVERTING = bytes(range(_WHITE, -1, -1))


def greys_of(frame: Frame) -> bytes:
    """A byte for each pixel, row by row: the frame from its darkest to its brightest sample.

    Of colours it is the brightest sample, so text of any colour on black stands out; of YBR it is
    the luminance. Palettes are taken as they are numbered.
    """
    pixels = frame.pixels
    if pixels.samples_per_pixel == 1:
        return _stretched(samples_of(frame))
    samples = array("B" if pixels.bits_allocated == 8 else "H", by_pixel(frame))
    if pixels.photometric_interpretation.startswith("YBR"):
        return _stretched(samples[::3])
    return _stretched(array("H", map(max, samples[::3], samples[1::3], samples[2::3])))


def _stretched(samples: array[int]) -> bytes:
    low, high = min(samples), max(samples)
    if high == low:
        return bytes(len(samples))
    known = {value: (value - low) * _WHITE // (high - low) for value in set(samples)}
    return bytes(map(known.__getitem__, samples))


def inverted(greys: bytes) -> bytes:
    """White for black: text is looked for as dark letters on a light ground, too."""
    return greys.translate(_INVERTING)


def portable_greymap(greys: bytes, columns: int, times: int) -> bytes:
    """A picture in the format PGM, each pixel ``times`` as wide and as high."""
    rows = len(greys) // columns
    head = f"P5 {columns * times} {rows * times} {_WHITE}\n".encode()
    wide = bytearray(len(greys) * times)
    for offset in range(times):
        wide[offset::times] = greys
    stride = columns * times
    lines = (bytes(wide[at : at + stride]) for at in range(0, len(wide), stride))
    return head + b"".join(line * times for line in lines)
