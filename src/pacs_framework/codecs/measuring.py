"""How long codecs take here: what `Codec.cost` says of them, by the clock.

One frame of shades with a little noise, as images of the body have them, encoded by the first codec
that does, and decoded by all. Processor time, so that others on the machine count little.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from time import process_time

from pacs_framework.codecs.codec import Codec, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry, Provided
from pacs_framework.errors import UnreadableInstance

__all__ = ["Measured", "measured"]

_GREY = PixelFormat(rows=512, columns=512, bits_allocated=16, bits_stored=12)
_KINDS = (
    _GREY,
    replace(_GREY, bits_stored=16),  # all that some libraries write
    replace(_GREY, bits_allocated=8, bits_stored=8),
)
_LOSSES = (Loss(Measure.QUALITY, 60), Loss(Measure.NEAR, 2), Loss(Measure.RATIO, 8))
_TIMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The shortest times of a codec for one frame in seconds; None for what it does not do.

    ``frame_bytes`` is the size of the native frame, ``asked`` its place among those of its
    transfer syntax, from 1 on.
    """

    provided: Provided
    asked: int
    frame_bytes: int
    decode_seconds: float | None
    encode_seconds: float | None


def measured(registry: CodecRegistry) -> Iterator[Measured]:
    """Every codec of ``registry``, by transfer syntax, in the order of asking.

    Those of a transfer syntax that nobody encodes are left out: there is nothing to decode.
    """
    by_syntax: dict[str, list[Provided]] = {}
    for each in registry:
        by_syntax.setdefault(each.codec.transfer_syntax, []).append(each)
    frames = {pixels: _shades(pixels) for pixels in _KINDS}
    for providers in by_syntax.values():
        sample = _sample([each.codec for each in providers], frames)
        if sample is not None:
            for asked, each in enumerate(providers, start=1):
                yield _measure(each, asked, *sample)


def _measure(provided: Provided, asked: int, native: Frame, encoded: Frame) -> Measured:
    codec, pixels = provided.codec, native.pixels
    encode = _encoding(codec, native)
    told = replace(encoded.pixels, bits_stored=pixels.bits_stored)
    decode = (lambda: codec.decode(encoded.data, told)) if codec.can_decode(told) else None
    return Measured(
        provided=provided,
        asked=asked,
        frame_bytes=pixels.frame_bytes,
        decode_seconds=_shortest(decode),
        encode_seconds=_shortest(encode),
    )


def _sample(codecs: list[Codec], frames: dict[PixelFormat, Frame]) -> tuple[Frame, Frame] | None:
    """A native frame and what the first codec that encodes it makes of it."""
    for native, codec in product(frames.values(), codecs):
        encode = _encoding(codec, native)
        if encode is not None:
            with suppress(UnreadableInstance):
                return native, encode()
    return None


def _encoding(codec: Codec, native: Frame) -> Callable[[], Frame] | None:
    if codec.encodes and codec.can_encode(native.pixels):
        return lambda: codec.encode(native)
    for loss in _LOSSES:
        if codec.measures and codec.can_encode_lossy(native.pixels, loss):
            return lambda loss=loss: codec.encode_lossy(native, loss)  # type: ignore[misc]
    return None


def _shortest(work: Callable[[], Frame] | None) -> float | None:
    if work is None:
        return None
    times = []
    try:
        work()  # which loads what it needs
        for _ in range(_TIMES):
            started = process_time()
            work()
            times.append(process_time() - started)
    except UnreadableInstance:
        return None
    return min(times)


def _shades(pixels: PixelFormat) -> Frame:
    chance = random.Random(1)  # noqa: S311 - reproducible, not secret
    most = (1 << pixels.bits_stored) - 1
    size = pixels.bits_allocated // 8
    columns = [0.5 + 0.35 * math.sin(column / 17) for column in range(pixels.columns)]
    data = bytearray()
    for row in range(pixels.rows):
        for share in columns:
            noise = chance.random() * 0.02
            sample = round(most * (share * (0.6 + 0.4 * row / pixels.rows) + noise))
            data += min(most, sample).to_bytes(size, "little")
    return Frame(bytes(data), pixels)
