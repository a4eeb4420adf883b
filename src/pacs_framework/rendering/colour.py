"""Colour frames as 8-bit RGB (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

import numpy as np

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.samples import Array, values_of

__all__ = ["rgb_of"]

_WHITE = 255
_NEUTRAL = 128  # Cb and Cr of grey
_FRACTION = 14
_YBR = frozenset(("YBR_FULL", "YBR_FULL_422"))


def rgb_of(cells: Array, layout: FrameLayout) -> Array:
    """The frame in RGB, a view where it is so already. Raises `UnreadableInstance`.

    YBR_ICT and YBR_RCT are within JPEG 2000 only: what a codec decodes is RGB.
    """
    photometric = layout.photometric_interpretation
    if layout.signed or photometric not in _YBR | {"RGB"}:
        sign = "signed" if layout.signed else "native"
        raise UnreadableInstance(f"{sign} pixels in {photometric[:16]!r}, which cannot be drawn")
    samples = _with_8_bits(values_of(cells, layout), layout.bits_stored)
    return _from_ybr(samples) if photometric in _YBR else samples


def _with_8_bits(values: Array, bits: int) -> Array:
    if values.dtype == np.uint8 and bits == 8:
        return values
    if bits > 8:
        high: Array = values >> bits - 8
        return high.astype(np.uint8)
    return np.rint(values * (_WHITE / ((1 << bits) - 1))).astype(np.uint8)


def _from_ybr(samples: Array) -> Array:
    """The inverse of the equations for YBR_FULL, looked up by Cb and Cr."""
    y, cb, cr = (samples[..., number] for number in range(3))
    made = np.empty(samples.shape, np.uint8)
    made[..., 0] = _level(y, _added(1.402, cr))
    made[..., 1] = _level(y, _added(-0.344136, cb) + _added(-0.714136, cr))
    made[..., 2] = _level(y, _added(1.772, cb))
    return made


def _added(factor: float, colour: Array) -> Array:
    """What Cb or Cr adds to Y: in levels, with so many bits behind the point."""
    table = np.rint(factor * (np.arange(256) - _NEUTRAL) * (1 << _FRACTION)).astype(np.int32)
    added: Array = table.take(colour)
    return added


def _level(y: Array, added: Array) -> Array:
    half = 1 << _FRACTION - 1
    level: Array = np.clip(y + (added + half >> _FRACTION), 0, _WHITE)
    return level
