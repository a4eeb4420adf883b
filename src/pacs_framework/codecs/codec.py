"""The contract of codecs: one frame in, one frame out.

Laws (the contract suite in ``pacs_framework.testing`` holds every codec to them):

* what `can_encode` promises, `encode` does; `decode` gives the same samples back, for a lossless
  transfer syntax exactly;
* what `can_encode_lossy` promises, `encode_lossy` does: no sample differs by more than a loss
  measured as *near* says, a frame is as small as a *ratio* says, and much more *quality* is better;
* a decoded frame has as many samples of as many bits as was asked for, none of them shared by
  several pixels (so never YBR_FULL_422); only its photometric interpretation and planar
  configuration may differ, and `Frame.pixels` tells them;
* frames of single bits (Bits Allocated 1) come to a codec with a byte for each pixel, or to that
  of deflated frames as bytes: ``bits_allocated`` is never 1;
* anything that is no frame of the syntax raises `UnreadableInstance`, and nothing else;
* all are called from many threads at once and keep nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat

__all__ = ["Buffer", "Codec", "Frame"]

Buffer = bytes | bytearray | memoryview
"""What frames are kept in."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, native or compressed, and what its pixels are."""

    data: Buffer
    pixels: PixelFormat


class Codec(ABC):
    """Decodes or encodes single frames of one transfer syntax, or both."""

    name: str = ""
    """The library behind it, for tables and the log."""

    transfer_syntax: str
    """UID of the transfer syntax."""

    decodes: bool = True
    encodes: bool = False
    """Whether it encodes without loss."""
    measures: frozenset[Measure] = frozenset()
    """What may be said of the loss where it encodes with loss; nothing where it does not."""
    cost: float = 1.0
    """How long it takes, beside other providers of the syntax: the lowest is asked first."""

    def can_decode(self, pixels: PixelFormat) -> bool:
        """Whether it knows what to do with a frame of such pixels; by default, where it decodes."""
        del pixels
        return self.decodes

    def can_encode(self, pixels: PixelFormat) -> bool:
        """Whether it encodes every frame of such pixels; by default, where it encodes."""
        del pixels
        return self.encodes

    def can_encode_lossy(self, pixels: PixelFormat, loss: Loss) -> bool:
        """Whether it encodes every frame of such pixels with such a loss."""
        del pixels
        return loss.measure in self.measures

    @abstractmethod
    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        """The native frame in ``frame``, which holds all fragments of it.

        ``pixels`` is what the header of the instance says. Raises `UnreadableInstance`.
        """

    def encode(self, frame: Frame) -> Frame:
        """The native ``frame`` compressed. Raises `UnreadableInstance`; only where `encodes`."""
        raise NotImplementedError(f"{self.name} does not encode {self.transfer_syntax}")

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        """The native ``frame`` compressed with ``loss``.

        Raises `UnreadableInstance`; only where `measures` has that of the loss.
        """
        del frame, loss
        raise NotImplementedError(f"{self.name} does not encode {self.transfer_syntax} with loss")
