"""Frames of strangers: an error that says what is wrong, and no memory for what is not there."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
import zlib
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from pacs_codecs_imagecodecs.codecs import available
from pacs_codecs_imagecodecs.swallowed import swallowed_errors_raised
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.suites.codec import noise

CODECS = {codec.transfer_syntax: codec for codec in available()}
JPEG = "1.2.840.10008.1.2.4."
RLE, DEFLATED = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
PIXELS = PixelFormat(rows=100, columns=120, bits_allocated=16, bits_stored=16)
END_OF_IMAGE = b"\xff\xd9"


def encoded(syntax: str, pixels: PixelFormat = PIXELS) -> bytes:
    return bytes(CODECS[syntax].encode(noise(pixels)).data)


def baseline(rows: int = 100, columns: int = 120) -> tuple[bytes, PixelFormat]:
    pixels = PixelFormat(rows=rows, columns=columns, bits_allocated=8, bits_stored=8)
    samples = np.frombuffer(noise(pixels).data, "u1").reshape(rows, columns)
    return bytes(imagecodecs.jpeg8_encode(samples)), pixels


@pytest.mark.parametrize("number", ["57", "70", "80", "90", "201", "202"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.95])
def test_a_truncated_image_is_no_image(number: str, part: float) -> None:
    """Decoders would make up the rest."""
    data = encoded(JPEG + number)
    with pytest.raises(UnreadableInstance, match=r"cut off|no JPEG"):
        CODECS[JPEG + number].decode(data[: int(len(data) * part)], PIXELS)


@pytest.mark.parametrize("number", ["90", "201", "202"])
@pytest.mark.parametrize("part", [0.3, 0.95, 0.999])
def test_an_end_marker_does_not_make_a_cut_off_code_stream_whole(number: str, part: float) -> None:
    """It tells how long its tiles are."""
    data = encoded(JPEG + number)
    with pytest.raises(UnreadableInstance, match="cut off inside a tile"):
        CODECS[JPEG + number].decode(data[: int(len(data) * part)] + END_OF_IMAGE, PIXELS)


def test_a_truncated_lossy_image_is_no_image_either() -> None:
    data, pixels = baseline()
    CODECS[JPEG + "50"].decode(data, pixels)
    with pytest.raises(UnreadableInstance, match="cut off"):
        CODECS[JPEG + "50"].decode(data[: len(data) // 2], pixels)


@pytest.mark.parametrize("number", ["70", "80", "90", "201"])
@pytest.mark.parametrize("padding", [b"\0", bytes(1000), b"\xff"])
def test_padding_behind_the_end_is_no_damage(number: str, padding: bytes) -> None:
    codec, frame = CODECS[JPEG + number], noise(PIXELS)
    assert codec.decode(encoded(JPEG + number) + padding, PIXELS).data == frame.data


@pytest.mark.parametrize("number", ["57", "70", "80", "90", "110", "201"])
@pytest.mark.parametrize("changed", [{"rows": 99}, {"columns": 240}, {"samples_per_pixel": 3}])
def test_an_image_of_another_size_than_the_header_says_is_refused(
    number: str, changed: dict[str, int]
) -> None:
    colour = {"photometric_interpretation": "RGB"} if "samples_per_pixel" in changed else {}
    lie = replace(PIXELS, **changed, **colour)
    with pytest.raises(UnreadableInstance):
        CODECS[JPEG + number].decode(encoded(JPEG + number), lie)


@pytest.mark.parametrize("syntax", sorted(set(CODECS) - {RLE, DEFLATED}))
def test_more_bits_than_are_allocated_are_refused(syntax: str) -> None:
    if not CODECS[syntax].encodes:
        return
    narrow = replace(PIXELS, bits_allocated=8, bits_stored=8)
    with pytest.raises(UnreadableInstance):
        CODECS[syntax].decode(encoded(syntax), narrow)


BOMB = """
import resource, struct, sys
from pacs_codecs_imagecodecs.codecs import available
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance
syntax, data = sys.argv[1], bytes.fromhex(sys.stdin.read())
(codec,) = [each for each in available() if each.transfer_syntax == syntax]
pixels = PixelFormat(rows=100, columns=120, bits_allocated=16, bits_stored=16)
codec.decode(codec.encode(__import__("pacs_framework.testing.suites.codec", fromlist=["x"]).noise(
    pixels)).data, pixels)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    codec.decode(data, pixels)
except UnreadableInstance:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def jpeg_bomb(number: str) -> bytes:
    """An image that says it has 60000 × 60000 pixels."""
    data = bytearray(encoded(JPEG + number))
    marker = {"70": b"\xff\xc3", "80": b"\xff\xf7"}[number]
    struct.pack_into(">2H", data, data.index(marker) + 5, 60000, 60000)
    return bytes(data)


def code_stream_bomb(number: str) -> bytes:
    data = bytearray(encoded(JPEG + number))
    struct.pack_into(">2I", data, 8, 60000, 60000)
    struct.pack_into(">2I", data, 24, 60000, 60000)
    return bytes(data)


BOMBS = {
    JPEG + "70": lambda: jpeg_bomb("70"),
    JPEG + "80": lambda: jpeg_bomb("80"),
    JPEG + "90": lambda: code_stream_bomb("90"),
    JPEG + "201": lambda: code_stream_bomb("201"),
    JPEG + "110": lambda: bytes(
        imagecodecs.jpegxl_encode(np.zeros((12000, 12000), "u2"), lossless=True, effort=1)
    ),
    RLE: lambda: struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x81\0" * 400000,
    DEFLATED: lambda: zlib.compressobj(wbits=-15).compress(bytes(1 << 28)) or b"",
}


@pytest.mark.parametrize("syntax", sorted(BOMBS))
def test_a_bomb_takes_no_memory(syntax: str) -> None:
    """Less than 40 MB more than a sound frame of the same codec takes."""
    done = subprocess.run(
        [sys.executable, "-c", BOMB, syntax],
        input=BOMBS[syntax]().hex(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 40_000  # kilobytes


# Where the sizes of the main header are: right, bottom, left, top, tile width, tile height, and
# where the first tile begins.
@pytest.mark.parametrize("number", ["90", "201"])
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({24: 0}, "impossible size or tiles"),  # OpenJPH divides by it
        ({28: 0}, "impossible size or tiles"),
        ({32: 0xFFFF0000}, "impossible size or tiles"),  # looks for tiles for ever
        ({36: 200}, "impossible size or tiles"),
        ({16: 120}, "impossible size or tiles"),
        ({8: 0xFFFFFFFF, 16: 0xFFFFFFFF - 120, 24: 1, 28: 1}, "code stream of"),
    ],
)
def test_tiles_that_cannot_be_are_found_before_the_library_looks(
    number: str, changed: dict[int, int], told: str
) -> None:
    data = bytearray(encoded(JPEG + number))
    for position, value in changed.items():
        struct.pack_into(">I", data, position, value)
    with pytest.raises(UnreadableInstance, match=told):
        CODECS[JPEG + number].decode(bytes(data), PIXELS)


@pytest.mark.parametrize("number", ["92", "93"])
def test_of_part_2_what_needs_no_more_than_part_1_is_decoded(number: str) -> None:
    """A transformation across components that nobody undoes would give other pixels."""
    codec, data = CODECS[JPEG + number], bytearray(encoded(JPEG + "90"))
    assert codec.decode(bytes(data), PIXELS).data == noise(PIXELS).data
    colour = replace(PIXELS, samples_per_pixel=3, photometric_interpretation="RGB")
    three_frames = encoded(JPEG + "90", colour)
    with pytest.raises(UnreadableInstance, match="3 samples, where the header says 100, 120 and 1"):
        codec.decode(three_frames, PIXELS)
    struct.pack_into(">H", data, 6, 0x8100)
    with pytest.raises(UnreadableInstance, match="extensions of Part 2"):
        codec.decode(bytes(data), PIXELS)


def test_a_deflated_frame_of_another_length_is_refused() -> None:
    codec = CODECS[DEFLATED]
    for wanted in (PIXELS.rows - 1, PIXELS.rows + 1):
        with pytest.raises(UnreadableInstance):
            codec.decode(encoded(DEFLATED), replace(PIXELS, rows=wanted))
    assert codec.decode(encoded(DEFLATED) + b"\0", PIXELS).data == noise(PIXELS).data


@pytest.mark.parametrize(
    "header",
    [
        (3, 64, 100, 200),
        (1, 64),
        (2, 60, 100),
        (2, 100, 64),
        (2, 64, 1 << 31),
        (0,),
    ],
)
def test_an_rle_frame_with_a_wrong_header_is_refused(header: tuple[int, ...]) -> None:
    data = struct.pack("<16I", *header, *[0] * (16 - len(header))) + encoded(RLE)[64:]
    with pytest.raises(UnreadableInstance, match="RLE"):
        CODECS[RLE].decode(data, PIXELS)


def test_damage_that_the_library_swallows_is_an_error() -> None:
    """OpenJPH stops in the middle; the rows that are missing would be whatever was in memory."""
    syntax = JPEG + "201"
    data, failed = encoded(syntax), 0
    for position in range(300, len(data) - 10, 1500):
        damaged = bytearray(data)
        damaged[position : position + 6] = b"\xff" * 6
        try:
            CODECS[syntax].decode(bytes(damaged), PIXELS)
        except UnreadableInstance:
            failed += 1
    assert failed


def test_swallowed_errors_are_of_their_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others go where they went before."""
    seen: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(str(args.exc_value)))

    class Failing:
        def __del__(self) -> None:
            raise RuntimeError("swallowed")

    def elsewhere() -> None:
        Failing()

    with swallowed_errors_raised():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert seen == ["swallowed"]
    with pytest.raises(UnreadableInstance, match="swallowed"), swallowed_errors_raised():
        elsewhere()
    assert seen == ["swallowed"]
    elsewhere()
    assert seen == ["swallowed"] * 2


def colour_jpeg(*, adobe: bool) -> tuple[bytes, PixelFormat]:
    """An image in YCbCr with a JFIF marker, or with Adobe's."""
    pixels = PixelFormat(
        rows=16,
        columns=16,
        samples_per_pixel=3,
        bits_allocated=8,
        bits_stored=8,
        photometric_interpretation="YBR_FULL_422",
    )
    red = np.zeros((16, 16, 3), "u1")
    red[..., 0] = 200
    data = bytes(imagecodecs.jpeg8_encode(red, level=95))
    if adobe:
        end = 4 + struct.unpack_from(">H", data, 4)[0]
        assert data[2:4] == b"\xff\xe0"
        data = data[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x01" + data[end:]
    return data, pixels


@pytest.mark.parametrize("adobe", [False, True])
@pytest.mark.parametrize("stated", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_colour_stays_as_it_is_in_the_code_stream(adobe: bool, stated: str) -> None:
    """And the markers say which it is, whatever the header thinks."""
    data, pixels = colour_jpeg(adobe=adobe)
    frame = CODECS[JPEG + "50"].decode(data, replace(pixels, photometric_interpretation=stated))
    assert frame.pixels.photometric_interpretation == "YBR_FULL"
    luminance, blue, red = bytes(frame.data)[:3]
    assert 55 <= luminance <= 65
    assert blue < 100
    assert red > 220


def test_a_lossy_image_in_a_lossless_syntax_is_refused() -> None:
    data, pixels = baseline()
    with pytest.raises(UnreadableInstance, match="lossy JPEG image in a lossless"):
        CODECS[JPEG + "70"].decode(data, pixels)


def test_frames_that_are_no_bytes_are_taken() -> None:
    """The contract says: any buffer."""
    data = encoded(JPEG + "90")
    for given in (bytearray(data), memoryview(data)):
        assert isinstance(CODECS[JPEG + "90"].decode(given, PIXELS), Frame)
