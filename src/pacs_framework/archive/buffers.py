"""Buffers that are used again and again, each beginning at a page of its own.

The first touch of a page of memory costs microseconds: the system has to find it, to clear it and
to map it, and a virtual machine may have to ask its host. An instance of half a megabyte in fresh
memory pays that 128 times. What begins at a page can besides be written to disk without a copy
(`pacs_framework.archive.new_file`).
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Callable

from pacs_framework.errors import StorageError

__all__ = ["Block", "Buffers"]

_FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


class Buffers:
    """Buffers of ``size`` bytes, rounded up to whole pages; up to ``most`` are kept for later.

    Safe to use from many threads. The one that came back last is lent first, because its pages are
    there; those of a buffer that were never touched take no memory.
    """

    def __init__(self, size: int, *, most: int) -> None:
        self.size = max(1, -(-size // mmap.PAGESIZE)) * mmap.PAGESIZE
        self._spare: deque[mmap.mmap] = deque(maxlen=most)

    def borrow(self) -> mmap.mmap:
        """A buffer, with whatever it held before. Raises OSError where there is no memory."""
        try:
            return self._spare.pop()
        except IndexError:
            return mmap.mmap(-1, self.size, flags=_FLAGS)

    def give_back(self, buffer: mmap.mmap) -> None:
        """Lend ``buffer`` to others, unless a view still looks into it: then it is left to that."""
        try:
            # Refused while there is a view, and does nothing where the size stays the same.
            buffer.resize(self.size)
        except BufferError:
            return
        self._spare.append(buffer)


class Block:
    """One of ``buffers``, filled from its start and emptied as a whole, any number of times."""

    __slots__ = ("_buffers", "_memory", "filled", "size")

    def __init__(self, buffers: Buffers) -> None:
        self._buffers = buffers
        self._memory: mmap.mmap | None = buffers.borrow()
        self.size = buffers.size
        self.filled = 0

    def fill(self, data: bytes | bytearray | memoryview) -> None:
        """Copy ``data`` behind what is there; there must be room for it."""
        assert self._memory is not None, "the block was given back"
        start = self.filled
        self.filled = end = start + len(data)
        self._memory[start:end] = data

    def pour(
        self, data: bytes | bytearray | memoryview, into: Callable[[memoryview], object]
    ) -> None:
        """Copy ``data`` of any length, emptying the block when it is full and more is to come."""
        rest = memoryview(data)
        while rest:
            if self.filled == self.size:
                self.empty(into)
            room = self.size - self.filled
            self.fill(rest[:room])
            rest = rest[room:]

    def empty(self, into: Callable[[memoryview], object]) -> None:
        """Hand over what is there, and begin anew when that was taken."""
        if self.filled:
            into(self.content())
            self.filled = 0

    def content(self) -> memoryview:
        """What is there, from the start of a page on.

        Raises `StorageError` once the block was given back, also by another thread at this very
        moment: the buffer may hold another instance by now.
        """
        memory = self._memory
        if memory is not None:
            view = memoryview(memory)
            # A buffer is lent to others only where nobody looks into it. So either this view was
            # there first and keeps it, or the block has been given back and shows it.
            if self._memory is memory:
                return view[: self.filled]
            view.release()
        raise StorageError("the bytes of an instance are gone: its reception has ended")

    def give_back(self) -> None:
        """Let others have the buffer. Harmless when called twice."""
        memory, self._memory = self._memory, None
        if memory is not None:
            self._buffers.give_back(memory)
