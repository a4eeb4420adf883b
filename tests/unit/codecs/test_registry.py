"""Who is asked, and what is believed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import SYNTAX, Mirror, mirrored

PIXELS = PixelFormat(rows=2, columns=3, bits_allocated=16, bits_stored=12)
NATIVE = bytes(range(12))


def registry(*prefer: str, cheap: Mirror, dear: Mirror) -> CodecRegistry:
    made = CodecRegistry(prefer=prefer)
    made.add([dear], plugin="dear")
    made.add([cheap], plugin="cheap")
    return made


def decoded_by(made: CodecRegistry) -> str:
    return made.decode(mirrored(NATIVE), SYNTAX, PIXELS).pixels.photometric_interpretation


@pytest.mark.parametrize(("prefer", "expected"), [((), "CHEAP"), (("dear",), "DEAR")])
def test_the_cheapest_is_asked_unless_another_is_preferred(
    prefer: tuple[str, ...], expected: str
) -> None:
    made = registry(*prefer, cheap=Mirror(to="CHEAP", cost=1), dear=Mirror(to="DEAR", cost=2))
    assert decoded_by(made) == expected
    assert next(each.plugin for each in made) == expected.lower()


def test_where_one_fails_the_next_is_asked() -> None:
    class Failing(Mirror):
        def decode(self, frame, pixels):
            raise UnreadableInstance("not today")

    assert decoded_by(registry(cheap=Failing(cost=1), dear=Mirror(to="DEAR", cost=2))) == "DEAR"
    with pytest.raises(UnreadableInstance, match="not today"):
        decoded_by(registry(cheap=Failing(cost=1), dear=Failing(cost=2)))


def test_one_that_cannot_is_not_asked() -> None:
    class Choosy(Mirror):
        def can_decode(self, pixels):
            return False

        def can_encode(self, pixels):
            return False

    made = registry(cheap=Choosy(to="CHEAP", cost=1), dear=Mirror(to="DEAR", cost=2))
    assert decoded_by(made) == "DEAR"
    assert made.encode(Frame(NATIVE, PIXELS), SYNTAX).data == mirrored(NATIVE)


@pytest.mark.parametrize("data", [mirrored(NATIVE[:-1]), mirrored(NATIVE + b"\0"), b""])
def test_a_frame_of_another_size_is_not_believed(data: bytes) -> None:
    made = registry(cheap=Mirror(), dear=Mirror())
    with pytest.raises(UnreadableInstance, match="where the header says 12"):
        made.decode(data, SYNTAX, PIXELS)


def test_a_syntax_that_nobody_knows_is_told() -> None:
    made = registry(cheap=Mirror(), dear=Mirror())
    assert made.decodes(SYNTAX)
    assert not made.decodes("1.2.3")
    assert not made.encodes("1.2.3")
    with pytest.raises(
        UnreadableInstance, match=r"no codec decodes MONOCHROME2 of 12 in 16 bits, .* of 1\.2\.3"
    ):
        made.decode(b"", "1.2.3", PIXELS)
    with pytest.raises(
        UnreadableInstance, match=r"no codec encodes MONOCHROME2 of 12 in 16 bits, .* to 1\.2\.3"
    ):
        made.encode(Frame(NATIVE, PIXELS), "1.2.3")
