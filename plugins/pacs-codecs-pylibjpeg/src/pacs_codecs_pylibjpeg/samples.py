"""Samples as arrays. numpy is loaded with the first frame: an archive that starts does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_framework.codecs.codec import Frame
from pacs_framework.errors import UnreadableInstance

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bit_patterns", "clipped", "narrowed", "with_sign"]


def _array(frame: Frame) -> NDArray[Any]:
    import numpy as np  # noqa: PLC0415 - see above

    pixels = frame.pixels
    if len(frame.data) != pixels.frame_bytes:
        raise UnreadableInstance(f"a frame of {len(frame.data)} bytes, not {pixels.frame_bytes}")
    kind = "i" if pixels.signed else "u"
    return np.frombuffer(frame.data, dtype=f"<{kind}{pixels.bits_allocated // 8}")


def narrowed(frame: Frame) -> bytes:
    """The samples in as few bytes as Bits Stored takes.

    Raises `UnreadableInstance` where they use more bits, which would be lost.
    """
    return _narrowed(frame).tobytes()


def bit_patterns(frame: Frame) -> bytes:
    """The same as unsigned numbers of so many bits, for coders that know no sign. Raises alike."""
    samples = _narrowed(frame)
    unsigned = samples.view(f"<u{samples.itemsize}")
    patterns: NDArray[Any] = unsigned & unsigned.dtype.type((1 << frame.pixels.bits_stored) - 1)
    return patterns.tobytes()


def _narrowed(frame: Frame) -> NDArray[Any]:
    pixels, samples, (low, high) = frame.pixels, _array(frame), _range(frame)
    if samples.min() < low or samples.max() > high:
        raise UnreadableInstance(
            f"samples use more than the {pixels.bits_stored} bits that Bits Stored says"
        )
    size = 1 if pixels.bits_stored <= 8 else 2
    return samples.astype(f"<{samples.dtype.kind}{size}", copy=False)


def clipped(frame: Frame) -> Frame:
    """``frame`` without the bits beyond Bits Stored that a loss has given to its samples.

    Whoever looks at Bits Stored bits only would see a white that became a little whiter black.
    """
    samples, (low, high) = _array(frame), _range(frame)
    if samples.min() >= low and samples.max() <= high:
        return frame
    return Frame(samples.clip(low, high).tobytes(), frame.pixels)


def _range(frame: Frame) -> tuple[int, int]:
    """The least and the largest number that Bits Stored holds."""
    pixels = frame.pixels
    low = -(1 << pixels.bits_stored - 1) if pixels.signed else 0
    return low, low + (1 << pixels.bits_stored) - 1


def with_sign(frame: Frame, bits: int) -> Frame:
    """``frame``, of whose samples ``bits`` bits count, with the sign that its header says."""
    samples = _array(frame)
    kind = "i" if frame.pixels.signed else "u"
    shift = frame.pixels.bits_allocated - bits
    unsigned = samples.view(f"<u{samples.itemsize}")
    return Frame(
        ((unsigned << shift).view(f"<{kind}{samples.itemsize}") >> shift).tobytes(), frame.pixels
    )
