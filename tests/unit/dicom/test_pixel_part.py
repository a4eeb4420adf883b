"""The pixel data, byte for byte, and nothing that follows them."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Iterator

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.dicom.header import split_pieces
from pacs_framework.dicom.pixel_part import pixel_part
from pacs_framework.errors import UnreadableInstance

EXPLICIT, IMPLICIT, BIG = (
    str(uid) for uid in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
)
PIXELS = bytes(range(256))
UNDEFINED = 0xFFFFFFFF


def element(syntax: str, tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """An element with the long form of a length where the VR is explicit."""
    mark = ">" if syntax == BIG else "<"
    size = len(value) if length is None else length
    group, number = tag >> 16, tag & 0xFFFF
    if syntax == IMPLICIT:
        return struct.pack(f"{mark}HHI", group, number, size) + value
    return struct.pack(f"{mark}HH2sHI", group, number, vr.encode(), 0, size) + value


def name(syntax: str) -> bytes:
    """The header: Patient's Name is all that is in it."""
    if syntax == IMPLICIT:
        return element(syntax, 0x00100010, "PN", b"Doe^Jane")
    mark = ">" if syntax == BIG else "<"
    return struct.pack(f"{mark}HH2sH", 0x0010, 0x0010, b"PN", 8) + b"Doe^Jane"


def behind(syntax: str) -> bytes:
    return element(syntax, 0x7FE11001, "UN", b"Doe^Jane") + element(
        syntax, 0xFFFCFFFC, "OB", bytes(10)
    )


def item(data: bytes, element_number: int = 0xE000) -> bytes:
    return struct.pack("<HHI", 0xFFFE, element_number, len(data)) + data


END = item(b"", 0xE0DD)
FRAGMENTS = item(b"") + item(PIXELS) + item(PIXELS[:2])
ENCAPSULATED = element(EXPLICIT, 0x7FE00010, "OB", FRAGMENTS + END, UNDEFINED)


def part(data: bytes, syntax: str = EXPLICIT, piece: int = 1000) -> bytes:
    pieces = (data[at : at + piece] for at in range(0, len(data), piece))
    split = split_pieces(iter(pieces), implicit=syntax == IMPLICIT, little=syntax != BIG)
    return b"".join(pixel_part(split))


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_native_pixel_data_come_alone(syntax: str) -> None:
    pixels = element(syntax, 0x7FE00010, "OW", PIXELS)
    assert part(name(syntax) + pixels + behind(syntax), syntax) == pixels


def test_encapsulated_pixel_data_come_alone() -> None:
    """All fragments and their end (PS3.5 A.4)."""
    assert part(name(EXPLICIT) + ENCAPSULATED + behind(EXPLICIT)) == ENCAPSULATED


def test_several_elements_of_pixel_data_are_all_of_them() -> None:
    """Float Pixel Data stand in front of Pixel Data, where both are there."""
    both = element(EXPLICIT, 0x7FE00008, "OF", PIXELS) + element(EXPLICIT, 0x7FE00010, "OW", PIXELS)
    assert part(name(EXPLICIT) + both + behind(EXPLICIT)) == both


@pytest.mark.parametrize("rest", [b"", b"\0" * 7, b"\0" * 64])
def test_without_pixel_data_there_is_nothing(rest: bytes) -> None:
    """Whatever pads the end."""
    assert part(name(EXPLICIT) + rest) == b""
    pixels = element(EXPLICIT, 0x7FE00010, "OW", PIXELS)
    assert part(name(EXPLICIT) + pixels + rest) == pixels


@pytest.mark.parametrize("piece", [1, 7, 13, 1 << 20])
def test_it_does_not_matter_in_which_pieces_they_come(piece: int) -> None:
    whole = name(EXPLICIT) + ENCAPSULATED + behind(EXPLICIT)
    assert part(whole, piece=piece) == ENCAPSULATED


@pytest.mark.parametrize("kept", range(8, len(ENCAPSULATED), 37))
def test_encapsulated_pixel_data_that_are_cut_off_are_told(kept: int) -> None:
    with pytest.raises(UnreadableInstance, match="the data end inside"):
        part(name(EXPLICIT) + ENCAPSULATED[:kept])


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_native_pixel_data_that_are_cut_off_are_told(syntax: str) -> None:
    with pytest.raises(UnreadableInstance, match="the data end inside the pixel data"):
        part(name(syntax) + element(syntax, 0x7FE00010, "OW", PIXELS[:-2], len(PIXELS)), syntax)


@pytest.mark.parametrize(
    "inside",
    [
        struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED),  # an item of a sequence
        struct.pack("<HHI", 0x0010, 0x0010, 8) + b"Doe^Jane",
        struct.pack("<HHI", 0xFFFE, 0xE00D, 0),
    ],
)
def test_what_is_no_fragment_is_told(inside: bytes) -> None:
    """It would hide elements in what counts as pixels."""
    pixels = element(EXPLICIT, 0x7FE00010, "OB", item(PIXELS) + inside, UNDEFINED)
    with pytest.raises(UnreadableInstance, match="hold what is no fragment"):
        part(name(EXPLICIT) + pixels)


def test_a_vr_that_pixel_data_cannot_have_is_told() -> None:
    """Its length would be read from another place."""
    pixels = struct.pack("<HH2sH", 0x7FE0, 0x0010, b"US", 8) + b"Doe^Jane"
    with pytest.raises(UnreadableInstance, match="a VR that pixel data cannot have"):
        part(name(EXPLICIT) + pixels)


def test_memory_stays_bounded_however_many_pixels_there_are() -> None:
    size = 64 << 20

    def pieces() -> Iterator[bytes]:
        yield name(EXPLICIT) + element(EXPLICIT, 0x7FE00010, "OW", b"", size)
        for _ in range(size >> 18):
            yield bytes(1 << 18)

    tracemalloc.start()
    try:
        split = split_pieces(pieces(), implicit=False, little=True)
        given = sum(map(len, pixel_part(split)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert given == size + 12
    assert peak < 4 << 20
