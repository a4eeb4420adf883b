"""Compressed data sets made native before they are due, while others are on their way.

A sender has its instances one after the other, and a receiver that takes native pixels only would
wait for each to be decoded. So the next ones are read and decoded in a few threads, which the whole
archive shares. What they hold is bounded in bytes: an image that finds no room is decoded when it
is due, as is one that no thread has come to. A sender never waits for the images of another.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import UnreadableInstance

if TYPE_CHECKING:
    from pacs_framework.codecs.transcoding import Decompression, Transcoding
    from pacs_framework.storage import ByteSource

__all__ = ["EarlyConversion", "EarlyConversions", "EarlyLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyLimits:
    """How much is decoded before it is due.

    ``images`` of each sender, 0 for none; ``room`` in bytes, of all senders together; in so many
    ``threads``.
    """

    images: int = 0
    room: int = 0
    threads: int = 1


class EarlyConversions:
    """Begins conversions that are due later. Safe to use from many threads; `close` at the end."""

    def __init__(self, transcoding: Transcoding, limits: EarlyLimits) -> None:
        self._transcoding = transcoding
        self._room = _Room(limits.room)
        self._threads = ThreadPoolExecutor(limits.threads, "early")  # started by what they get
        self.images = limits.images

    def begin(self, source: ByteSource, stored: str, target: str) -> EarlyConversion | None:
        """The data set of ``source`` on its way from the syntax ``stored`` to ``target``.

        None where nothing is to be decoded, or nothing early: then ``source`` is as it was.
        """
        if not self.images or stored in UNCOMPRESSED or target not in UNCOMPRESSED:
            return None
        return EarlyConversion(
            self._transcoding, self._threads, self._room, (source, stored, target)
        )

    def close(self) -> None:
        """Wait for what is being decoded, and begin no other. Nobody may be sending."""
        self._threads.shutdown(cancel_futures=True)


class EarlyConversion:
    """One data set, which a thread makes native or nobody has come to yet. For one owner.

    `close` also closes the source, as soon as no thread reads from it any more.
    """

    def __init__(
        self,
        transcoding: Transcoding,
        threads: ThreadPoolExecutor,
        room: _Room,
        what: tuple[ByteSource, str, str],
    ) -> None:
        self._transcoding = transcoding
        self._room = room
        self._source, self._stored, self._target = what
        self._future: Future[_Begun] = threads.submit(self._begin)

    def pieces(self, target: str) -> Iterator[bytes]:
        """The data set in ``target``, which is what it was begun for. Waits until it is there.

        Raises as `Transcoding.convert` does, `UnreadableInstance` also for another ``target``.
        """
        if target != self._target:
            raise UnreadableInstance(f"decoded for {self._target}, and is to be sent as {target}")
        if self._future.cancel():
            return self._decompression().pieces()
        begun = self._future.result()
        return begun.pieces or begun.decompression.pieces()

    def close(self) -> None:
        """Give everything back; a frame that is being decoded is not waited for."""
        self._future.cancel()
        self._future.add_done_callback(self._give_back)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _decompression(self) -> Decompression:
        return self._transcoding.decompression(self._source, self._stored, self._target)

    def _begin(self) -> _Begun:
        decompression = self._decompression()
        if not self._room.take(decompression.size):
            return _Begun(decompression, None)
        try:
            return _Begun(decompression, decompression.pieces())
        except BaseException:
            self._room.give(decompression.size)
            raise

    def _give_back(self, future: Future[_Begun]) -> None:
        self._source.close()
        if future.cancelled() or future.exception() is not None:
            return
        begun = future.result()
        if begun.pieces is not None:
            self._room.give(begun.decompression.size)


@dataclass(frozen=True, slots=True)
class _Begun:
    """``pieces`` are None where there was no room to decode them."""

    decompression: Decompression
    pieces: Iterator[bytes] | None


class _Room:
    """So many bytes for all that is decoded early."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Whether there was room for so many bytes, which now are taken."""
        with self._lock:
            fits = size <= self._left
            if fits:
                self._left -= size
            return fits

    def give(self, size: int) -> None:
        """They are free again."""
        with self._lock:
            self._left += size
