"""The upper layer on a transport: blocking, one thread, no polling.

`Wire` moves bytes between a `Transport` and an `UpperLayer`, keeps the ARTIM timer, and can be
stopped from another thread. It knows nothing of messages.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from pacs_framework.network.errors import (
    AssociationAborted,
    AssociationError,
    ConnectionFailed,
)
from pacs_framework.network.events import ArtimExpired, UpperLayerEvent
from pacs_framework.network.limits import Limits
from pacs_framework.network.state import Event, State
from pacs_framework.network.transport import Transport
from pacs_framework.network.upper_layer import UpperLayer

__all__ = [
    "BLOCK_SIZE",
    "Breakable",
    "Calls",
    "Rung",
    "Stopped",
    "Wire",
    "borrow_block",
    "return_block",
]

BLOCK_SIZE = 1 << 18
"""Bytes of a block for moving data sets; an association holds blocks only while one moves."""

_ESTABLISHED = State.ESTABLISHED
_IDLE_BUFFER = 1 << 14
_SPARE_BLOCKS = 32
_spare_blocks: list[bytearray] = []


def borrow_block() -> bytearray:
    """A block of `BLOCK_SIZE` bytes with any content."""
    try:
        return _spare_blocks.pop()
    except IndexError:
        return bytearray(BLOCK_SIZE)


def return_block(block: bytearray) -> None:
    """Give a block back; a few are kept, so that a data set costs no fresh memory."""
    if len(_spare_blocks) < _SPARE_BLOCKS:
        _spare_blocks.append(block)


class Stopped(AssociationError):
    """This side is being stopped."""


class Rung(Exception):
    """The bell rang while nothing was under way."""


class Breakable(Protocol):
    """Something that a thread waits for, and that another thread can end."""

    def break_off(self) -> None:
        """End the wait at once, from any thread."""


class Calls:
    """What one thread waits for elsewhere, so that another one can end it (see `outgoing_calls`).

    An association that serves a request has some, and so has a background thread of a service.
    """

    def __init__(self) -> None:
        self._children: set[Breakable] = set()
        self._broken_off = False

    def break_off(self) -> None:
        """End every wait, and those that are still to come."""
        self._broken_off = True
        for child in list(self._children):
            child.break_off()

    def adopt(self, child: Breakable) -> None:
        """Something that the thread waits for from now on: `break_off` reaches it."""
        if isinstance(child, Wire):
            child.parent = self
        self._children.add(child)
        if self._broken_off:
            child.break_off()

    def disown(self, child: Breakable) -> None:
        """The thread waits for it no more."""
        self._children.discard(child)


class Wire:
    """One connection. Every method but `stop` and `break_off` belongs to one thread."""

    def __init__(self, transport: Transport, upper: UpperLayer, limits: Limits) -> None:
        self.upper = upper
        self.limits = limits
        self.closed = False
        self.in_operation = False
        """Set while a request is being served: `stop` lets it finish."""
        self.bell = -1
        """A descriptor whose readiness ends a wait for the next message by `Rung`; -1 for none."""
        self._transport = transport
        self._inbox: deque[UpperLayerEvent] = deque()
        self._small = memoryview(bytearray(_IDLE_BUFFER))
        self._block: bytearray | None = None
        self._artim_starts = 0
        self._artim_deadline = 0.0
        self._own_deadline = 0.0
        self._waiting_idle = False
        self._stopping = False
        self.calls = Calls()
        """What the thread of this one waits for elsewhere."""
        self.parent: Calls | None = None

    # --- receiving --------------------------------------------------------------------------

    def next_event(self, *, busy: bool) -> UpperLayerEvent:
        """The next event; waits for it. ``busy`` says that the peer is in the middle of a message.

        Raises TimeoutError when the time-out of `Limits` that applies ran out, Stopped when
        `stop` was called and nothing is under way, `Rung` when nothing is and the bell rang.
        """
        inbox = self._inbox
        while not inbox:
            self._fill(busy=busy or self.upper.mid_pdu)
        return inbox.popleft()

    @property
    def has_events(self) -> bool:
        """Whether `next_event` would return at once."""
        return bool(self._inbox)

    def look(self) -> None:
        """Take in what has arrived already, without waiting."""
        if self.closed:
            return
        buffer = self._small
        try:
            size = self._transport.receive_now(buffer)
        except OSError:
            size = 0
        if size is not None:
            self._take(buffer, size)

    def _fill(self, *, busy: bool) -> None:
        """Wait for bytes; the inbox is empty, so no view of a buffer is in use."""
        if self.closed:
            raise ConnectionFailed("the connection is closed")
        buffer = self._buffer(large=busy)
        timeout = self._timeout(busy=busy)
        self._waiting_idle = not (busy or self.in_operation)
        if self._stopping and self._waiting_idle:
            raise Stopped("this side is being stopped")
        if timeout < 0:
            # Also while bytes keep coming: a deadline cannot be stretched by sending.
            self._expired()
            return
        try:
            if self._waiting_idle and self.bell >= 0 and self._transport.rung(self.bell, timeout):
                self._waiting_idle = False
                raise Rung
            size = self._transport.receive_into(buffer, timeout)
        except TimeoutError:
            self._expired()
            return
        except OSError:
            size = 0
        self._waiting_idle = False
        if self._stopping and size == 0:
            raise Stopped("this side is being stopped")
        self._take(buffer, size)

    def _buffer(self, *, large: bool) -> memoryview:
        if large:
            if self._block is None:
                self._block = borrow_block()
            return memoryview(self._block)
        if self._block is not None:
            return_block(self._block)
            self._block = None
        return self._small

    def _timeout(self, *, busy: bool) -> float:
        deadline = self._artim_deadline if self.upper.artim_running else self._own_deadline
        if deadline:
            # Never 0, which would wait for ever; negative when the time is over.
            return deadline - time.monotonic() or -1.0
        return self.limits.network_timeout if busy else self.limits.idle_timeout

    def limit_wait(self, seconds: float) -> None:
        """Waits end ``seconds`` from now; 0 returns to the time-outs of `Limits`."""
        self._own_deadline = time.monotonic() + seconds if seconds else 0.0

    @property
    def wait_is_limited(self) -> bool:
        """Whether `limit_wait` holds, rather than `Limits`."""
        return self._own_deadline > 0

    def _expired(self) -> None:
        if not self.upper.artim_running:
            raise TimeoutError
        self.upper.artim_expired()
        self._inbox.append(ArtimExpired())
        self.settle()

    def _take(self, buffer: memoryview, size: int) -> None:
        if size:
            self._inbox.extend(self.upper.receive(buffer[:size]))
        else:
            self._inbox.extend(self.upper.transport_closed())
            self.upper.must_close = True
        upper = self.upper
        if upper.artim_running or upper.must_close or upper.has_output:
            self.settle()

    # --- sending ----------------------------------------------------------------------------

    def settle(self) -> None:
        """Carry out what the upper layer asks for: timer, output, closing."""
        upper = self.upper
        if upper.artim_starts != self._artim_starts:
            self._artim_starts = upper.artim_starts
            self._artim_deadline = time.monotonic() + self.limits.artim_timeout
        if upper.has_output:
            try:
                self._transport.send((upper.take_output(),))
            except OSError:
                upper.must_close = True
        if upper.must_close:
            self.close()

    def send_data(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send encoded P-DATA-TF PDUs. Raises AssociationError; the connection is closed then."""
        upper = self.upper
        if upper.state is not _ESTABLISHED:  # where sending changes nothing (DT-1)
            if not upper.can(Event.DATA_REQUEST):
                raise ConnectionFailed(f"nothing can be sent in state {upper.state.name}")
            upper.send_data()
        try:
            self._transport.send(parts)
        except TimeoutError as error:
            # An A-ABORT cannot follow half a PDU, nor would it be read.
            self.close()
            seconds = self.limits.network_timeout
            raise AssociationAborted(f"the peer has not read anything for {seconds:g} s") from error
        except OSError as error:
            self.close()
            raise ConnectionFailed(f"the connection broke: {error}") from error

    # --- the end ----------------------------------------------------------------------------

    def abort(self) -> None:
        """Send A-ABORT as service user where the state allows it, and close without waiting."""
        if not self.closed and self.upper.can(Event.ABORT_REQUEST):
            self.upper.abort()
            self.settle()
        if not self.closed:
            # Unread bytes at close would make the kernel reset the connection.
            self.look()
        self.close()

    def finish(self) -> None:
        """State 13: wait for the peer to close, at most until the ARTIM timer ends; then close."""
        try:
            while not self.closed and self.upper.state is State.AWAITING_CLOSE:
                self._inbox.clear()
                self._fill(busy=False)
        except Stopped:
            pass
        finally:
            self.close()

    def half_close(self) -> None:
        """After an A-ABORT: the peer sees the end of the stream behind it."""
        if not self.closed:
            self._transport.shut_writing()

    def close(self) -> None:
        """Close the connection; harmless when repeated."""
        if not self.closed:
            self.closed = True
            self._transport.close()
        if self.parent is not None:
            self.parent.disown(self)
        if self._block is not None and not self._inbox:
            return_block(self._block)
            self._block = None

    # --- from other threads -----------------------------------------------------------------

    def stop(self) -> None:
        """Let the thread end: at once between messages, else after the present operation."""
        self._stopping = True
        if self._waiting_idle:
            self._transport.shut_reading()

    def break_off(self) -> None:
        """Wake the thread wherever it waits, in a sub-operation on another association too."""
        self._stopping = True
        self._transport.shut()
        self.calls.break_off()
