"""Whether two frames show the same, however their samples are laid out."""

from __future__ import annotations

from itertools import product

from pacs_framework.codecs.codec import Frame

__all__ = ["by_pixel", "same_samples"]


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
