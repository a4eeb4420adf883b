"""Compressed images that stay in their lossless transfer syntax while frames of them change."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from pacs_framework.anonymizers.changing import changed_frame
from pacs_framework.anonymizers.pixel_work import PixelWork
from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.comparing import by_pixel, same_samples
from pacs_framework.codecs.encapsulating import EncapsulatedFrames
from pacs_framework.codecs.image import CompressedImage
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.transcoding import Decoder, Encoder
from pacs_framework.dicom.rewrite import encode_header
from pacs_framework.errors import UnreadableInstance

__all__ = ["GatheredFrames", "NotEncoded", "Reencoded"]

_IN_MEMORY = 16 << 20  # bytes of compressed frames; more of them go to a temporary file


class NotEncoded(Exception):
    """No codec encodes a frame, whose pixels are known all the same."""


class Reencoded:
    """A compressed image that stays in its lossless transfer syntax."""

    def __init__(
        self,
        image: CompressedImage,
        frames: GatheredFrames,
        syntax: str,
        work: PixelWork,
        decoder: Decoder,
        encoder: Encoder,
    ) -> None:
        self._image = image
        self._frames = frames
        self._syntax = syntax
        self._work = work
        self._decoder = decoder
        self._encoder = encoder
        self._kind: PixelFormat | None = None

    def pieces(self) -> Iterator[bytes]:
        """The whole data set; every frame is worked on at once. Raises `NotEncoded` besides."""
        header, encapsulated = self._image.header, EncapsulatedFrames()
        try:
            everything = self._needs_every_frame()
            for number, data in enumerate(self._frames, start=1):
                touched = everything or self._touches(number)
                encapsulated.add(self._encoded(data, number) if touched else data)
            if self._kind is not None:
                self._kind.describe(header)
            encapsulated.describe(header)
            beginning = encode_header(header, self._syntax)
        except BaseException:
            encapsulated.close()
            raise
        return _closing(encapsulated, beginning, self._image.rest)

    def _touches(self, number: int) -> bool:
        pixels = self._image.pixels
        return self._work.touches(number, pixels.columns, pixels.rows)

    def _needs_every_frame(self) -> bool:
        """Whether the encoder writes other colours than those that the header says of the frames.

        The header describes all of them at once, so then none can keep its bytes.
        """
        numbers = range(1, self._image.number_of_frames + 1)
        first = next((number for number in numbers if self._touches(number)), None)
        if first is None or all(map(self._touches, numbers)):
            return False
        self._encoded(self._frames[first - 1], first)
        assert self._kind is not None
        before = self._image.pixels.photometric_interpretation
        return self._kind.photometric_interpretation != before

    def _encoded(self, data: Buffer, number: int) -> Buffer:
        frame = self._decoder.decode(data, self._syntax, self._image.pixels)
        if self._touches(number):
            frame = changed_frame(frame, number, self._work, self._image.header)
        try:
            encoded = self._encoder.encode(_woven(frame), self._syntax)
        except UnreadableInstance as error:
            raise NotEncoded(str(error)) from error
        if self._kind not in (None, encoded.pixels):
            raise UnreadableInstance("the frames of the image have pixels of several kinds")
        self._kind = encoded.pixels
        again = self._decoder.decode(encoded.data, self._syntax, encoded.pixels)
        if not same_samples(frame, again):
            raise UnreadableInstance(f"frame {number} is another one once it was encoded")
        return encoded.data


def _woven(frame: Frame) -> Frame:
    """The frame pixel by pixel, which every encoder takes; some take nothing else."""
    if not frame.pixels.planar_configuration:
        return frame
    return Frame(by_pixel(frame), replace(frame.pixels, planar_configuration=0))


class GatheredFrames:
    """Compressed frames to be gone over more than once: in memory, or in a temporary file."""

    def __init__(self, frames: Iterator[bytes]) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - `close`
        self._lengths: list[int] = []
        self._starts: list[int] = []
        try:
            for frame in frames:
                self._starts.append(self._file.tell())
                self._lengths.append(len(frame))
                self._file.write(frame)
        except BaseException:
            self._file.close()
            raise

    def __getitem__(self, index: int) -> bytes:
        self._file.seek(self._starts[index])
        return self._file.read(self._lengths[index])

    def __iter__(self) -> Iterator[bytes]:
        return map(self.__getitem__, range(len(self._lengths)))

    def close(self) -> None:
        """Forget the frames."""
        self._file.close()


def _closing(
    encapsulated: EncapsulatedFrames, beginning: bytes, rest: Iterator[bytes]
) -> Iterator[bytes]:
    with closing(encapsulated):
        yield beginning
        yield from encapsulated.element()
    yield from rest
