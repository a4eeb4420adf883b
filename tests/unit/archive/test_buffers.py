"""Buffers that are lent again, and blocks that are filled and emptied."""

from __future__ import annotations

import ctypes
import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_framework.archive import buffers as module
from pacs_framework.archive.buffers import Block, Buffers
from pacs_framework.errors import StorageError

PAGE = mmap.PAGESIZE


def test_a_buffer_that_came_back_is_lent_again_before_a_new_one_is_made() -> None:
    """Its pages are there already."""
    buffers = Buffers(PAGE, most=2)
    first, second = buffers.borrow(), buffers.borrow()
    assert first is not second
    buffers.give_back(first)
    buffers.give_back(second)
    assert buffers.borrow() is second
    assert buffers.borrow() is first


def test_no_more_than_some_wait_for_the_next_borrower() -> None:
    buffers = Buffers(PAGE, most=2)
    lent = [buffers.borrow() for _ in range(5)]
    for buffer in lent:
        buffers.give_back(buffer)
    again = [buffers.borrow() for _ in range(5)]
    assert sum(any(new is old for old in lent) for new in again) == 2


def test_a_buffer_that_somebody_looks_into_is_never_lent_to_another() -> None:
    """Whoever kept a view, by mistake or in a traceback, sees what was there when he got it."""
    buffers = Buffers(PAGE, most=2)
    buffer = buffers.borrow()
    buffer[:5] = b"first"
    view = memoryview(buffer)[:5]
    buffers.give_back(buffer)
    other = buffers.borrow()
    assert other is not buffer
    other[:5] = b"other"
    assert bytes(view) == b"first"


@pytest.mark.parametrize(("size", "expected"), [(0, 1), (1, 1), (PAGE, 1), (PAGE + 1, 2)])
def test_buffers_are_whole_pages_from_the_start_of_a_page(size: int, expected: int) -> None:
    buffers = Buffers(size, most=1)
    assert buffers.size == expected * PAGE
    block = Block(buffers)
    block.fill(b"x")
    address = ctypes.addressof(ctypes.c_char.from_buffer(block.content()))
    assert address % PAGE == 0


@given(st.lists(st.binary(max_size=3 * PAGE), max_size=8))
def test_a_block_hands_over_all_that_was_poured_in_full_pieces_and_a_rest(
    pieces: list[bytes],
) -> None:
    """In order, and all but the last piece of the size of the block."""
    block = Block(Buffers(2 * PAGE, most=0))
    handed: list[bytes] = []
    for piece in pieces:
        block.pour(piece, lambda view: handed.append(bytes(view)))
    block.empty(lambda view: handed.append(bytes(view)))
    assert b"".join(handed) == b"".join(pieces)
    assert all(len(piece) == 2 * PAGE for piece in handed[:-1])
    assert b"" not in handed


def test_what_was_not_taken_stays() -> None:
    """A block that could not be emptied still holds everything."""
    block = Block(Buffers(PAGE, most=0))
    block.fill(b"precious")

    def refuse(_: memoryview) -> None:
        raise OSError

    with pytest.raises(OSError):
        block.empty(refuse)
    assert bytes(block.content()) == b"precious"


def test_a_block_that_was_given_back_cannot_be_looked_into() -> None:
    """The buffer may hold another instance by now."""
    block = Block(Buffers(PAGE, most=1))
    block.fill(b"x")
    block.give_back()
    block.give_back()
    with pytest.raises(StorageError, match="its reception has ended"):
        block.content()
    with pytest.raises(AssertionError, match="given back"):
        block.fill(b"x")


@pytest.mark.parametrize("first", [True, False])
def test_one_who_looks_while_it_is_given_back_never_sees_another(
    monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """A hook that was given up on may look at its instance at the very moment of its end.

    Either its view is there first, and the buffer is lent to nobody; or it gets no view.
    """
    buffers = Buffers(PAGE, most=1)
    block = Block(buffers)
    block.fill(b"mine")

    def at_this_moment(memory: mmap.mmap) -> memoryview:
        view = memoryview(memory) if first else None
        block.give_back()
        other = Block(buffers)
        other.fill(b"else")
        return memoryview(memory) if view is None else view

    monkeypatch.setattr(module, "memoryview", at_this_moment, raising=False)
    with pytest.raises(StorageError, match="its reception has ended"):
        block.content()


def test_a_view_from_before_the_end_keeps_its_bytes() -> None:
    """The next instance gets another buffer."""
    buffers = Buffers(PAGE, most=1)
    block = Block(buffers)
    block.fill(b"mine")
    view = block.content()
    block.give_back()
    other = Block(buffers)
    other.fill(b"else")
    assert bytes(view) == b"mine"
