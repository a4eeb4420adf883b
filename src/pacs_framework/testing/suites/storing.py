"""A process that stores objects until it is done or killed, and tells each that is committed.

`Storing` starts it; ``python -m pacs_framework.testing.suites.storing`` is the process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

import structlog

from pacs_framework.storage import StorageBackend
from pacs_framework.testing.objects import content, key_of

__all__ = ["Opener", "Storing", "Task"]

Opener = Callable[[], StorageBackend]
"""Opens one place for objects, in any process: it is pickled, so it is a function of a module that
can be imported there, or a `functools.partial` of one.
"""

_END_SECONDS = 60  # a net, not a measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to store: objects ``first`` to ``last`` of ``size`` bytes.

    Those up to ``settled`` are settled. With ``half`` the last one is written and not committed,
    and told all the same; the process then waits to be killed.
    """

    opener: Opener
    first: int
    last: int
    size: int
    note: bytes = b""
    settled: int = 0
    half: bool = False


class Storing:
    """The process, as its parent sees it: iterate over the keys that are committed, or kill it."""

    def __init__(self, task: Task) -> None:
        command = [sys.executable, "-m", __name__]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._input.write(pickle.dumps(task))
        self._input.flush()

    def __iter__(self) -> Iterator[str]:
        """Keys, each once its object is committed, until the process ends."""
        for line in self._output:
            yield line.decode().rstrip("\n")

    def take(self, number: int) -> list[str]:
        """The next keys. Raises AssertionError when the process has no more."""
        found = list(islice(self, number))
        assert len(found) == number, f"the storing process died after {len(found)} objects"
        return found

    def kill(self) -> list[str]:
        """Kill it as a power cut would; the keys it had still told."""
        self._process.kill()
        # A line is one write, so the last one is whole.
        rest = list(self)
        self._process.wait(_END_SECONDS)
        return rest

    def finish(self) -> list[str]:
        """Let it come to its end; the keys it had still told. Raises when it failed."""
        rest = list(self)
        code = self._process.wait(_END_SECONDS)
        assert code == 0, f"the storing process ended with {code}; its error is on stderr"
        return rest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(_END_SECONDS)
        self._input.close()
        self._output.close()


def _run(task: Task) -> None:
    backend = task.opener()
    for number in range(task.first, task.last + 1):
        key = key_of(backend, number, size=task.size)
        with backend.begin(key, size=task.size, note=task.note) as writer:
            writer.write(content(number, task.size))
            if task.half and number == task.last:
                _tell(key)
                sys.stdin.buffer.read()
                return
            writer.commit()
        if number <= task.settled:
            backend.settled(key)
            backend.settle(_nothing)
        _tell(key)
    backend.close()


def _tell(key: str) -> None:
    os.write(sys.stdout.fileno(), f"{key}\n".encode())


def _nothing() -> None:
    """An index that is durable anyway."""


if __name__ == "__main__":
    # What is told goes to stdout; what a backend logs must not get among it.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    _run(pickle.load(sys.stdin.buffer))  # noqa: S301 - from our own parent
