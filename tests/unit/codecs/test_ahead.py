"""Frames worked on ahead."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.transcoding import Transcoding

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import EXPLICIT, SYNTAX, Mirror, encapsulated, image, mirrored


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[FrameThreads]:
    made = FrameThreads(request.param)
    yield made
    made.close()


def test_results_come_in_order(threads: FrameThreads) -> None:
    assert list(threads.map(lambda n: n * n, range(50))) == [n * n for n in range(50)]


def test_what_one_raises_comes_in_its_place(threads: FrameThreads) -> None:
    def work(number: int) -> int:
        return 10 // (3 - number)

    results = threads.map(work, range(20))
    assert [next(results) for _ in range(3)] == [3, 5, 10]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_only_a_few_frames_are_ahead() -> None:
    threads, taken = FrameThreads(2), []

    def frames() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = threads.map(lambda n: n, frames())
    assert next(results) == 0
    assert len(taken) <= 4
    results.close()  # type: ignore[attr-defined]
    threads.close()


def test_several_frames_are_worked_on_at_once() -> None:
    threads, together = FrameThreads(2), threading.Barrier(2, timeout=20)
    assert len(list(threads.map(lambda _: together.wait(), range(4)))) == 4
    threads.close()


class Located(Mirror):
    """Notes the threads that it decodes in."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        self.threads.add(threading.current_thread().name)
        return super().decode(frame, pixels)


@pytest.mark.parametrize(
    ("frames", "largest", "beside"), [(3, 12, True), (3, 11, False), (1, 12, False)]
)
def test_frames_of_an_image_are_decoded_in_threads_unless_they_are_large(
    frames: int, largest: int, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several large ones in memory would be too much, and for a single one there is no use."""
    monkeypatch.setattr("pacs_framework.codecs.transcoding._LARGEST_BESIDE", largest)
    codec, registry = Located(), CodecRegistry()
    registry.add([codec], plugin="test")
    native = [bytes([number] * 12) for number in range(frames)]
    data = encapsulated(image(frames), [mirrored(frame) for frame in native])
    with closing(FrameThreads(2)) as threads:
        transcoding = Transcoding(registry, threads=threads)
        pieces = b"".join(transcoding.convert(io.BytesIO(data), SYNTAX, EXPLICIT))
    assert pieces.endswith(b"".join(native))
    here = threading.current_thread().name
    assert (here not in codec.threads) if beside else (codec.threads == {here})
