"""Which fragments make a frame (PS3.5 A.4, PS3.3 C.7.6.3.1.8)."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_framework.codecs.image import CompressedImage, OtherDataSet, read_image
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import RLE, SYNTAX, encapsulated, image

A, B, C = b"first \xff\xd9", b"second\xff\xd9", b"third \xff\xd9"


def frames(
    header: Dataset,
    fragments: Sequence[bytes],
    offsets: Sequence[int] = (),
    syntax: str = SYNTAX,
) -> list[bytes]:
    found = read_image(io.BytesIO(encapsulated(header, fragments, offsets)), syntax)
    assert isinstance(found, CompressedImage)
    return list(found.frames)


def test_all_fragments_of_a_single_frame_belong_to_it() -> None:
    assert frames(image(), [b"one", b"two", b"thr"]) == [b"onetwothr"]


def test_the_basic_offset_table_tells_where_frames_begin() -> None:
    """Offsets count from the first fragment's item, headers included."""
    fragments = [b"1a", b"1b", b"2a", b"3a", b"3b"]
    assert frames(image(3), fragments, [0, 20, 30]) == [b"1a1b", b"2a", b"3a3b"]


def test_the_extended_offset_table_goes_before_the_basic_one() -> None:
    header = image(2, ExtendedOffsetTable=struct.pack("<2Q", 0, 20))
    assert frames(header, [b"1a", b"1b", b"2a"]) == [b"1a1b", b"2a"]


@pytest.mark.parametrize("offsets", [(), (0,), (8, 24), (24, 0), (0, 0), (0, 16, 32, 48)])
def test_without_a_sound_table_the_end_of_image_marker_tells(offsets: Sequence[int]) -> None:
    fragments = [A[:3], A[3:], B, C[:1], C[1:]]
    assert frames(image(3), fragments, offsets) == [A, B, C]


@pytest.mark.parametrize(
    "offsets",
    [
        (0, 24, 48),  # where the second one is right, and the third one is not
        (0, 17, 34),
        (0, 1000, 2000),  # behind the end
        (0, 16, 1000),
    ],
)
@pytest.mark.parametrize("extended", [False, True])
def test_a_table_that_turns_out_to_be_wrong_is_not_believed_any_further(
    offsets: Sequence[int], extended: bool
) -> None:
    """Where no fragment begins, no frame does; the frames are all there."""
    table = {"ExtendedOffsetTable": struct.pack("<3Q", *offsets)} if extended else {}
    header, basic = image(3, **table), () if extended else offsets
    assert frames(header, [A[:3], A[3:], B, C[:1], C[1:]], basic) == [A, B, C]
    assert frames(header, [A, B, C], basic, RLE) == [A, B, C]


def test_a_wrong_table_makes_no_frame_of_another_number() -> None:
    with pytest.raises(UnreadableInstance, match="2 frames where the header says 3"):
        frames(image(3), [A, B], (0, 17, 40))


def test_a_wrong_table_does_not_take_more_memory_than_a_frame() -> None:
    """Many frames lie in front of where it has the second one."""
    wanted = [bytes([number]) * 500_000 + b"\xff\xd9" for number in range(9)]
    assert frames(image(9), wanted, (0, *range(1 << 30, (1 << 30) + 8))) == wanted


def test_padding_may_follow_the_marker() -> None:
    assert frames(image(2), [A + b"\0", B]) == [A + b"\0", B]


def test_each_fragment_of_rle_is_a_frame() -> None:
    """PS3.5 G.2."""
    assert frames(image(3), [b"aa", b"bb", b"cc"], syntax=RLE) == [b"aa", b"bb", b"cc"]


@pytest.mark.parametrize("number", [1, 2, 4])
def test_another_number_of_frames_than_the_header_says_is_an_error(number: int) -> None:
    if number == 1:
        assert len(frames(image(1), [A, B, C])) == 1
        return
    with pytest.raises(UnreadableInstance, match=r"frames"):
        frames(image(number), [A, B, C])


@pytest.mark.parametrize("cut", [1, 4, 9, 30, 41])
def test_pixel_data_that_end_too_early_are_an_error(cut: int) -> None:
    data = encapsulated(image(2), [A, B])[:-cut]
    with pytest.raises(UnreadableInstance, match="data end inside"):
        list(read_image(io.BytesIO(data), SYNTAX).frames)


def test_what_is_no_fragment_is_an_error() -> None:
    data = encapsulated(image(), [A]).replace(b"\xfe\xff\xdd\xe0", b"\xfe\xff\x0d\xe0")
    with pytest.raises(UnreadableInstance, match="no fragment"):
        list(read_image(io.BytesIO(data), SYNTAX).frames)


def test_a_frame_may_not_be_much_larger_compressed_than_native() -> None:
    """So a bomb of fragments takes no memory."""
    with pytest.raises(UnreadableInstance, match="fragment"):
        frames(image(), [bytes(1 << 20)] * 3)


def test_native_pixel_data_in_a_compressed_syntax_come_as_they_are() -> None:
    data = encapsulated(image(), [])
    element = data.index(b"\xe0\x7f\x10\x00")
    native = data[: element + 8] + struct.pack("<I", 12) + bytes(12)
    found = read_image(io.BytesIO(native), SYNTAX)
    assert isinstance(found, OtherDataSet)
    assert b"".join(found.rest) == native[element:]


@pytest.mark.parametrize(
    "changed",
    [
        {"Rows": 0},
        {"SamplesPerPixel": 2},
        {"BitsAllocated": 12},
        {"BitsStored": 17},
        {"PhotometricInterpretation": "RGB"},
        {"Rows": 65535, "Columns": 65535},
        {"NumberOfFrames": 0},
        {"NumberOfFrames": -3},
        {"PlanarConfiguration": 7},
    ],
)
def test_a_header_that_cannot_be_is_an_error(changed: dict[str, object]) -> None:
    with pytest.raises(UnreadableInstance):
        frames(image(**changed), [A])


@pytest.mark.parametrize("keyword", ["Rows", "BitsStored", "PhotometricInterpretation"])
def test_a_value_that_pydicom_cannot_decode_is_an_error_of_the_header(keyword: str) -> None:
    """It raises anything over a VR that there is none of; fuzzing found this one."""
    data = bytearray(encapsulated(image(), [A]))
    tag = struct.pack("<2H", *divmod(tag_for_keyword(keyword) or 0, 1 << 16))
    at = data.index(tag) + len(tag)
    data[at : at + 2] = b"U\0"
    with pytest.raises(UnreadableInstance, match=f"{keyword} cannot be decoded"):
        read_image(io.BytesIO(bytes(data)), SYNTAX)


@given(
    sizes=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=4), min_size=2, max_size=6),
    block=st.integers(1, 50),
)
def test_any_cut_into_fragments_gives_the_frames_back(sizes: list[list[int]], block: int) -> None:
    """With a table, in reads of any size."""
    wanted, fragments, offsets, position = [], [], [], 0
    for number, parts in enumerate(sizes):
        offsets.append(position)
        pieces = [bytes([number]) * (2 * size) for size in parts]
        position += sum(8 + len(piece) for piece in pieces)
        wanted.append(b"".join(pieces))
        fragments += pieces
    data = io.BytesIO(encapsulated(image(len(sizes)), fragments, offsets))

    class Slow:
        def read(self, size: int = -1) -> bytes:
            return data.read(min(size, block) if size > 0 else block)

    found = read_image(Slow(), SYNTAX)
    assert list(found.frames) == wanted
