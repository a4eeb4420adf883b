"""Which transfer syntaxes there are here, what of them is encoded, and by which module.

Nothing is imported for it: the libraries are loaded with the first frame, since an archive that
starts should not wait for decoders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from pacs_framework.codecs.codec import Buffer, Codec, Frame
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

    def __contains__(self, pixels: PixelFormat) -> bool:
        return (
            pixels.photometric_interpretation in self.colours
            and pixels.bits_allocated in self.allocated
            and pixels.bits_stored >= self.least_stored
            and (self.signed or not pixels.signed)
            and (not self.full_samples_only or pixels.bits_stored == pixels.bits_allocated)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Transfer syntaxes that one module of this package is for.

    ``cost`` is the time to decode beside that of pacs-codecs-pylibjpeg, measured with a CT image.
    """

    module: str
    decodes: tuple[str, ...]
    encodes: tuple[str, ...] = ()
    pixels: _Encodes = _Encodes()
    cost: float = 1.0


def _jpeg(*numbers: int) -> tuple[str, ...]:
    return tuple(f"1.2.840.10008.1.2.4.{number}" for number in numbers)


_FAMILIES = (
    _Family(module="jpeg", decodes=_jpeg(50, 51), cost=0.7),
    # libjpeg-turbo writes no lossless image of a single bit.
    _Family(
        module="jpeg_lossless",
        decodes=_jpeg(57, 70),
        encodes=_jpeg(57, 70),
        pixels=_Encodes(least_stored=2),
        cost=0.25,
    ),
    # The library writes 8 or 16 bits for the precision of a sample, whatever is stored.
    _Family(
        module="jpeg_ls",
        decodes=_jpeg(80, 81),
        encodes=_jpeg(80),
        pixels=_Encodes(full_samples_only=True),
        cost=0.9,
    ),
    # The same library as there; ours is asked first for it refuses what is cut off.
    _Family(module="jpeg_2000", decodes=_jpeg(90, 91), encodes=_jpeg(90), cost=0.99),
    _Family(module="htj2k", decodes=_jpeg(201, 202, 203), encodes=_jpeg(201, 202), cost=0.5),
    # JPEG XL has no signed samples.
    _Family(
        module="jpeg_xl",
        decodes=_jpeg(110, 111, 112),
        encodes=_jpeg(110),
        pixels=_Encodes(colours=_MONOCHROME | {"RGB"}, signed=False),
    ),
    _Family(
        module="rle",
        decodes=("1.2.840.10008.1.2.5",),
        encodes=("1.2.840.10008.1.2.5",),
        pixels=_Encodes(allocated=(8, 16, 32)),
        cost=0.6,
    ),
    _Family(
        module="deflated",
        decodes=("1.2.840.10008.1.2.8.1",),
        encodes=("1.2.840.10008.1.2.8.1",),
        pixels=_Encodes(allocated=(8, 16, 32)),
    ),
)


class _Module(Protocol):
    """What each module of a family has; both functions may raise anything."""

    def decode(self, data: bytes, pixels: PixelFormat) -> Frame:
        """The native frame."""

    def encode(self, frame: Frame) -> Frame:
        """The compressed frame."""


class ImagecodecsCodec(Codec):
    """One transfer syntax by the imagecodecs library."""

    name = "imagecodecs"

    def __init__(self, transfer_syntax: str, family: _Family) -> None:
        self.transfer_syntax = transfer_syntax
        self.encodes = transfer_syntax in family.encodes
        self.cost = family.cost
        self._family = family

    def can_encode(self, pixels: PixelFormat) -> bool:
        """What the transfer syntax can hold and the library writes exactly."""
        return self.encodes and pixels in self._family.pixels

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        """Without a colour transformation where the standard leaves it to who displays."""
        try:
            return self._module().decode(bytes(frame), pixels)
        except (UnreadableInstance, MemoryError):
            raise
        except Exception as error:
            raise _failure(error) from error

    def encode(self, frame: Frame) -> Frame:
        """Without loss."""
        try:
            return self._module().encode(frame)
        except (UnreadableInstance, MemoryError):
            raise
        except Exception as error:
            raise _failure(error) from error

    def _module(self) -> _Module:
        # Not above: tens of milliseconds that an archive needs with its first image.
        return cast("_Module", import_module(f"pacs_codecs_imagecodecs.{self._family.module}"))


def _failure(error: Exception) -> UnreadableInstance:
    """Libraries raise anything; what they say is about the pixel data alone."""
    message = " ".join(str(error).split())[:_LONGEST_MESSAGE]
    return UnreadableInstance(f"imagecodecs: {type(error).__name__}: {message}")


def available() -> Sequence[ImagecodecsCodec]:
    """A codec for each transfer syntax."""
    return [
        ImagecodecsCodec(transfer_syntax, family)
        for family in _FAMILIES
        for transfer_syntax in family.decodes
    ]
