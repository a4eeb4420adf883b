"""Video in an instance: the stream as it is stored, and single frames of it (PS3.5 8.2).

All fragments together are one stream, whatever the number of frames. H.264 and HEVC lie in a
container, MPEG transport stream or MP4 (PS3.5 8.2.7, 8.2.10), MPEG-2 in none or in one; devices
do as they like, so what it is in truth is told by how it begins.
"""

from __future__ import annotations

import importlib.util
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

from pydicom import Dataset

from pacs_framework.codecs.pixels import LARGEST_FRAME, frames_of
from pacs_framework.dicom.header import Readable, split_data_set
from pacs_framework.dicom.rewrite import decode_header
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.layout import FrameLayout

__all__ = ["VIDEO", "VideoStream", "read_video"]

_MPEG_2, _H264, _HEVC = ".mpg", ".h264", ".hevc"
VIDEO: dict[str, str] = {
    f"1.2.840.10008.1.2.4.{number}": suffix
    for numbers, suffix in (
        (("100", "101", "100.1", "101.1"), _MPEG_2),
        ((f"{n}{fragmentable}" for n in range(102, 107) for fragmentable in ("", ".1")), _H264),
        (("107", "108"), _HEVC),
    )
    for number in numbers
}
"""Transfer syntaxes with video, and how files of the bare stream end."""

_BLOCK = 1 << 18
_ELEMENT = 12
_ITEM, _SEQUENCE_END = 0xE000FFFE, 0xE0DDFFFE
_UNDEFINED = 0xFFFFFFFF

_TRANSPORT_PACKET = 188
_SYNC = 0x47
_PROGRAM_STREAM = b"\x00\x00\x01\xba"

_SECONDS = 60.0
_MEMORY = 4 << 30
_RUN = "from pacs_framework.rendering.video_worker import main; main()"
_FRAME = struct.Struct("<III")  # number, rows, columns; then the samples, RGB
_READ_MESSAGE = 1000


def read_video(source: Readable, transfer_syntax: str) -> VideoStream | Dataset:
    """The video in ``source``, from where it stands; a data set where it has no pixel data.

    Raises `UnreadableInstance`.
    """
    split = split_data_set(source, transfer_syntax)
    header = decode_header(split)
    stream = PieceStream(split.tail)
    element = stream.read(_ELEMENT)
    if not element:
        return header
    if split.implicit or element[-4:] != _UNDEFINED.to_bytes(4, "little"):
        raise UnreadableInstance("pixel data of a video that are not encapsulated (PS3.5 A.4)")
    return VideoStream(header, transfer_syntax, stream)


class VideoStream:
    """A video that is read once, from its beginning on."""

    def __init__(self, header: Dataset, transfer_syntax: str, stream: PieceStream) -> None:
        self.header = header
        self.transfer_syntax = transfer_syntax
        self.number_of_frames = frames_of(header)
        self._pieces = _fragments(stream)
        self._first = next(self._pieces, b"")
        if not self._first:
            raise UnreadableInstance("a video without a single byte")

    @property
    def suffix(self) -> str:
        """How a file with the stream ends: that of its container, where it has one."""
        first = self._first
        if first[4:8] == b"ftyp":
            return ".mp4"
        if first[0] == _SYNC and first[_TRANSPORT_PACKET : _TRANSPORT_PACKET + 1] == b"\x47":
            return ".ts"
        return ".mpg" if first.startswith(_PROGRAM_STREAM) else VIDEO[self.transfer_syntax]

    def pieces(self) -> Iterator[bytes]:
        """The stream, in blocks. Raises `UnreadableInstance` where it is cut off."""
        yield self._first
        yield from self._pieces

    def frames(self, wanted: range) -> Iterator[tuple[int, StoredFrame]]:
        """As `pacs_framework.rendering.frames.StoredImage.frames`; needs PyAV.

        It runs in a process of its own, with bounded memory, and bounded time for each frame.
        """
        if importlib.util.find_spec("av") is None:
            raise UnreadableInstance(
                "frames of a video need PyAV: pip install av; `pacs extract` gives the video as it "
                "is stored"
            )
        with tempfile.NamedTemporaryFile(prefix="pacs-video-", suffix=self.suffix) as file:
            for piece in self.pieces():
                file.write(piece)
            file.flush()
            yield from _decoded(file.name, wanted)


def _fragments(stream: PieceStream) -> Iterator[bytes]:
    """All fragments in blocks, without the offset table, which comes first."""
    first = True
    while True:
        header = stream.read(8)
        if len(header) < 8:
            raise _cut_off()
        tag, length = struct.unpack("<II", header)
        if tag == _SEQUENCE_END:
            return
        if tag != _ITEM or length == _UNDEFINED:
            raise UnreadableInstance("pixel data hold what is no fragment")
        for block in _blocks(stream, length):
            if not first:
                yield block
        first = False


def _blocks(stream: PieceStream, length: int) -> Iterator[bytes]:
    while length:
        block = stream.read(min(length, _BLOCK))
        if not block:
            raise _cut_off()
        length -= len(block)
        yield block


def _cut_off() -> UnreadableInstance:
    return UnreadableInstance("the data end inside the pixel data")


def _decoded(path: str, wanted: range) -> Iterator[tuple[int, StoredFrame]]:
    command = (sys.executable, "-c", _RUN, path, str(wanted[0]), str(wanted[-1]), str(_MEMORY))
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(  # noqa: S603 - this very interpreter, and a name that we made
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for _ in wanted:
                frame = _next_frame(process, process.stdout)
                if frame is None:
                    raise UnreadableInstance(_reason(process, said))
                yield frame
        finally:
            process.kill()  # also where nobody wanted the rest


def _next_frame(
    process: subprocess.Popen[bytes], answers: IO[bytes]
) -> tuple[int, StoredFrame] | None:
    """The next frame; None where there is none, or it takes too long, which ends the process."""
    watch = threading.Timer(_SECONDS, process.kill)
    watch.start()
    try:
        head = answers.read(_FRAME.size)
        if len(head) < _FRAME.size:
            return None
        number, rows, columns = _FRAME.unpack(head)
        if rows * columns * 3 > LARGEST_FRAME:
            return None
        data = answers.read(rows * columns * 3)
    finally:
        watch.cancel()
    if len(data) < rows * columns * 3:
        return None
    layout = FrameLayout(
        rows=rows,
        columns=columns,
        samples_per_pixel=3,
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        photometric_interpretation="RGB",
    )
    return number, StoredFrame(data, layout)


def _reason(process: subprocess.Popen[bytes], said: IO[bytes]) -> str:
    if process.wait() < 0:
        return f"the video decoder died, or took more than {_SECONDS:g} s for a frame"
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return (lines[-1] if lines else "the video ends before the frame")[:_READ_MESSAGE]
