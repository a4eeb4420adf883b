"""Ranges of many objects that are read several at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pacs_framework.buckets.ahead import AT_ONCE, THREADS, Ahead
from pacs_framework.errors import StorageError
from pacs_framework.storage import ObjectRange

LONG = 60  # seconds; nothing takes as long unless it hangs


def ranges(count: int) -> list[ObjectRange]:
    return [ObjectRange(str(number), 0, 1) for number in range(count)]


def test_several_are_under_way_at_once_and_come_in_their_order() -> None:
    """None of the first comes before all of them were asked for."""
    all_asked = threading.Barrier(AT_ONCE)

    def read(each: ObjectRange) -> bytes | None:
        if int(each.key) < AT_ONCE:
            all_asked.wait(LONG)
        return None if each.key == "3" else each.key.encode()

    ahead = Ahead(read)
    expected = [None if number == 3 else str(number).encode() for number in range(50)]
    assert list(ahead.read(ranges(50))) == expected
    assert list(ahead.read([])) == []
    ahead.close()


def test_no_more_are_held_than_that() -> None:
    asked = 0

    def counted() -> object:
        nonlocal asked
        for each in ranges(50):
            asked += 1
            yield each

    ahead = Ahead(lambda _: b"")
    reading = ahead.read(counted())
    for taken in range(1, 11):
        next(reading)
        assert asked == taken + AT_ONCE - 1
    reading.close()
    ahead.close()


def test_an_error_comes_in_the_place_of_its_range() -> None:
    def read(each: ObjectRange) -> bytes:
        if each.key == "2":
            raise StorageError("cannot read an object: away")
        return b"x"

    ahead = Ahead(read)
    reading = ahead.read(ranges(20))
    assert [next(reading), next(reading)] == [b"x", b"x"]
    with pytest.raises(StorageError, match="away"):
        next(reading)
    ahead.close()


def test_who_stops_reading_lets_the_others_read() -> None:
    """What was not begun never is."""
    go, begun = threading.Event(), []

    def read(each: ObjectRange) -> bytes:
        begun.append(each.key)
        assert go.wait(LONG)
        return b"x"

    ahead = Ahead(read)
    first, second, third = (ahead.read(ranges(20)) for _ in range(3))
    waiting = [threading.Thread(target=next, args=(each,)) for each in (first, second, third)]
    for thread in waiting:
        thread.start()
    go.set()
    for thread in waiting:
        thread.join(LONG)
    for reading in (first, second, third):
        reading.close()
    assert list(ahead.read(ranges(2))) == [b"x", b"x"]
    ahead.close()
    assert len(begun) <= 3 * AT_ONCE + 2


def test_a_closed_one_begins_nothing() -> None:
    ahead = Ahead(lambda _: b"")
    ahead.close()
    with pytest.raises(StorageError, match="the storage is closed"):
        next(ahead.read(ranges(1)))


def test_who_waits_while_it_is_closed_hears_of_that() -> None:
    """What was waiting for a thread comes no more; what was begun is given out."""
    begun, go = threading.Semaphore(0), threading.Event()

    def read(_: ObjectRange) -> bytes:
        begun.release()
        assert go.wait(LONG)
        return b"x"

    ahead = Ahead(read)
    busy = [ahead.read(ranges(AT_ONCE)) for _ in range(THREADS // AT_ONCE)]
    heard: list[bytes | str | None] = []

    def take(reading: Iterator[bytes | None]) -> None:
        try:
            heard.append(next(reading))
        except StorageError as error:
            heard.append(str(error))

    waiting = [threading.Thread(target=take, args=(each,)) for each in busy]
    for thread in waiting:
        thread.start()
    for _ in range(THREADS):
        assert begun.acquire(timeout=LONG)
    asked = threading.Event()

    def late() -> Iterator[ObjectRange]:
        yield from ranges(1)
        asked.set()

    last = threading.Thread(target=take, args=(ahead.read(late()),))
    last.start()
    assert asked.wait(LONG)
    ahead.close()
    last.join(LONG)
    go.set()
    for thread in waiting:
        thread.join(LONG)
    assert heard == ["the storage is closed"] + [b"x"] * len(busy)
