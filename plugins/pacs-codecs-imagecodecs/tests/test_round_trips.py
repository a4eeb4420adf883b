"""Whole data sets there and back, through every lossless syntax that data sets are converted to."""

from __future__ import annotations

import io
import random
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.pixels import pixel_array

from pacs_codecs_imagecodecs.codecs import available
from pacs_codecs_pylibjpeg.codecs import available as others
from pacs_framework.codecs.comparing import same_samples
from pacs_framework.codecs.files import FileConverter
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.syntaxes import SHORT_NAMES
from pacs_framework.codecs.transcoding import NativeFrames, Transcoding
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.suites.codec import noise

EXPLICIT = "1.2.840.10008.1.2.1"
MONOCHROME = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
COLOUR = ("RGB", "YBR_FULL")

ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"

# Those whose coders take every kind of pixels; of the others, what cannot be is refused.
TAKES_ALL = {"rle", "deflated-frames", "explicit", "implicit", "deflated", "big-endian"}


@dataclass(frozen=True)
class Image:
    """What is converted, and the bytes of its frames."""

    pixels: PixelFormat
    frames: int
    seed: int

    def encoded(self) -> bytes:
        """The data set in explicit VR little endian."""
        of = self.pixels
        header = Dataset()
        header.SOPInstanceUID = "1.2.3.4"
        header.SamplesPerPixel = of.samples_per_pixel
        header.PhotometricInterpretation = of.photometric_interpretation
        if of.samples_per_pixel > 1:
            header.PlanarConfiguration = of.planar_configuration
        header.NumberOfFrames = self.frames
        header.Rows, header.Columns = of.rows, of.columns
        header.BitsAllocated, header.BitsStored = of.bits_allocated, of.bits_stored
        header.HighBit = of.bits_stored - 1
        header.PixelRepresentation = int(of.signed)
        data = self._pixel_data()
        data += b"\0" * (len(data) % 2)
        vr = b"OW" if of.bits_allocated > 8 else b"OB"
        element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr, 0, len(data))
        return encode_identifier(header, EXPLICIT) + element + data

    def _pixel_data(self) -> bytes:
        if self.pixels.bits_allocated > 1:
            seeds = range(self.seed, self.seed + self.frames)
            return b"".join(bytes(noise(self.pixels, seed).data) for seed in seeds)
        bits = self.pixels.frame_bits * self.frames
        number = random.Random(self.seed).getrandbits(bits)
        return number.to_bytes((bits + 7) // 8, "little")


@st.composite
def images(draw: st.DrawFn) -> Image:
    allocated = draw(st.sampled_from([1, 8, 16, 32]))
    colour = allocated > 1 and draw(st.booleans())
    pixels = PixelFormat(
        rows=draw(st.integers(1, 20)),
        columns=draw(st.integers(1, 20)),
        samples_per_pixel=3 if colour else 1,
        bits_allocated=allocated,
        bits_stored=draw(st.integers(1, allocated)),
        signed=allocated > 1 and not colour and draw(st.booleans()),
        photometric_interpretation=draw(st.sampled_from(COLOUR if colour else MONOCHROME)),
        planar_configuration=draw(st.integers(0, 1)) if colour else 0,
    )
    return Image(pixels, draw(st.integers(1, 4)), draw(st.integers(0, 1000)))


def transcoding(*providers: str) -> Transcoding:
    registry = CodecRegistry(prefer=providers)
    registry.add(available(), plugin="codecs-imagecodecs")
    registry.add(others(), plugin="codecs-pylibjpeg")
    return Transcoding(registry, encoder=registry)


WRITES = transcoding("codecs-imagecodecs")
READS = transcoding("codecs-pylibjpeg")  # where it can; so that another library looks at it


def native(through: Transcoding, data: bytes, syntax: str) -> NativeFrames:
    found = through.native_frames(io.BytesIO(data), syntax)
    assert isinstance(found, NativeFrames)
    return found


def packed_row(pixels: str) -> bytes:
    """A row of pixels, 0 or 1, as runs of RLE (PS3.5 G.3.1)."""
    return b"".join(bytes((-(len(run) - 1) % 256, int(run[0]))) for run in pixels.split())


@pytest.mark.parametrize("reads", [WRITES, READS], ids=["imagecodecs", "pylibjpeg"])
def test_single_bits_in_rle_have_a_byte_for_each_pixel(reads: Transcoding) -> None:
    """As PS3.5 G.2 has it; made by hand, one frame of 2 × 5."""
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + packed_row("11 000") + packed_row("0000 1")
    pixels = PixelFormat(rows=2, columns=5, bits_allocated=1, bits_stored=1)
    data = Image(pixels, 1, 0).encoded()
    element = data.index(b"\xe0\x7f\x10\x00OB")
    items = b"".join(ITEM + struct.pack("<I", len(each)) + each for each in (b"", frame))
    made = data[: element + 8] + b"\xff" * 4 + items + SEQUENCE_END
    [only] = native(reads, made, SHORT_NAMES["rle"]).frames
    assert bytes(only.data) == bytes((0b00000011, 0b00000010))


@pytest.mark.parametrize("name", ["rle", "jpeg2000"])
def test_pydicom_reads_the_single_bits_that_we_write(name: str, tmp_path: Path) -> None:
    source, made = BUNDLED / "liver_1frame.dcm", tmp_path / "made.dcm"
    FileConverter(WRITES, SHORT_NAMES[name], verify=True).convert(source, made)
    assert np.array_equal(pixel_array(made, raw=True), pixel_array(source, raw=True))
    assert made.stat().st_size < source.stat().st_size / 2


def is_held(name: str, pixels: PixelFormat) -> bool:
    """Whether the syntax holds such pixels (PS3.5 8.2), and a codec writes them exactly."""
    if pixels.bits_allocated == 1:
        return name in TAKES_ALL | {"jpeg2000"}
    if pixels.bits_allocated == 32:
        return name in TAKES_ALL
    codecs = (*available(), *others())
    mine = [codec for codec in codecs if codec.transfer_syntax == SHORT_NAMES[name]]
    return name in TAKES_ALL or any(codec.can_encode(pixels) for codec in mine)


@pytest.mark.parametrize("name", SHORT_NAMES)
@settings(max_examples=50, deadline=None)
@given(image=images())
def test_every_sample_of_every_frame_comes_back(name: str, image: Image) -> None:
    """Of every depth, sign, colour and layout; what a syntax cannot hold is refused, and whole."""
    syntax, data = SHORT_NAMES[name], image.encoded()
    if not is_held(name, image.pixels):
        with pytest.raises(
            UnreadableInstance, match=r"no codec encodes|single bits are compressed"
        ):
            WRITES.convert(io.BytesIO(data), EXPLICIT, syntax)
        return
    there = b"".join(WRITES.convert(io.BytesIO(data), EXPLICIT, syntax))
    back = b"".join(READS.convert(io.BytesIO(there), syntax, EXPLICIT))
    first, again = native(WRITES, data, EXPLICIT), native(WRITES, back, EXPLICIT)
    pairs = list(zip(first.frames, again.frames, strict=True))
    assert len(pairs) == image.frames
    assert all(same_samples(one, other) for one, other in pairs)
    kept = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
    assert [again.header.get(name) for name in kept] == [first.header.get(name) for name in kept]
