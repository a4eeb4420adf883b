"""What an anonymizer wants done to pixels, done: frames decoded, changed, and written back.

Only frames that are touched are decoded and encoded; all others keep their bytes. In a lossless
transfer syntax the instance stays in it, and each new frame is decoded again and compared. Pixels
that a lossy one has lost would be lost a second time, everywhere and not only where something is
blanked, so such an instance goes on native, with exactly the pixels that a viewer has seen: that
they had once been compressed with loss stays written (PS3.3 C.7.6.1.1.5). So does one that no
installed codec can encode again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import structlog
from pydicom import Dataset

from pacs_framework.anonymizers.changing import changed_frame
from pacs_framework.anonymizers.native_pixels import NativePixels, native_pixels
from pacs_framework.anonymizers.pictures import prepare
from pacs_framework.anonymizers.pixel_work import PixelWork
from pacs_framework.anonymizers.reencoding import GatheredFrames, NotEncoded, Reencoded
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.fragments import without_offset_tables
from pacs_framework.codecs.image import (
    EXPLICIT,
    EXPLICIT_VR,
    PIXEL_DATA,
    CompressedImage,
    OtherDataSet,
    read_image,
)
from pacs_framework.codecs.native import read_uncompressed
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.single_bits import joined
from pacs_framework.codecs.syntaxes import is_lossless, syntax_name
from pacs_framework.codecs.transcoding import Decoder, Encoder, Transcoding
from pacs_framework.dicom.header import Readable
from pacs_framework.dicom.rewrite import convert_uncompressed, encode_header
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import NotAnonymized, PluginError, UnreadableInstance

__all__ = ["RedactedDataSet", "redacted"]

_log = structlog.get_logger(__name__)

_LARGEST_NATIVE = 0xFFFFFFFE


@dataclass(frozen=True, slots=True)
class RedactedDataSet:
    """A data set whose pixels were worked on; ``pieces`` raise what goes wrong on the way."""

    transfer_syntax: str
    pieces: Iterator[bytes]


def redacted(
    source: Readable, transfer_syntax: str, work: PixelWork, transcoding: Transcoding | None
) -> RedactedDataSet:
    """The de-identified data set in ``source``, read from where it stands, with ``work`` done.

    One frame is in memory at a time. A data set without pixel data stays as it is. Raises
    `NotAnonymized`, also with the pieces: then nothing of the instance may go on.
    """
    try:
        made = _redacted(source, transfer_syntax, work, transcoding)
    except (UnreadableInstance, PluginError) as error:
        raise _failed(error) from error
    return RedactedDataSet(made.transfer_syntax, _guarded(made.pieces))


def _redacted(
    source: Readable, stored: str, work: PixelWork, transcoding: Transcoding | None
) -> RedactedDataSet:
    if stored in UNCOMPRESSED:
        pieces = _native(native_pixels(read_uncompressed(source, stored)), work)
        if stored != EXPLICIT_VR:
            pieces = convert_uncompressed(PieceStream(pieces), EXPLICIT_VR, stored)
        return RedactedDataSet(stored, pieces)
    found = read_image(source, stored)
    if isinstance(found, OtherDataSet):
        return RedactedDataSet(stored, _native(native_pixels(found), work))
    if transcoding is None or not transcoding.decoder.decodes(stored):
        raise NotAnonymized(
            f"the pixels cannot be worked on: no installed codec decodes {syntax_name(stored)}; "
            "install a plugin that does (`pacs codecs --all` lists what there is)"
        )
    prepare(found.header, work, found.pixels)
    encoder = transcoding.encoder
    if encoder is not None and is_lossless(stored) and encoder.encodes(stored):
        return _same_or_native(found, stored, work, transcoding.decoder, encoder)
    return RedactedDataSet(EXPLICIT_VR, _decoded(found, stored, work, transcoding.decoder))


def _same_or_native(
    image: CompressedImage, stored: str, work: PixelWork, decoder: Decoder, encoder: Encoder
) -> RedactedDataSet:
    """The image in its syntax, or native where no codec encodes such pixels in it."""
    frames = GatheredFrames(image.frames)
    try:
        pieces = Reencoded(image, frames, stored, work, decoder, encoder).pieces()
    except NotEncoded as error:
        _log.info("an image is written native: its pixels cannot be encoded", reason=str(error))
        whole = replace(image, frames=iter(frames))
        return RedactedDataSet(EXPLICIT_VR, _decoded(whole, stored, work, decoder, behind=frames))
    except BaseException:
        frames.close()
        raise
    frames.close()
    return RedactedDataSet(stored, pieces)


def _guarded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except (UnreadableInstance, PluginError) as error:
        raise _failed(error) from error


def _failed(error: Exception) -> NotAnonymized:
    return NotAnonymized(f"the pixels cannot be worked on: {error}")


# --- native pixel data ----------------------------------------------------------------------------


def _native(image: NativePixels | Dataset, work: PixelWork) -> Iterator[bytes]:
    """The data set in explicit VR little endian."""
    if isinstance(image, Dataset):
        if "Rows" in image:
            raise UnreadableInstance("an image without pixel data: it may be cut off")
        return iter((encode_header(image, EXPLICIT_VR),))
    pixels, header = image.pixels, image.header
    prepare(header, work, pixels)

    def frames() -> Iterator[bytes]:
        for number, data in enumerate(image.frames, start=1):
            if work.touches(number, pixels.columns, pixels.rows):
                yield bytes(image.changed(data, number, work))
            else:
                yield data

    made = joined(frames(), pixels.frame_bits) if pixels.bits_allocated == 1 else frames()
    bits = image.number_of_frames * image.frame_bits
    return chain(_element(header, pixels, bits, made), image.rest)


def _decoded(
    image: CompressedImage,
    stored: str,
    work: PixelWork,
    decoder: Decoder,
    behind: GatheredFrames | None = None,
) -> Iterator[bytes]:
    """A compressed image made native; the first frame is worked on at once.

    ``behind`` is closed when the last frame was taken.
    """
    header = image.header

    def frames() -> Iterator[Frame]:
        for number, data in enumerate(image.frames, start=1):
            frame = decoder.decode(data, stored, image.pixels)
            if work.touches(number, frame.pixels.columns, frame.pixels.rows):
                frame = changed_frame(frame, number, work, header)
            yield frame
        if behind is not None:
            behind.close()

    made = frames()
    first = next(made)
    without_offset_tables(header)
    first.pixels.describe(header)
    pieces = _alike(first, made)
    if first.pixels.bits_allocated == 1:
        pieces = joined(pieces, first.pixels.frame_bits)
    bits = image.number_of_frames * first.pixels.frame_bits
    return chain(_element(header, first.pixels, bits, pieces), image.rest)


def _alike(first: Frame, others: Iterator[Frame]) -> Iterator[bytes]:
    """The bytes of all frames, of which the header can describe one kind only."""
    yield bytes(first.data)
    for frame in others:
        if frame.pixels != first.pixels:
            raise UnreadableInstance("the frames of the image have pixels of several kinds")
        yield bytes(frame.data)


def _element(
    header: Dataset, pixels: PixelFormat, bits: int, frames: Iterator[bytes]
) -> Iterator[bytes]:
    """Header and native pixel data; ``bits`` of all the frames together."""
    size = (bits + 7) // 8
    if size > _LARGEST_NATIVE:
        raise UnreadableInstance(f"{size} bytes of pixel data are too many to be native")
    vr = "OW" if pixels.bits_allocated > 8 else "OB"
    begin = (encode_header(header, EXPLICIT_VR), EXPLICIT.header(PIXEL_DATA, vr, size + size % 2))
    return chain(begin, frames, (b"\0",) if size % 2 else ())
