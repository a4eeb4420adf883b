"""A data set held to the one that it was made of."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import pytest

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import largest_difference
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.codecs.verifying import Encoded, check_pixels
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import NEAR, RLE, Mirror, encapsulated, image, mirrored

FRAMES = [struct.pack("<6H", 5, 6, 7, 4000, 9, 10), struct.pack("<6H", 0, 1, 2, 3, 4, 5)]
NUDGED = [struct.pack("<6H", 5, 8, 7, 3998, 9, 10), FRAMES[1]]
QUALITY = Loss(Measure.QUALITY, 50)


def stored(frames: list[bytes], syntax: str = RLE, **changed: object) -> Encoded:
    data = encapsulated(image(len(frames), **changed), [mirrored(frame) for frame in frames])
    return Encoded(io.BytesIO(data), syntax)


def check(one: Encoded, other: Encoded, loss: Loss | None = None) -> None:
    registry = CodecRegistry()
    registry.add([Mirror(RLE), Mirror(NEAR)], plugin="test")
    check_pixels(Transcoding(registry), one, other, loss)


def test_equal_frames_are_the_same_in_any_syntax() -> None:
    check(stored(FRAMES), stored(FRAMES, NEAR))


@pytest.mark.parametrize(
    ("other", "number"), [(NUDGED, 1), ([FRAMES[0], FRAMES[0]], 2), (FRAMES[:1], 2)]
)
def test_the_first_frame_that_differs_is_told(other: list[bytes], number: int) -> None:
    with pytest.raises(UnreadableInstance, match=f"frame {number} of the new file is another one"):
        check(stored(FRAMES), stored(other, NEAR))


@pytest.mark.parametrize(("near", "same"), [(1, False), (2, True), (9, True)])
def test_with_a_near_loss_samples_may_differ_by_so_much(near: int, same: bool) -> None:
    loss = Loss(Measure.NEAR, near)
    if same:
        check(stored(FRAMES), stored(NUDGED, NEAR), loss)
        return
    with pytest.raises(UnreadableInstance, match="frame 1"):
        check(stored(FRAMES), stored(NUDGED, NEAR), loss)


def test_with_any_other_loss_frames_have_to_be_of_one_kind() -> None:
    check(stored(FRAMES), stored(NUDGED, NEAR), QUALITY)
    with pytest.raises(UnreadableInstance, match="frame 1"):
        check(stored(FRAMES), stored(NUDGED, NEAR, Rows=3, Columns=2), QUALITY)
    with pytest.raises(UnreadableInstance, match="frame 1"):
        check(stored(FRAMES), stored(NUDGED, NEAR, PixelRepresentation=1), QUALITY)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("allocated", [8, 16, 32])
def test_the_largest_difference_knows_size_and_sign(allocated: int, signed: bool) -> None:
    """And samples are those of a pixel, whatever the planar configuration."""
    pixels = PixelFormat(
        rows=1, columns=3, bits_allocated=allocated, bits_stored=allocated, signed=signed
    )
    code = {8: "b", 16: "h", 32: "i"}[allocated]
    code = code if signed else code.upper()
    low = -100 if signed else 0
    one = Frame(struct.pack(f"<3{code}", low, 1, 120), pixels)
    other = Frame(struct.pack(f"<3{code}", low + 7, 1, 117), pixels)
    assert largest_difference(one, other) == 7


def test_frames_of_two_colours_have_no_samples_to_compare() -> None:
    kinds = [
        PixelFormat(
            rows=1,
            columns=1,
            samples_per_pixel=3,
            bits_allocated=8,
            bits_stored=8,
            photometric_interpretation=colour,
        )
        for colour in ("RGB", "YBR_FULL")
    ]
    one, other = (Frame(b"abc", kind) for kind in kinds)
    assert largest_difference(one, other) is None
    assert largest_difference(one, one) == 0
