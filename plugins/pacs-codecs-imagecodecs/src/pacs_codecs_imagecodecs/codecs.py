"""Which transfer syntaxes there are here, what of them is encoded, and by which module.

Nothing is imported for it: the libraries are loaded with the first frame, since an archive that
starts should not wait for decoders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol, cast

from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["ImagecodecsCodec", "available"]

_LONGEST_MESSAGE = 200
_MONOCHROME = frozenset(("MONOCHROME1", "MONOCHROME2"))
_INDEXED = _MONOCHROME | {"PALETTE COLOR"}
_ANY_COLOUR = _INDEXED | {"RGB", "YBR_FULL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encodes:
    """Pixels that a syntax can hold (PS3.5 8.2) and the library writes as they are."""

    colours: frozenset[str] = _ANY_COLOUR
    allocated: tuple[int, ...] = (8, 16)
    least_stored: int = 1
    signed: bool = True
    full_samples_only: bool = False
    stored_only: int = 0

    def __contains__(self, pixels: PixelFormat) -> bool:
        return (
            pixels.photometric_interpretation in self.colours
            and pixels.bits_allocated in self.allocated
            and pixels.bits_stored >= self.least_stored
            and (self.signed or not pixels.signed)
            and (not self.full_samples_only or pixels.bits_stored == pixels.bits_allocated)
            and self.stored_only in (0, pixels.bits_stored)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loses:
    """Pixels that a syntax holds with loss, and what the library is told of the loss."""

    measure: Measure
    pixels: _Encodes
    most: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Transfer syntaxes that one module of this package is for.

    ``cost`` is the time to decode beside that of pacs-codecs-pylibjpeg, measured with a CT image.
    """

    module: str
    decodes: tuple[str, ...]
    encodes: tuple[str, ...] = ()
    pixels: _Encodes = _Encodes()
    lossy: Mapping[str, _Loses] = field(default_factory=dict)
    cost: float = 1.0


def _jpeg(*numbers: int) -> tuple[str, ...]:
    return tuple(f"1.2.840.10008.1.2.4.{number}" for number in numbers)


_BASELINE, _EXTENDED, _NEAR_LOSSLESS, _JPEG_2000, _HTJ2K, _JPEG_XL = _jpeg(50, 51, 81, 91, 203, 112)
_SHADED = _MONOCHROME | {"RGB", "YBR_FULL"}  # whose values are intensities, not indices

_FAMILIES = (
    # 8 and 12 bits, unsigned, are all there is (PS3.5 Table 8.2.1-1).
    _Family(
        module="jpeg",
        decodes=_jpeg(50, 51),
        lossy={
            _BASELINE: _Loses(
                measure=Measure.QUALITY,
                pixels=_Encodes(colours=_SHADED, allocated=(8,), signed=False, stored_only=8),
            ),
            _EXTENDED: _Loses(
                measure=Measure.QUALITY,
                pixels=_Encodes(colours=_MONOCHROME, allocated=(16,), signed=False, stored_only=12),
            ),
        },
        cost=0.7,
    ),
    # libjpeg-turbo writes no lossless image of a single bit.
    _Family(
        module="jpeg_lossless",
        decodes=_jpeg(57, 70),
        encodes=_jpeg(57, 70),
        pixels=_Encodes(least_stored=2),
        cost=0.25,
    ),
    # The library writes 8 or 16 bits for the precision of a sample, whatever is stored. Near the
    # ends of the range of signed samples a small loss would turn the sign.
    _Family(
        module="jpeg_ls",
        decodes=_jpeg(80, 81),
        encodes=_jpeg(80),
        pixels=_Encodes(full_samples_only=True),
        lossy={
            _NEAR_LOSSLESS: _Loses(
                measure=Measure.NEAR,
                pixels=_Encodes(colours=_SHADED, signed=False, full_samples_only=True),
                most=9,
            )
        },
        cost=0.9,
    ),
    # The same library as there; ours is asked first for it refuses what is cut off. Of the syntaxes
    # of Part 2, code streams of one frame each that need nothing beyond Part 1.
    _Family(
        module="jpeg_2000",
        decodes=_jpeg(90, 91, 92, 93),
        encodes=_jpeg(90),
        lossy={_JPEG_2000: _Loses(measure=Measure.QUALITY, pixels=_Encodes(colours=_SHADED))},
        cost=0.99,
    ),
    _Family(
        module="htj2k",
        decodes=_jpeg(201, 202, 203),
        encodes=_jpeg(201, 202),
        lossy={_HTJ2K: _Loses(measure=Measure.QUALITY, pixels=_Encodes(colours=_SHADED))},
        cost=0.5,
    ),
    # JPEG XL has no signed samples.
    _Family(
        module="jpeg_xl",
        decodes=_jpeg(110, 111, 112),
        encodes=_jpeg(110),
        pixels=_Encodes(colours=_MONOCHROME | {"RGB"}, signed=False),
        lossy={
            _JPEG_XL: _Loses(
                measure=Measure.QUALITY,
                pixels=_Encodes(colours=_MONOCHROME | {"RGB"}, signed=False),
            )
        },
    ),
    _Family(
        module="rle",
        decodes=("1.2.840.10008.1.2.5",),
        encodes=("1.2.840.10008.1.2.5",),
        pixels=_Encodes(allocated=(8, 16, 32)),
        cost=0.4,
    ),
    _Family(
        module="deflated",
        decodes=("1.2.840.10008.1.2.8.1",),
        encodes=("1.2.840.10008.1.2.8.1",),
        pixels=_Encodes(allocated=(8, 16, 32)),
    ),
)


class _Module(Protocol):
    """What each module of a family has, as far as it encodes; all of it may raise anything."""

    def decode(self, data: bytes, pixels: PixelFormat) -> Frame:
        """The native frame."""

    def encode(self, frame: Frame) -> Frame:
        """The compressed frame."""

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        """The frame compressed with loss."""


class ImagecodecsCodec(Codec):
    """One transfer syntax by the imagecodecs library."""

    name = "imagecodecs"

    def __init__(self, transfer_syntax: str, family: _Family) -> None:
        self.transfer_syntax = transfer_syntax
        self.encodes = transfer_syntax in family.encodes
        self.cost = family.cost
        self._family = family
        self._loses = family.lossy.get(transfer_syntax)
        self.measures = frozenset((self._loses.measure,) if self._loses else ())

    def can_encode(self, pixels: PixelFormat) -> bool:
        """What the transfer syntax can hold and the library writes exactly."""
        return self.encodes and pixels in self._family.pixels

    def can_encode_lossy(self, pixels: PixelFormat, loss: Loss) -> bool:
        """The same with loss."""
        loses = self._loses
        if loses is None or loss.measure is not loses.measure:
            return False
        return loss.amount <= loses.most and pixels in loses.pixels

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        """Without a colour transformation where the standard leaves it to who displays."""
        with _failures_told():
            return self._module().decode(bytes(frame), pixels)

    def encode(self, frame: Frame) -> Frame:
        """Without loss."""
        with _failures_told():
            return self._module().encode(frame)

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        """With loss; what comes of it says what colours it has."""
        with _failures_told():
            return self._module().encode_lossy(frame, loss)

    def _module(self) -> _Module:
        # Not above: tens of milliseconds that an archive needs with its first image.
        return cast("_Module", import_module(f"pacs_codecs_imagecodecs.{self._family.module}"))


@contextmanager
def _failures_told() -> Iterator[None]:
    """Libraries raise anything; what they say is about the pixel data alone."""
    try:
        yield
    except (UnreadableInstance, MemoryError):
        raise
    except Exception as error:
        message = " ".join(str(error).split())[:_LONGEST_MESSAGE]
        raise UnreadableInstance(f"imagecodecs: {type(error).__name__}: {message}") from error


def available() -> Sequence[ImagecodecsCodec]:
    """A codec for each transfer syntax."""
    return [
        ImagecodecsCodec(transfer_syntax, family)
        for family in _FAMILIES
        for transfer_syntax in family.decodes
    ]
