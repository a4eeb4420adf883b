"""Compressed data sets made native before they are due: in bounds, and nobody waits for others."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.early import EarlyConversion, EarlyConversions, EarlyLimits
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.running import running_archive

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import EXPLICIT, IMPLICIT, SYNTAX, Mirror, encapsulated, image, mirrored

FRAME = 12  # bytes of one native frame
PATIENCE = 20.0


class Watched(Mirror):
    """Notes which frames it decodes, by their first native byte; those in ``held`` it waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.decoded: list[int] = []
        self.held: dict[int, threading.Event] = {}
        self.begun = {n: threading.Event() for n in range(8)}

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        number = bytes(frame).removesuffix(b"\xff\xd9")[-1]
        if number in self.begun:
            self.begun[number].set()
        if number in self.held:
            assert self.held[number].wait(PATIENCE)
        made = super().decode(frame, pixels)
        self.decoded.append(number)
        return made


Early = Callable[..., EarlyConversions]


@pytest.fixture
def codec() -> Watched:
    return Watched()


@pytest.fixture
def early(codec: Watched) -> Iterator[Early]:
    registry = CodecRegistry()
    registry.add([codec], plugin="test")
    with ExitStack() as stack:

        def make(*, images: int = 4, room: int = 1 << 20, threads: int = 2) -> EarlyConversions:
            limits = EarlyLimits(images=images, room=room, threads=threads)
            made = EarlyConversions(Transcoding(registry, whole=True), limits)
            return stack.enter_context(closing(made))

        yield make
        for event in codec.held.values():
            event.set()


def compressed(number: int, frames: int = 1) -> io.BytesIO:
    native = bytes([number] * FRAME)
    return io.BytesIO(encapsulated(image(frames), [mirrored(native)] * frames))


def begun(early: EarlyConversions, source: io.BytesIO, target: str = EXPLICIT) -> EarlyConversion:
    made = early.begin(source, SYNTAX, target)
    assert made is not None
    return made


def ended(early: EarlyConversion) -> None:
    """Wait until a thread is done with it."""
    early._future.exception(PATIENCE)


@pytest.mark.parametrize("target", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("frames", [1, 3])
def test_what_comes_is_what_is_converted_when_due(early: Early, target: str, frames: int) -> None:
    conversions = early()
    several = [begun(conversions, compressed(n, frames), target) for n in range(5)]
    for number, each in enumerate(several):
        with each:
            source = compressed(number, frames)
            due = conversions._transcoding.convert(source, SYNTAX, target)
            assert b"".join(each.pieces(target)) == b"".join(due)


def test_what_needs_no_decoding_is_not_touched(early: Early) -> None:
    """Nor anything where none is to be decoded early."""
    source = compressed(1)
    assert early().begin(source, SYNTAX, SYNTAX) is None
    assert early().begin(source, EXPLICIT, IMPLICIT) is None
    assert early(images=0).begin(source, SYNTAX, EXPLICIT) is None
    assert source.tell() == 0


def test_a_failure_comes_when_its_image_is_due(early: Early) -> None:
    """Where it was begun, nothing is raised, and the next image is not harmed."""
    conversions = early()
    bad = begun(conversions, io.BytesIO(encapsulated(image(), [b"bad!"])))
    cut = begun(conversions, io.BytesIO(compressed(1).getvalue()[:-20]))
    good = begun(conversions, compressed(2))
    ended(bad)
    with bad, pytest.raises(UnreadableInstance, match="bad frame"):
        bad.pieces(EXPLICIT)
    with cut, pytest.raises(UnreadableInstance, match="the data end"):
        cut.pieces(EXPLICIT)
    with good:
        assert b"\2" * FRAME in b"".join(good.pieces(EXPLICIT))


def test_what_finds_no_room_is_decoded_when_it_is_due(early: Early, codec: Watched) -> None:
    """And room is found again when an image has gone, or could not be decoded."""
    conversions = early(room=2 * FRAME, threads=1)
    bad = begun(conversions, io.BytesIO(encapsulated(image(), [b"bad!"])))
    ended(bad)
    first, second, third = (begun(conversions, compressed(n)) for n in range(3))
    for each in (first, second, third):
        ended(each)
    assert sorted(codec.decoded) == [0, 1]
    first.close()
    fourth = begun(conversions, compressed(3))
    ended(fourth)
    assert sorted(codec.decoded) == [0, 1, 3]
    assert b"\2" * FRAME in b"".join(third.pieces(EXPLICIT))
    assert codec.decoded[-1] == 2
    for each in (bad, second, third, fourth):
        each.close()
    again = [begun(conversions, compressed(n)) for n in (4, 5)]
    for each in again:
        ended(each)
    assert sorted(codec.decoded[-2:]) == [4, 5]


def test_an_image_larger_than_all_room_comes_all_the_same(early: Early, codec: Watched) -> None:
    large = begun(early(room=FRAME), compressed(1, frames=2))
    ended(large)
    assert codec.decoded == []
    with large:
        assert b"\1" * 2 * FRAME in b"".join(large.pieces(EXPLICIT))


def test_nobody_waits_for_a_thread_that_is_busy_with_others(early: Early, codec: Watched) -> None:
    """What no thread has come to is decoded by who needs it."""
    codec.held[1] = threading.Event()
    conversions = early(threads=1)
    with begun(conversions, compressed(1)) as slow, begun(conversions, compressed(2)) as quick:
        assert codec.begun[1].wait(PATIENCE)
        assert b"\2" * FRAME in b"".join(quick.pieces(EXPLICIT))
        assert codec.decoded == [2]
        codec.held[1].set()
        assert b"\1" * FRAME in b"".join(slow.pieces(EXPLICIT))


def test_giving_up_does_not_wait_and_closes_each_source_when_it_is_read(
    early: Early, codec: Watched
) -> None:
    """At once where nobody reads it, else behind the frame that is being decoded."""
    codec.held[1] = threading.Event()
    conversions = early(threads=1, room=FRAME)
    reading, waiting = compressed(1), compressed(2)
    first, second = begun(conversions, reading), begun(conversions, waiting)
    assert codec.begun[1].wait(PATIENCE)
    first.close()
    second.close()
    assert waiting.closed
    assert not reading.closed
    codec.held[1].set()
    ended(first)
    conversions.close()
    assert reading.closed
    assert codec.decoded == [1]
    assert conversions._room.take(FRAME)  # given back


def test_the_end_waits_for_what_is_being_decoded_and_begins_no_more(
    early: Early, codec: Watched
) -> None:
    codec.held[1] = threading.Event()
    conversions = early(threads=1)
    with begun(conversions, compressed(1)), begun(conversions, compressed(2)) as second:
        given_up = threading.Event()
        second._future.add_done_callback(lambda _future: given_up.set())
        assert codec.begun[1].wait(PATIENCE)
        ending = threading.Thread(target=conversions.close)
        ending.start()
        assert given_up.wait(PATIENCE)
        codec.held[1].set()
        ending.join(PATIENCE)
        assert not ending.is_alive()
    assert codec.decoded == [1]


def test_it_is_not_given_out_as_another_transfer_syntax(early: Early) -> None:
    """The receiver would read it wrong."""
    with (
        begun(early(), compressed(1)) as made,
        pytest.raises(UnreadableInstance, match=f"decoded for {EXPLICIT}, and is to be sent as"),
    ):
        made.pieces(IMPLICIT)


def test_an_archive_decodes_early_as_its_settings_say(tmp_path: Path) -> None:
    """So many of each sender, in as many threads as there are decoder processes."""
    told = {"codecs": {"ahead": 3, "ahead_memory": "1 MiB", "processes": 2}}
    with running_archive(tmp_path, settings=told) as running:
        early = running.archive.early
        assert early.images == 3
        assert early._room.take(1 << 20)
        assert not early._room.take(1)
        assert early._threads._max_workers == 2
