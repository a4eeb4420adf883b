"""Two providers, one picture: what this plugin and pacs-codecs-pylibjpeg decode is the same."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from pacs_framework.codecs.codec import Codec, Frame
from pacs_framework.codecs.comparing import by_pixel
from pacs_framework.codecs.measuring import measured
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.syntaxes import is_lossless
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from published import BUNDLED, SHARED, Published, frames

from pacs_codecs_imagecodecs.codecs import available
from pacs_codecs_pylibjpeg.codecs import available as others

OURS = {codec.transfer_syntax: codec for codec in available()}

# JPEG decoders may differ by one step of each inverse transform and once more in colour.
MOST_LOSSY = 2

# How much slower a codec may be that is asked before another one: times of small frames vary.
MOST_SLOWER = 1.8

# Its code stream says unsigned, its header signed.
WRONG_SIGN = {"J2K_pixelrep_mismatch.dcm"}

# No code stream is in these: a delimiter is where it should be, or the stream is broken.
NO_IMAGE = {"JPEG2000-embedded-sequence-delimiter.dcm", "966.dcm"}


def distance(one: Frame, other: Frame) -> int:
    kind = f"<{'i' if one.pixels.signed else 'u'}{one.pixels.bits_allocated // 8}"
    first, second = (np.frombuffer(by_pixel(each), kind).astype(np.int64) for each in (one, other))
    return int(np.abs(first - second).max())


def decoded(codec: Codec, frame: Published) -> Frame | None:
    if not codec.can_decode(frame.pixels):
        return None
    try:
        return codec.decode(frame.data, frame.pixels)
    except UnreadableInstance:
        return None


def compare(folder: Path) -> Counter[str]:
    """How many frames of each syntax both have decoded; fails where they differ."""
    compared: Counter[str] = Counter()
    for frame in frames(folder):
        ours = OURS.get(frame.syntax)
        if ours is None or frame.path.name in NO_IMAGE:
            continue
        mine = decoded(ours, frame)
        assert mine is not None, f"{frame.path} is not decoded"
        for other in others():
            if other.transfer_syntax != frame.syntax:
                continue
            theirs = decoded(other, frame)
            if theirs is not None:
                told = f"{frame.path}: {other.name}"
                most = 0 if is_lossless(frame.syntax) else MOST_LOSSY
                assert distance(mine, theirs) <= most, told
                colours = [each.pixels.photometric_interpretation for each in (mine, theirs)]
                assert colours[0] == colours[1], told
                compared[frame.syntax] += 1
    return compared


def test_every_compressed_file_of_pydicom_is_decoded_and_the_same() -> None:
    compared = compare(BUNDLED)
    for number in ("50", "70", "80", "81", "90", "91"):
        assert compared[f"1.2.840.10008.1.2.4.{number}"], number
    assert compared["1.2.840.10008.1.2.5"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder shared/dicom beside the repository")
def test_every_compressed_file_of_the_shared_folder_is_decoded_and_the_same() -> None:
    """Among them NEMA's WG-04 images, of all JPEG syntaxes."""
    assert sum(compare(SHARED).values()) > 100


@pytest.mark.parametrize("name", sorted(WRONG_SIGN))
def test_the_sign_is_what_the_header_says(name: str) -> None:
    """As pydicom corrects it."""
    (frame,) = (each for each in frames(BUNDLED) if each.path.name == name)
    got = np.frombuffer(OURS[frame.syntax].decode(frame.data, frame.pixels).data, "<i2")
    assert np.array_equal(got, pixel_array(pydicom.dcmread(frame.path), raw=True).ravel())


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_twelve_bits_of_jpeg_are_decoded(name: str) -> None:
    """Which nothing without the GPL does in the other provider."""
    (frame,) = (each for each in frames(BUNDLED) if each.path.name == name)
    samples = np.frombuffer(OURS[frame.syntax].decode(frame.data, frame.pixels).data, "<u2")
    assert frame.pixels.bits_stored == 12
    assert 255 < samples.max() < 4096


def test_the_order_of_asking_is_the_one_that_the_clock_gives() -> None:
    """What codecs tell of their cost is what `pacs codecs --measure` finds, about."""
    registry = CodecRegistry()
    registry.add(available(), plugin="ours")
    registry.add(others(), plugin="theirs")
    least: dict[str, float] = {}
    for row in measured(registry):
        if row.decode_seconds is not None:
            syntax = row.provided.codec.transfer_syntax
            before = least.setdefault(syntax, row.decode_seconds)
            assert before < MOST_SLOWER * row.decode_seconds, (syntax, row.provided)
    assert len(least) > 10
