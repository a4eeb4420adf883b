"""What an instance holds, as files of their own: frames, a video, a document.

By default as it is stored: compressed frames as they are, native ones little endian, a video as its
stream. Nothing of that needs NumPy, Pillow, or a codec.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, BinaryIO

from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.transcoding import Decoder
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.documents import EncapsulatedDocument
from pacs_framework.rendering.frames import (
    EncodedImage,
    StoredFrame,
    StoredImage,
    wanted_frames,
)
from pacs_framework.rendering.opening import open_file
from pacs_framework.rendering.video import VideoStream

__all__ = ["Extract", "Form", "extracts", "frame_suffix"]

_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_SUFFIXES = {
    ".jpg": ("50", "51", "57", "70", *map(str, range(52, 57)), *map(str, range(58, 67))),
    ".jls": ("80", "81"),
    ".j2k": ("90", "91", "92", "93"),
    ".j2c": ("201", "202", "203"),
    ".jxl": ("110", "111", "112"),
}
_BY_SYNTAX = {
    f"1.2.840.10008.1.2.4.{number}": suffix
    for suffix, numbers in _SUFFIXES.items()
    for number in numbers
} | {
    "1.2.840.10008.1.2.5": ".rle",
    "1.2.840.10008.1.2.8.1": ".deflate",
    "1.2.840.10008.1.2.1.98": ".raw",
}
_JPEG_COLOURS = ("MONOCHROME1", "MONOCHROME2", "YBR_FULL", "YBR_FULL_422")


class Form(Enum):
    """What frames are written as."""

    STORED = "stored"
    """As they are: compressed frames, or native ones."""
    RAW = "raw"
    """Native, little endian, decoded where they are compressed."""
    PNG = "png"
    """Stored values in 8 or 16 bits, without loss."""
    JPEG = "jpeg"
    """Stored values of up to 8 bits; a JPEG baseline frame as it is."""
    NPY = "npy"
    """Stored values as a NumPy array, all frames in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """One file: ``frame`` is its number, None where it is of all frames or of none.

    ``pieces`` are read once. ``facts`` say how to read it, for programs.
    """

    frame: int | None
    suffix: str
    pieces: Iterator[bytes]
    facts: dict[str, Any] = field(default_factory=dict)


def frame_suffix(transfer_syntax: str) -> str:
    """How files of single compressed frames end; ``.bin`` for a syntax that nobody knows."""
    return _BY_SYNTAX.get(transfer_syntax, ".bin")


def extracts(
    file: BinaryIO,
    decoder: Decoder,
    form: Form = Form.STORED,
    frame: int | None = None,
    threads: FrameThreads | None = None,
) -> Iterator[tuple[int, Extract]]:
    """The number of frames, and each file of what the Part 10 ``file`` holds.

    ``frame`` takes one frame of an image or a video. ``threads`` work on frames beside each other.
    Raises `UnreadableInstance`, also after some.
    """
    threads = threads or FrameThreads()
    found = open_file(file, decoder, threads)
    if isinstance(found, EncapsulatedDocument):
        yield 1, _document(found, form, frame)
        return
    number = found.number_of_frames
    wanted = wanted_frames(frame, number)
    if isinstance(found, VideoStream) and form is Form.STORED and frame is None:
        pieces = found.pieces()
        yield 1, Extract(frame=None, suffix=found.suffix, pieces=pieces)
        return
    for each in _of_image(found, form, wanted, threads):
        yield number, each


def _document(document: EncapsulatedDocument, form: Form, frame: int | None) -> Extract:
    if form is not Form.STORED or frame is not None:
        raise UnreadableInstance(
            f"an encapsulated document ({document.mime_type or 'without a type'}) has no frames; "
            "it comes out as it is, without options"
        )
    facts = {"mime_type": document.mime_type}
    return Extract(frame=None, suffix=document.suffix, pieces=iter((document.data,)), facts=facts)


def _of_image(
    image: StoredImage | VideoStream, form: Form, wanted: range, threads: FrameThreads
) -> Iterator[Extract]:
    if isinstance(image, EncodedImage) and _as_it_is(image, form):
        suffix = frame_suffix(image.transfer_syntax)
        for number, data in image.encoded_frames(wanted):
            yield Extract(frame=number, suffix=suffix, pieces=iter((data,)))
        return
    if form is Form.NPY:
        yield _npy(image, wanted)
        return
    yield from threads.map(lambda each: _one(*each, form), image.frames(wanted))


def _as_it_is(image: EncodedImage, form: Form) -> bool:
    """Whether frames come out as they are stored: asked for, or JPEG that every viewer reads."""
    baseline = image.transfer_syntax == _JPEG_BASELINE
    photometric = image.pixels.photometric_interpretation
    return form is Form.STORED or (form is Form.JPEG and baseline and photometric in _JPEG_COLOURS)


def _one(number: int, frame: StoredFrame, form: Form) -> Extract:
    if form in (Form.STORED, Form.RAW):
        return Extract(
            frame=number,
            suffix=".raw",
            pieces=iter((bytes(frame.data),)),
            facts=asdict(frame.layout),
        )
    from pacs_framework.rendering.stored_values import (  # noqa: PLC0415 - raw needs no NumPy
        jpeg_of,
        png_of,
    )

    made = png_of(frame) if form is Form.PNG else jpeg_of(frame)
    suffix = ".png" if form is Form.PNG else ".jpg"
    return Extract(
        frame=number, suffix=suffix, pieces=iter((made.data,)), facts={"offset": made.offset}
    )


def _npy(image: StoredImage | VideoStream, wanted: range) -> Extract:
    from pacs_framework.rendering.stored_values import npy_of  # noqa: PLC0415 - raw needs no NumPy

    frames = (frame for _, frame in image.frames(wanted))
    frame = wanted[0] if len(wanted) == 1 else None
    return Extract(frame=frame, suffix=".npy", pieces=npy_of(frames, len(wanted)))
