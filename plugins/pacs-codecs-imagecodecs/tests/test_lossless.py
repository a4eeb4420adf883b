"""What is encoded comes back to the bit, and is what the transfer syntax demands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_codecs_imagecodecs.code_stream import RPCL, read_code_stream, with_precision
from pacs_codecs_imagecodecs.codecs import available
from pacs_codecs_imagecodecs.jpeg_markers import read_header
from pacs_codecs_pylibjpeg.codecs import available as others
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import same_samples
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.suites.codec import noise

ENCODERS = {codec.transfer_syntax: codec for codec in available() if codec.encodes}
JPEG = "1.2.840.10008.1.2.4."
RLE, DEFLATED = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
CT = PixelFormat(rows=70, columns=90, bits_allocated=16, bits_stored=12, signed=True)


@st.composite
def pixels(draw: st.DrawFn) -> PixelFormat:
    allocated = draw(st.sampled_from([8, 16]))
    colour = draw(st.sampled_from(["MONOCHROME2", "MONOCHROME1", "RGB", "YBR_FULL"]))
    monochrome = colour.startswith("MONOCHROME")
    return PixelFormat(
        rows=draw(st.integers(1, 40)),
        columns=draw(st.integers(1, 40)),
        samples_per_pixel=1 if monochrome else 3,
        bits_allocated=allocated,
        bits_stored=draw(st.integers(1, allocated)),
        signed=monochrome and draw(st.booleans()),
        photometric_interpretation=colour,
        planar_configuration=0 if monochrome else draw(st.integers(0, 1)),
    )


def few_values(frame: Frame, seed: int) -> Frame:
    """Areas and lines of the first samples of ``frame``."""
    size = frame.pixels.bits_allocated // 8
    samples = np.frombuffer(frame.data, f"<u{size}")
    chosen = np.random.default_rng(seed).integers(0, min(3, len(samples)), len(samples) // 5 + 1)
    return Frame(samples[np.repeat(chosen, 5)[: len(samples)]].tobytes(), frame.pixels)


@pytest.mark.parametrize("syntax", sorted(ENCODERS))
@settings(max_examples=60, deadline=None)
@given(of=pixels(), seed=st.integers(0, 1000), flat=st.booleans())
def test_whatever_is_promised_comes_back_exactly(
    syntax: str, of: PixelFormat, seed: int, flat: bool
) -> None:
    """Every depth, sign, colour and layout, noisy and flat; also by the other provider."""
    codec = ENCODERS[syntax]
    if not codec.can_encode(of):
        return
    frame = noise(of, seed)
    frame = few_values(frame, seed) if flat else frame
    encoded = codec.encode(frame)
    assert same_samples(codec.decode(encoded.data, encoded.pixels), frame)


@pytest.mark.parametrize("syntax", [JPEG + "70", JPEG + "90", JPEG + "201", JPEG + "202", RLE])
@pytest.mark.parametrize("signed", [False, True])
def test_the_other_provider_reads_it(syntax: str, signed: bool) -> None:
    """Other libraries than those that wrote it: GDCM, OpenJPEG, pydicom's RLE."""
    frame = noise(replace(CT, signed=signed))
    encoded = ENCODERS[syntax].encode(frame)
    readers = [each for each in others() if each.transfer_syntax == syntax]
    assert readers
    for reader in readers:
        assert same_samples(reader.decode(encoded.data, encoded.pixels), frame), reader.name


@pytest.mark.parametrize("stored", [1, 2, 8, 11, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("number", ["90", "201", "202"])
def test_a_code_stream_says_the_bits_that_are_stored(
    number: str, stored: int, signed: bool
) -> None:
    """PS3.5 8.2.4: header and code stream agree."""
    allocated = 8 if stored <= 8 else 16
    of = replace(CT, bits_allocated=allocated, bits_stored=stored, signed=signed)
    stream = read_code_stream(bytes(ENCODERS[JPEG + number].encode(noise(of)).data))
    assert (stream.precision, stream.signed) == (stored, signed)
    assert stream.reversible


@pytest.mark.parametrize("stored", [2, 8, 12, 16])
def test_a_jpeg_image_says_the_bits_that_are_stored(stored: int) -> None:
    allocated = 8 if stored <= 8 else 16
    of = replace(CT, bits_allocated=allocated, bits_stored=stored)
    header = read_header(bytes(ENCODERS[JPEG + "70"].encode(noise(of)).data))
    assert (header.precision, header.lossless) == (stored, True)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (64, 64), (512, 300), (1, 5000)])
def test_htj2k_is_written_for_progressive_display(rows: int, columns: int) -> None:
    """PS3.5 10.18: RPCL, tile-part lengths, and a lowest resolution for a thumbnail."""
    of = replace(CT, rows=rows, columns=columns)
    stream = read_code_stream(bytes(ENCODERS[JPEG + "202"].encode(noise(of)).data))
    assert stream.progression == RPCL
    assert stream.tile_part_lengths
    assert max(rows, columns) <= 64 << stream.levels


@pytest.mark.parametrize("number", ["90", "201", "202"])
@pytest.mark.parametrize(("colour", "becomes"), [("RGB", "YBR_RCT"), ("YBR_FULL", "YBR_FULL")])
def test_only_rgb_is_transformed_and_said_to_be(number: str, colour: str, becomes: str) -> None:
    of = replace(
        CT,
        samples_per_pixel=3,
        bits_allocated=8,
        bits_stored=8,
        signed=False,
        photometric_interpretation=colour,
    )
    encoded = ENCODERS[JPEG + number].encode(noise(of))
    assert encoded.pixels.photometric_interpretation == becomes
    assert read_code_stream(bytes(encoded.data)).colour_transformed == (colour == "RGB")


@pytest.mark.parametrize("syntax", sorted(ENCODERS))
def test_bits_above_bits_stored_are_kept_or_refused(syntax: str) -> None:
    """Overlays of old hide there; an image coder would drop them without a word."""
    codec = ENCODERS[syntax]
    of = replace(CT, signed=False)
    if not codec.can_encode(of):
        return
    data = bytearray(noise(of).data)
    data[1] |= 0x80
    frame = Frame(bytes(data), of)
    if syntax in {RLE, DEFLATED}:
        encoded = codec.encode(frame)
        assert same_samples(codec.decode(encoded.data, encoded.pixels), frame)
    else:
        with pytest.raises(UnreadableInstance, match="more than the 12 bits"):
            codec.encode(frame)


@pytest.mark.parametrize(
    ("syntax", "of"),
    [
        (JPEG + "80", CT),  # the library would say 16 bits
        (JPEG + "110", CT),  # signed
        (JPEG + "90", replace(CT, bits_allocated=32, bits_stored=32)),
        (JPEG + "70", replace(CT, bits_stored=1)),
        (JPEG + "110", replace(CT, photometric_interpretation="PALETTE COLOR", signed=False)),
    ],
)
def test_what_cannot_be_written_exactly_is_not_promised(syntax: str, of: PixelFormat) -> None:
    assert not ENCODERS[syntax].can_encode(of)


def test_no_lossy_syntax_is_encoded_unless_it_is_asked_for() -> None:
    assert not {JPEG + number for number in ("50", "51", "81", "91", "203", "112")} & set(ENCODERS)


def test_a_frame_of_another_length_is_not_encoded() -> None:
    for codec in ENCODERS.values():
        of = PixelFormat(rows=2, columns=2, bits_allocated=8, bits_stored=8)
        with pytest.raises(UnreadableInstance):
            codec.encode(Frame(b"abc", of))


def test_the_precision_is_put_into_every_component() -> None:
    of = replace(CT, samples_per_pixel=3, photometric_interpretation="RGB", signed=False)
    data = bytes(ENCODERS[JPEG + "201"].encode(noise(of)).data)
    assert data[42:51:3] == bytes([11, 11, 11])
    assert with_precision(data, 8, signed=True)[42:51:3] == bytes([0x87] * 3)
