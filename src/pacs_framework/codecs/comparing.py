"""Whether two frames show the same, however their samples are laid out."""

from __future__ import annotations

import sys
from array import array
from itertools import product
from operator import sub

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.single_bits import samples_of_bits

__all__ = ["by_pixel", "largest_difference", "same_kind", "same_samples", "samples_of"]

_UNSIGNED = {8: "B", 16: "H", 32: "I"}


def by_pixel(frame: Frame) -> bytes:
    """The samples pixel by pixel, whatever the planar configuration."""
    pixels, data = frame.pixels, bytes(frame.data)
    samples = pixels.samples_per_pixel
    if samples == 1 or pixels.planar_configuration == 0:
        return data
    size, plane = pixels.bits_allocated // 8, len(data) // samples
    woven = bytearray(len(data))
    for sample, byte in product(range(samples), range(size)):
        part = data[sample * plane + byte : (sample + 1) * plane : size]
        woven[sample * size + byte :: samples * size] = part
    return bytes(woven)


def same_samples(one: Frame, other: Frame) -> bool:
    """Whether both have equal samples of one colour, pixel for pixel."""
    same_colour = one.pixels.photometric_interpretation == other.pixels.photometric_interpretation
    return same_colour and by_pixel(one) == by_pixel(other)


def same_kind(one: Frame, other: Frame) -> bool:
    """Whether both have as many samples, of as many bits, in frames of one size."""
    names = ("rows", "columns", "samples_per_pixel", "bits_allocated", "bits_stored", "signed")
    return all(getattr(one.pixels, name) == getattr(other.pixels, name) for name in names)


def largest_difference(one: Frame, other: Frame) -> int | None:
    """The largest difference of two samples; None where there are none to compare.

    That is so for frames of two kinds, and for those of two colours.
    """
    same_colour = one.pixels.photometric_interpretation == other.pixels.photometric_interpretation
    if not (same_colour and same_kind(one, other)):
        return None
    return max(map(abs, map(sub, samples_of(one), samples_of(other))), default=0)


def samples_of(frame: Frame) -> array[int]:
    """The samples pixel by pixel, as numbers."""
    if frame.pixels.bits_allocated == 1:
        return array("B", samples_of_bits(frame))
    code = _UNSIGNED[frame.pixels.bits_allocated]
    samples = array(code.lower() if frame.pixels.signed else code, by_pixel(frame))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
