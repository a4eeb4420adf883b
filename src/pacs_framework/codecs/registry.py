"""Which codec decodes and encodes which transfer syntax."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.single_bits import coded, coded_format, holds_single_bits, of_bits
from pacs_framework.errors import UnreadableInstance

__all__ = ["CodecRegistry", "Provided"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Provided:
    """A codec and the plugin that it comes from."""

    codec: Codec
    plugin: str


class CodecRegistry:
    """All codecs of an archive, gathered from the ``codecs`` hook. Safe to use from many threads.

    Plugins that ``prefer`` names are asked first, in its order; then what costs least.
    """

    def __init__(self, prefer: Sequence[str] = ()) -> None:
        self._rank = {name: rank for rank, name in enumerate(prefer)}
        self._by_syntax: dict[str, list[Provided]] = {}
        self.on_failure: Callable[[UnreadableInstance], None] = _nobody
        """Called with what a codec said, before the next one is asked."""

    def add(self, codecs: Iterable[Codec], *, plugin: str) -> None:
        """Offer ``codecs``, before the registry is used."""
        for codec in codecs:
            providers = self._by_syntax.setdefault(codec.transfer_syntax, [])
            providers.append(Provided(codec, plugin))
            providers.sort(key=self._order)

    def _order(self, provided: Provided) -> tuple[int, float, str]:
        rank = self._rank.get(provided.plugin, len(self._rank))
        return rank, provided.codec.cost, provided.plugin

    def __iter__(self) -> Iterator[Provided]:
        """Every codec, by transfer syntax, in the order in which they are asked."""
        for _, providers in sorted(self._by_syntax.items()):
            yield from providers

    def decodes(self, transfer_syntax: str) -> bool:
        """Whether some codec decodes it."""
        return any(each.codec.decodes for each in self._by_syntax.get(transfer_syntax, ()))

    def encodes(self, transfer_syntax: str) -> bool:
        """Whether some codec encodes it without loss."""
        return any(each.codec.encodes for each in self._by_syntax.get(transfer_syntax, ()))

    def encodes_lossy(self, transfer_syntax: str, measure: Measure) -> bool:
        """Whether some codec encodes it with a loss that is measured like this."""
        providers = self._by_syntax.get(transfer_syntax, ())
        return any(measure in each.codec.measures for each in providers)

    def decode(self, frame: Buffer, transfer_syntax: str, pixels: PixelFormat) -> Frame:
        """The native frame. Where a codec fails, the next one is asked.

        Raises `UnreadableInstance` with what the first one said.
        """
        if pixels.bits_allocated > 1:
            return self._decode(frame, transfer_syntax, pixels)
        made = self._decode(frame, transfer_syntax, coded_format(pixels, transfer_syntax))
        return of_bits(made, pixels, transfer_syntax)

    def _decode(self, frame: Buffer, transfer_syntax: str, pixels: PixelFormat) -> Frame:
        offered = self._by_syntax.get(transfer_syntax, ())
        willing = (each for each in offered if each.codec.can_decode(pixels))
        made = self._first(willing, lambda codec: _checked(codec.decode(frame, pixels), pixels))
        if made is None:
            raise UnreadableInstance(f"no codec decodes {pixels.in_words} of {transfer_syntax}")
        return made

    def encode(self, frame: Frame, transfer_syntax: str) -> Frame:
        """The compressed frame. Raises as `decode` does."""
        if frame.pixels.bits_allocated > 1:
            return self._encode(frame, transfer_syntax)
        if not holds_single_bits(transfer_syntax):
            raise UnreadableInstance(
                f"single bits are compressed by RLE Lossless, JPEG 2000 lossless and Deflated "
                f"Image Frame Compression, not by {transfer_syntax} (PS3.5 8.2)"
            )
        made = self._encode(coded(frame, transfer_syntax), transfer_syntax)
        return Frame(made.data, frame.pixels)

    def _encode(self, frame: Frame, transfer_syntax: str) -> Frame:
        offered = self._by_syntax.get(transfer_syntax, ())
        willing = (each for each in offered if each.codec.can_encode(frame.pixels))
        made = self._first(willing, lambda codec: codec.encode(frame))
        if made is None:
            raise UnreadableInstance(
                f"no codec encodes {frame.pixels.in_words} to {transfer_syntax}"
            )
        return made

    def encode_lossy(self, frame: Frame, transfer_syntax: str, loss: Loss) -> Frame:
        """The frame compressed with ``loss``. Raises as `decode` does."""
        if frame.pixels.bits_allocated == 1:
            raise UnreadableInstance("single bits are not compressed with loss: none is a shade")
        offered = self._by_syntax.get(transfer_syntax, ())
        willing = (each for each in offered if each.codec.can_encode_lossy(frame.pixels, loss))
        made = self._first(willing, lambda codec: codec.encode_lossy(frame, loss))
        if made is None:
            raise UnreadableInstance(
                f"no codec encodes {frame.pixels.in_words} to {transfer_syntax} with {loss}"
            )
        return made

    def _first(self, willing: Iterable[Provided], work: Callable[[Codec], Frame]) -> Frame | None:
        """What comes of ``work`` with the first codec that does not fail; None where there is none.

        Raises `UnreadableInstance`, as the first one did, where all of them fail.
        """
        failure: UnreadableInstance | None = None
        for each in willing:
            try:
                return work(each.codec)
            except UnreadableInstance as error:
                _log.info("a codec failed", plugin=each.plugin, error=str(error))
                failure = failure or error
                self.on_failure(failure)
        if failure is not None:
            raise failure
        return None


def _nobody(_failure: UnreadableInstance) -> None:
    """Nobody is waiting to hear of it; a function, so that a registry can be sent to a process."""


def _checked(frame: Frame, asked: PixelFormat) -> Frame:
    """A decoder that gives other pixels than were asked for would make a wrong image of them."""
    given = frame.pixels
    same = ("rows", "columns", "samples_per_pixel", "bits_allocated", "signed")
    if any(getattr(given, name) != getattr(asked, name) for name in same):
        raise UnreadableInstance(f"a frame of other pixels than the header says: {given}")
    if len(frame.data) != given.frame_bytes:
        raise UnreadableInstance(
            f"a frame of {len(frame.data)} bytes, where the header says {given.frame_bytes}"
        )
    return frame
