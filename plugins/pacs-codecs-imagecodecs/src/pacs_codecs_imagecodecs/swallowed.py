"""Errors that compiled code swallows in the middle of a frame.

Where OpenJPH finds damage behind the first rows, imagecodecs gives an array that is filled in part
only, and its error goes nowhere but to `sys.unraisablehook`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pacs_framework.errors import UnreadableInstance

__all__ = ["swallowed_errors_raised"]


class _Heard(threading.local):
    """What the hook was called for in this thread; None where nobody listens."""

    messages: list[str] | None = None


_heard = _Heard()
_lock = threading.Lock()


@contextmanager
def swallowed_errors_raised() -> Iterator[None]:
    """Raises `UnreadableInstance` when the block has swallowed an error of its own thread."""
    _listen()
    messages: list[str] = []
    _heard.messages = messages
    try:
        yield
    finally:
        _heard.messages = None
    if messages:
        raise UnreadableInstance(f"imagecodecs: {messages[0]}")


def _listen() -> None:
    """Put our hook in front of whichever there is, which gets all that is not ours."""
    with _lock:
        before = sys.unraisablehook
        if getattr(before, "of_pacs_codecs_imagecodecs", False):
            return

        def hook(unraisable: sys.UnraisableHookArgs, /) -> None:
            if _heard.messages is None:
                before(unraisable)
            else:
                _heard.messages.append(str(unraisable.exc_value))

        hook.of_pacs_codecs_imagecodecs = True  # type: ignore[attr-defined]
        sys.unraisablehook = hook
