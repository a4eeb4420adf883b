"""What a piece of code syncs and gives names to, as Python's module `os` is asked for it.

Nothing short of a power cut shows that a sync is missing: what a killed process wrote stays in the
page cache, and the next process reads it from there. So the calls themselves are looked at. Code
that was compiled, such as SQLite, other processes and other machines sync unseen.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["Syncs", "watched_syncs"]

_SYNCS = ("fsync", "fdatasync", "sync")
_WRITES = ("write", "writev", "pwrite", "pwritev")
_NAMES = ("rename", "replace", "link", "symlink")
_SYNCED_HANDLE = os.O_SYNC | os.O_DSYNC
_SYNCED_CALL = os.RWF_DSYNC | os.RWF_SYNC


class Syncs:
    """The calls that were made, in their order, as ``sync`` and ``name``."""

    def __init__(self) -> None:
        self._steps: list[str] = []

    @property
    def any(self) -> bool:
        """Whether anything was synced."""
        return "sync" in self._steps

    @property
    def name_is_last(self) -> bool:
        """Whether a file got its name after the last sync, so that a power cut may take it."""
        return self._steps[-1:] == ["name"]

    def saw(self, step: str) -> None:
        """Put down a call that has returned: another thread's come in between."""
        self._steps.append(step)


@contextmanager
def watched_syncs() -> Iterator[Syncs]:
    """Watch every thread of this process until the block ends."""
    syncs = Syncs()
    with pytest.MonkeyPatch.context() as patched:
        for name in _SYNCS:
            patched.setattr(os, name, _seen(getattr(os, name), syncs, "sync"))
        for name in _NAMES:
            patched.setattr(os, name, _seen(getattr(os, name), syncs, "name"))
        for name in _WRITES:
            patched.setattr(os, name, _written(getattr(os, name), syncs))
        yield syncs


def _seen(original: Callable[..., Any], syncs: Syncs, step: str) -> Callable[..., Any]:
    def seen(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        syncs.saw(step)
        return result

    return seen


def _written(original: Callable[..., Any], syncs: Syncs) -> Callable[..., Any]:
    """A write that is on disk when it returns is a sync: by its handle, or by its own flags."""

    def written(handle: int, *arguments: Any, **options: Any) -> Any:
        result = original(handle, *arguments, **options)
        flags = arguments[2] if len(arguments) > 2 else options.get("flags", 0)
        if flags & _SYNCED_CALL or fcntl.fcntl(handle, fcntl.F_GETFL) & _SYNCED_HANDLE:
            syncs.saw("sync")
        return result

    return written
