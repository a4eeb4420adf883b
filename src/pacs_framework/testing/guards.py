"""What a test leaves behind: threads, child processes, open files, files and environment.

The fixture ``pacs_guard`` compares before and after. It is switched on for every test by the
option ``pacs_guards = true`` of pytest's configuration, or for some by the marker
``pytest.mark.pacs_guards``.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Guard", "Leftovers", "children_of"]

_GRACE = 2.0  # seconds for a thread or a socket that is on its way out
_LOOK = 0.02  # seconds
_SOCKET = " is open: socket:"
_OWN_VARIABLE = "PYTEST_CURRENT_TEST"
_MADE_BY_TOOLS = frozenset((".pytest_cache", ".hypothesis", ".coverage", "__pycache__"))


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What there is at one moment."""

    threads: frozenset[threading.Thread]
    children: frozenset[int]
    descriptors: frozenset[tuple[int, str]]
    files: frozenset[str]
    environment: frozenset[tuple[str, str]]

    @classmethod
    def now(cls) -> Leftovers:
        """Look at this process."""
        processes, descriptors = zip(_resource_tracker(), _nursery(), strict=True)
        return cls(
            threads=frozenset(threading.enumerate()),
            children=children_of("self") - {*processes},
            descriptors=frozenset(each for each in _descriptors() if each[0] not in descriptors),
            files=frozenset(path.name for path in Path().iterdir()) - _MADE_BY_TOOLS,
            environment=frozenset((k, v) for k, v in os.environ.items() if k != _OWN_VARIABLE),
        )


class Guard:
    """Compares what there is with what there was when it was made.

    What a fixture of a wider scope brings, which stays on purpose, is let through by `allow`.
    """

    def __init__(self) -> None:
        self._before = Leftovers.now()
        self._allowed: list[tuple[Leftovers, Leftovers]] = []

    def allow(self, before: Leftovers) -> None:
        """Let through whatever has come since ``before``."""
        self._allowed.append((before, Leftovers.now()))

    def problems(self) -> list[str]:
        """What was left, in words; threads and sockets on their way out are waited for."""
        found = self._compared()
        if found:
            gc.collect()  # what a cycle of garbage holds open is not left, only late
            for thread in self._new_threads():
                thread.join(_GRACE)
            found = self._compared()
        # A library with threads that Python does not see closes its sockets there, in its own time.
        until = time.monotonic() + _GRACE
        while found and all(_SOCKET in each for each in found) and time.monotonic() < until:
            time.sleep(_LOOK)
            found = self._compared()
        return found

    def _new_threads(self) -> frozenset[threading.Thread]:
        new = frozenset(threading.enumerate()) - self._before.threads
        for before, after in self._allowed:
            new -= after.threads - before.threads
        return new

    def _compared(self) -> list[str]:
        now, before = Leftovers.now(), self._before
        descriptors = now.descriptors - before.descriptors
        children, files = now.children - before.children, now.files - before.files
        environment = now.environment ^ before.environment
        for earlier, later in self._allowed:
            descriptors -= later.descriptors - earlier.descriptors
            children -= later.children - earlier.children
            files -= later.files - earlier.files
            environment -= later.environment ^ earlier.environment
        threads = self._new_threads()
        return [
            *(f"thread {thread.name!r} goes on" for thread in threads),
            *(f"child process {pid} goes on: {_command(pid)}" for pid in sorted(children)),
            *(f"descriptor {number} is open: {path}" for number, path in sorted(descriptors)),
            *(f"{name!r} in the current folder" for name in sorted(files)),
            *(
                f"environment variable {name!r} is not as it was"
                for name in sorted({name for name, _ in environment})
            ),
        ]


def _resource_tracker() -> tuple[int | None, int | None]:
    """The process that multiprocessing starts once for all, and the descriptor that it ends by."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    tracker = getattr(module, "_resource_tracker", None)
    return getattr(tracker, "_pid", None), getattr(tracker, "_fd", None)


def _nursery() -> tuple[int | None, int | None]:
    """The process that forks the commands of all tests, and the descriptor that it ends by."""
    module = sys.modules.get("pacs_framework.testing.forked")
    ours = None if module is None else module.running()
    return (None, None) if ours is None else (ours.pid, ours.descriptor)


def children_of(pid: int | str) -> frozenset[int]:
    """Processes that it started and has not waited for; ``self`` is this one."""
    found: set[int] = set()
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            found.update(map(int, listing.read_text("ascii").split()))
    return frozenset(found)


def _descriptors() -> frozenset[tuple[int, str]]:
    """Open descriptors and what is behind them, without the one that this look needs."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append((int(link.name), str(link.readlink())))
    return frozenset(found)


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8").replace("\0", " ").strip()
    return "it has just ended"
