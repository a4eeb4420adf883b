"""Which codec decodes and encodes which transfer syntax."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.pixels import PixelFormat
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
        """Whether some codec encodes it."""
        return any(each.codec.encodes for each in self._by_syntax.get(transfer_syntax, ()))

    def decode(self, frame: Buffer, transfer_syntax: str, pixels: PixelFormat) -> Frame:
        """The native frame. Where a codec fails, the next one is asked.

        Raises `UnreadableInstance` with what the first one said.
        """
        failure: UnreadableInstance | None = None
        for each in self._by_syntax.get(transfer_syntax, ()):
            if not each.codec.can_decode(pixels):
                continue
            try:
                return _checked(each.codec.decode(frame, pixels), pixels)
            except UnreadableInstance as error:
                _log.info("a codec failed", plugin=each.plugin, error=str(error))
                failure = failure or error
        raise failure or UnreadableInstance(
            f"no codec decodes {pixels.in_words} of {transfer_syntax}"
        )

    def encode(self, frame: Frame, transfer_syntax: str) -> Frame:
        """The compressed frame. Raises as `decode` does."""
        failure: UnreadableInstance | None = None
        for each in self._by_syntax.get(transfer_syntax, ()):
            if not each.codec.can_encode(frame.pixels):
                continue
            try:
                return each.codec.encode(frame)
            except UnreadableInstance as error:
                _log.info("a codec failed", plugin=each.plugin, error=str(error))
                failure = failure or error
        raise failure or UnreadableInstance(
            f"no codec encodes {frame.pixels.in_words} to {transfer_syntax}"
        )


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
