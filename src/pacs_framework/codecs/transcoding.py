"""Data sets in another transfer syntax than the one they are stored in.

Frame by frame, so memory stays bounded by a frame. `Transcoding.convert` loses nothing: what a
lossy syntax has lost before is only written out. `Transcoding.derive` compresses with loss, which
makes another instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import structlog
from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.derivation import Derivation
from pacs_framework.codecs.encapsulating import EncapsulatedFrames
from pacs_framework.codecs.fragments import frames_in, without_offset_tables
from pacs_framework.codecs.image import (
    EXPLICIT,
    EXPLICIT_VR,
    PIXEL_DATA,
    CompressedImage,
    OtherDataSet,
    read_image,
)
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.native import NativeImage, native_image, read_native
from pacs_framework.codecs.pixels import PixelFormat, header_value
from pacs_framework.codecs.single_bits import joined
from pacs_framework.codecs.syntaxes import LOSSY_METHODS, SHORT_NAMES, is_lossless, syntax_name
from pacs_framework.codecs.whole import gathered_whole
from pacs_framework.dicom.header import Readable, blocks_of
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES, convert_uncompressed, encode_header
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.dicom.uids import BIG_ENDIAN, IMPLICIT_VR, UNCOMPRESSED
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "Decoder",
    "Decompression",
    "DerivedDataSet",
    "Encoder",
    "NativeFrames",
    "NoPixelData",
    "Transcoding",
]

_log = structlog.get_logger(__name__)

_LARGEST_NATIVE = 0xFFFFFFFE
_LARGEST_BESIDE = 32 << 20  # bytes of a frame; larger ones are decoded one after the other
_FIRST_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"  # pydicom keeps the items of a value without it
_NATIVE = (EXPLICIT_VR, IMPLICIT_VR, str(DeflatedExplicitVRLittleEndian), BIG_ENDIAN)
# For receivers that take nothing else; those first that most viewers know.
_COMPRESSED = tuple(
    SHORT_NAMES[name] for name in ("jpeg-lossless", "jpeg2000", "jpeg-ls", "rle", "htj2k")
)


class Decoder(Protocol):
    """What decodes frames: a `CodecRegistry`, or one in processes of its own."""

    def decodes(self, transfer_syntax: str, /) -> bool:
        """Whether it decodes the transfer syntax."""

    def decode(self, frame: Buffer, transfer_syntax: str, pixels: PixelFormat, /) -> Frame:
        """The native frame. Raises `UnreadableInstance`."""


class Encoder(Protocol):
    """What encodes frames: a `CodecRegistry`, or one in processes of its own."""

    def encodes(self, transfer_syntax: str, /) -> bool:
        """Whether it encodes the transfer syntax without loss."""

    def encodes_lossy(self, transfer_syntax: str, measure: Measure, /) -> bool:
        """Whether it encodes it with a loss that is measured like this."""

    def encode(self, frame: Frame, transfer_syntax: str, /) -> Frame:
        """The compressed frame. Raises `UnreadableInstance`."""

    def encode_lossy(self, frame: Frame, transfer_syntax: str, loss: Loss, /) -> Frame:
        """The frame compressed with loss. Raises `UnreadableInstance`."""


class NoPixelData(UnreadableInstance):
    """A data set without pixel data was to be compressed."""


class NativeFrames:
    """An image whose ``frames`` are native, whatever it was read from.

    ``rest`` is what follows the pixel data, good when the frames are read.
    """

    def __init__(self, header: Dataset, frames: Iterator[Frame], rest: Iterator[bytes]) -> None:
        self.header = header
        self.frames = frames
        self.rest = rest


@dataclass(frozen=True, slots=True)
class DerivedDataSet:
    """An image compressed with loss, which is another instance than what it was made of."""

    sop_instance_uid: str
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Decompression:
    """A compressed data set of which the header is read and no frame decoded.

    ``size`` is that of its native pixel data in bytes, 0 where it has none. ``pieces``, called
    once, gives the data set as `Transcoding.convert` does, and raises alike.
    """

    size: int
    pieces: Callable[[], Iterator[bytes]]


class Transcoding:
    """Converts data sets with the codecs that there are. Safe to use from many threads.

    Without an ``encoder``, compressed transfer syntaxes are no targets. ``threads`` decode and
    encode frames of one image beside each other; without, it is one after the other. ``whole`` is
    for who sends what comes out: every frame is decoded before the first piece.
    """

    def __init__(
        self,
        codecs: Decoder,
        *,
        encoder: Encoder | None = None,
        threads: FrameThreads | None = None,
        whole: bool = False,
    ) -> None:
        self._codecs = codecs
        self._encoder = encoder
        self._threads = threads or FrameThreads()
        self._whole = whole

    @property
    def decoder(self) -> Decoder:
        """What decodes single frames."""
        return self._codecs

    @property
    def encoder(self) -> Encoder | None:
        """What encodes them, where something does."""
        return self._encoder

    def targets(self, stored: str) -> tuple[str, ...]:
        """The transfer syntaxes that a data set in ``stored`` can have without loss, best first.

        For receivers: whoever takes pixel data should take native ones (PS3.5 10.1), and to
        compress for each of them costs more than it saves. So compressed ones come last, for those
        that take no others; not every kind of pixels fits each of them.
        """
        if stored not in UNCOMPRESSED and not self._codecs.decodes(stored):
            return ()
        encoder = self._encoder
        compressed = () if encoder is None else filter(encoder.encodes, _COMPRESSED)
        return tuple(syntax for syntax in (*_NATIVE, *compressed) if syntax != stored)

    def check_target(self, target: str) -> None:
        """Raises ValueError, with the reason, for a transfer syntax that is no target."""
        if target in UNCOMPRESSED:
            return
        name = f"{syntax_name(target)} ({target})"
        if not is_lossless(target):
            raise ValueError(
                f"{name} may lose information; `pacs convert --lossy` allows it, and asks how much"
            )
        if self._encoder is None or not self._encoder.encodes(target):
            raise ValueError(f"no installed codec encodes {name}; `pacs codecs --all` lists them")

    def check_lossy_target(self, target: str, loss: Loss) -> None:
        """The same for `derive`."""
        name = f"{syntax_name(target)} ({target})"
        if target not in LOSSY_METHODS:
            why = "loses nothing" if is_lossless(target) else "is nothing to compress images to"
            raise ValueError(f"{name} {why}, so there is no loss to measure")
        if self._encoder is None or not self._encoder.encodes_lossy(target, loss.measure):
            raise ValueError(
                f"no installed codec encodes {name} to a {loss.measure}; `pacs codecs --all` lists "
                "what there is"
            )

    def convert(self, source: Readable, stored: str, target: str) -> Iterator[bytes]:
        """The data set of ``source``, read from where it stands, in the syntax ``target``.

        Raises `UnreadableInstance`: for a compressed target, a single frame, the first of several,
        or ``whole``, at once; else for a later one after some blocks. `StorageError` where what is
        to be ``whole`` finds no room. `NoPixelData` for a compressed target
        of what has none, and ValueError as `check_target`.
        """
        self.check_target(target)
        if target not in UNCOMPRESSED:
            return blocks_of(source) if stored == target else self._encoded(source, stored, target)
        if stored in UNCOMPRESSED:
            return convert_uncompressed(source, stored, target)
        return self.decompression(source, stored, target).pieces()

    def decompression(self, source: Readable, stored: str, target: str) -> Decompression:
        """What makes the compressed data set of ``source`` a native one, begun with its header.

        Raises `UnreadableInstance`.
        """
        begun = self._decompressed(source, stored)
        if target == EXPLICIT_VR:
            return begun
        return Decompression(
            begun.size,
            lambda: convert_uncompressed(PieceStream(begun.pieces()), EXPLICIT_VR, target),
        )

    def derive(self, source: Readable, stored: str, target: str, loss: Loss) -> DerivedDataSet:
        """The image in ``source`` compressed with ``loss``: another instance, which says so.

        Every frame is encoded at once. Raises `UnreadableInstance`, `NoPixelData`, and ValueError
        as `check_lossy_target`.
        """
        self.check_lossy_target(target, loss)
        encoder = self._encoder
        assert encoder is not None
        image = self._image(source, stored, target)
        pieces = self._compressed(
            image,
            target,
            lambda frame: encoder.encode_lossy(frame, target, loss),
            Derivation(target, loss),
        )
        return DerivedDataSet(str(image.header.SOPInstanceUID), pieces)

    def native_frames(self, source: Readable, stored: str) -> NativeFrames | Dataset:
        """The image in ``source`` with its frames decoded; a data set where it has no pixel data.

        Raises `UnreadableInstance`, also while frames are read.
        """
        if stored in UNCOMPRESSED:
            return _frames_of(read_native(source, stored))
        found = read_image(source, stored)
        self._decompress_icons(found.header, stored)
        if isinstance(found, OtherDataSet):
            return _frames_of(native_image(found))
        return NativeFrames(found.header, self._decoded(found, stored), found.rest)

    def _decoded(self, image: CompressedImage, stored: str) -> Iterator[Frame]:
        several = image.number_of_frames > 1 and image.pixels.frame_bytes <= _LARGEST_BESIDE
        mapped = self._threads.map if several else map
        return mapped(lambda frame: self._codecs.decode(frame, stored, image.pixels), image.frames)

    def _encoded(self, source: Readable, stored: str, target: str) -> Iterator[bytes]:
        """The data set in a compressed syntax; every frame is encoded at once."""
        encoder = self._encoder
        assert encoder is not None
        image = self._image(source, stored, target)
        return self._compressed(image, target, lambda frame: encoder.encode(frame, target))

    def _image(self, source: Readable, stored: str, target: str) -> NativeFrames:
        image = self.native_frames(source, stored)
        if isinstance(image, Dataset):
            raise _without_pixels(image, target)
        return image

    def _compressed(
        self,
        image: NativeFrames,
        target: str,
        encode: Callable[[Frame], Frame],
        derivation: Derivation | None = None,
    ) -> Iterator[bytes]:
        encapsulated = EncapsulatedFrames()
        try:
            size = self._encode_frames(image, encode, encapsulated)
            if derivation is not None:
                _describe(derivation, image.header, size / max(1, encapsulated.size))
            header = encode_header(image.header, target)
        except BaseException:
            encapsulated.close()
            raise
        return _closing(encapsulated, header, image.rest)

    def _encode_frames(
        self, image: NativeFrames, encode: Callable[[Frame], Frame], into: EncapsulatedFrames
    ) -> int:
        """Encode all frames; their native size in bytes."""
        first: PixelFormat | None = None
        size = 0
        for encoded in self._threads.map(encode, image.frames):
            first = first or encoded.pixels
            if encoded.pixels != first:
                raise _several_kinds()
            into.add(encoded.data)
            size += first.frame_bytes
        assert first is not None
        first.describe(image.header)
        into.describe(image.header)
        return size

    def _decompressed(self, source: Readable, stored: str) -> Decompression:
        """To explicit VR little endian."""
        image = read_image(source, stored)
        if isinstance(image, OtherDataSet):
            return Decompression(0, lambda: self._as_it_is(image, stored))
        pixels = image.pixels
        size = (image.number_of_frames * pixels.frame_bits + 7) // 8
        if size > _LARGEST_NATIVE:
            raise UnreadableInstance(f"{size} bytes of pixel data are too many to be native")
        return Decompression(size, lambda: self._native(image, stored, size))

    def _as_it_is(self, dataset: OtherDataSet, stored: str) -> Iterator[bytes]:
        self._decompress_icons(dataset.header, stored)
        return chain((encode_header(dataset.header, EXPLICIT_VR),), dataset.rest)

    def _native(self, image: CompressedImage, stored: str, size: int) -> Iterator[bytes]:
        """The data set with ``size`` bytes of pixels; the first frame is decoded at once."""
        header, pixels = image.header, image.pixels
        self._decompress_icons(header, stored)
        decoded = self._decoded(image, stored)
        first = next(decoded)
        without_offset_tables(header)
        first.pixels.describe(header)
        element = EXPLICIT.header(PIXEL_DATA, _vr(pixels), size + size % 2)
        padding = (b"\0",) if size % 2 else ()
        begin = (encode_header(header, EXPLICIT_VR), element)
        pieces = chain(begin, _native(first, decoded), padding, image.rest)
        return gathered_whole(pieces) if self._whole and image.number_of_frames > 1 else pieces

    def _decompress_icons(self, header: Dataset, stored: str) -> None:
        """Icons (PS3.3 C.7.6.1.1.6) are in the syntax of the image; one that is not goes."""
        for icon in header_value(header, "IconImageSequence") or ():
            try:
                data = header_value(icon, "PixelData") or b""
                if data.startswith(_FIRST_ITEM):
                    self._decompress_icon(icon, data, stored)
            except UnreadableInstance as error:
                _log.info("an icon image was left out", error=str(error))
                del header.IconImageSequence
                return

    def _decompress_icon(self, icon: Dataset, data: bytes, stored: str) -> None:
        pixels = PixelFormat.of(icon)
        (frame,) = frames_in(iter((data + _SEQUENCE_END,)), icon, stored, pixels)
        native = self._codecs.decode(frame, stored, pixels)
        native.pixels.describe(icon)
        with suppress(KeyError):
            del icon["PixelData"]
        icon.PixelData = bytes(native.data) + b"\0" * (len(native.data) % 2)
        icon["PixelData"].VR = _vr(pixels)


def _frames_of(image: NativeImage | Dataset) -> NativeFrames | Dataset:
    if isinstance(image, Dataset):
        return image
    frames = (Frame(frame, image.pixels) for frame in image.frames)
    return NativeFrames(image.header, frames, image.rest)


def _describe(derivation: Derivation, header: Dataset, ratio: float) -> None:
    try:
        derivation.describe(header, ratio)
    except PYDICOM_FAILURES as error:
        raise UnreadableInstance(
            f"what the image says of its derivation cannot be read: {type(error).__name__}"
        ) from None


def _without_pixels(header: Dataset, target: str) -> UnreadableInstance:
    if "Rows" in header:
        return UnreadableInstance("an image without pixel data: it may be cut off")
    return NoPixelData(f"there are no pixel data, which {syntax_name(target)} is for (PS3.5 A.4)")


def _closing(
    encapsulated: EncapsulatedFrames, header: bytes, rest: Iterator[bytes]
) -> Iterator[bytes]:
    """All of a data set; the frames that were gathered go with the last of it."""
    try:
        yield header
        yield from encapsulated.element()
    finally:
        encapsulated.close()
    yield from rest


def _native(first: Frame, others: Iterable[Frame]) -> Iterator[bytes]:
    """All frames as native pixel data, of which the header can describe one kind only."""
    frames = _alike(first, others)
    single_bits = first.pixels.bits_allocated == 1
    return joined(frames, first.pixels.frame_bits) if single_bits else frames


def _alike(first: Frame, others: Iterable[Frame]) -> Iterator[bytes]:
    yield bytes(first.data)
    for frame in others:
        if frame.pixels != first.pixels:
            raise _several_kinds()
        yield bytes(frame.data)


def _several_kinds() -> UnreadableInstance:
    return UnreadableInstance("the frames of the image have pixels of several kinds")


def _vr(pixels: PixelFormat) -> str:
    return "OW" if pixels.bits_allocated > 8 else "OB"
