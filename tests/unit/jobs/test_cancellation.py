"""Work that waits for something else is called when it is to end."""

from __future__ import annotations

import threading

import pytest

from pacs_framework.testing.jobs import RecordedContext
from pacs_framework.waking import Waker

SECONDS = 60.0


def test_whoever_asked_is_called_once() -> None:
    context, told = RecordedContext(), []
    with context.on_cancel(lambda: told.append(1)), context.on_cancel(lambda: told.append(2)):
        assert told == []
        context.cancelled.set()
        assert told == [1, 2]
        context.cancelled.set()
    assert told == [1, 2]


def test_who_asks_too_late_is_called_at_once() -> None:
    """Else it would wait for what has been already."""
    context, told = RecordedContext(), []
    context.cancelled.set()
    with context.on_cancel(lambda: told.append(1)):
        assert told == [1]


def test_who_does_not_wait_any_more_is_not_called() -> None:
    """What it would be called with may be closed by then; also where it ended in an exception."""
    context, told = RecordedContext(), []
    with pytest.raises(ZeroDivisionError), context.on_cancel(lambda: told.append(1)):
        raise ZeroDivisionError
    context.cancelled.set()
    assert told == []


def test_a_thread_that_waits_for_descriptors_is_woken() -> None:
    """By the thread that cancels, as a queue does."""
    context, waker = RecordedContext(), Waker()
    with context.on_cancel(waker.ring):
        threading.Thread(target=context.cancelled.set).start()
        assert waker.wait(SECONDS) == {waker}
    waker.close()
