"""Data sets with encapsulated pixel data, and codecs that only pretend."""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Sequence
from dataclasses import replace

from pydicom import Dataset

from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import UnreadableInstance

SYNTAX = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
NEAR = "1.2.840.10008.1.2.4.81"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
MARKED = b"\xff\xd9"


def image(frames: int = 1, **changed: object) -> Dataset:
    """A header of small monochrome images: 2 × 3, 16 bits."""
    header = Dataset()
    header.SOPInstanceUID = "1.2.3.4"
    header.Rows, header.Columns, header.SamplesPerPixel = 2, 3, 1
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    header.PhotometricInterpretation = "MONOCHROME2"
    if frames != 1:
        header.NumberOfFrames = frames
    for keyword, value in changed.items():
        setattr(header, keyword, value)
    return header


def item(data: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(data)) + data


def encapsulated(
    header: Dataset, fragments: Sequence[bytes], offsets: Sequence[int] = (), rest: bytes = b""
) -> bytes:
    """The data set in an explicit VR little endian encoding with these fragments."""
    table = struct.pack(f"<{len(offsets)}I", *offsets)
    element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    items = item(table) + b"".join(map(item, fragments))
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    return encode_identifier(header, EXPLICIT) + element + items + end + rest


class Mirror(Codec):
    """ "Compressed" is the native frame the other way round, with the marker of an end behind it.

    Some frames ask it to misbehave.
    """

    name = "mirror"
    encodes = True

    def __init__(self, syntax: str = SYNTAX, *, to: str = "", cost: float = 1.0) -> None:
        self.transfer_syntax = syntax
        self.cost = cost
        self._to = to

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        data = bytes(frame)
        if data.startswith(b"die"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if data.startswith(b"hang"):
            time.sleep(600)
        if data.startswith(b"eat"):
            _ = bytearray(1 << 40)
        if data.startswith(b"bad"):
            raise UnreadableInstance("mirror: a bad frame")
        if not data.endswith(MARKED):
            data = data.removesuffix(b"\0")  # what a fragment of odd length got
        native = data.removesuffix(MARKED)[::-1]
        if self._to:
            pixels = replace(pixels, photometric_interpretation=self._to)
        return Frame(native, pixels)

    def encode(self, frame: Frame) -> Frame:
        if bytes(frame.data).startswith(b"die"):
            os.kill(os.getpid(), signal.SIGSEGV)
        return Frame(bytes(frame.data)[::-1] + MARKED, frame.pixels)


class Fragile(Mirror):
    """A mirror that is asked second, and dies of a bad frame."""

    def __init__(self) -> None:
        super().__init__(cost=2.0)

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        if bytes(frame).startswith(b"bad"):
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().decode(frame, pixels)


def mirrored(native: bytes) -> bytes:
    return native[::-1] + MARKED


class Dimming(Mirror):
    """A mirror that loses: the low bits of each sample, as many as a loss of *near* allows."""

    measures = frozenset((Measure.NEAR, Measure.QUALITY))

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        mask = 0xFF & ~int(loss.amount)
        dimmed = bytes(byte & mask for byte in bytes(frame.data))
        return self.encode(Frame(dimmed, frame.pixels))
