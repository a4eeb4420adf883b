"""Workers that models in Python run in, kept for the next run for a while: see `worker`."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Self

from pacs_ai.running import worker as script
from pacs_ai.running.following import Deadline, Follower
from pacs_ai.running.process import Limits, Supervised, check_code
from pacs_ai.running.runner import plain_environment
from pacs_ai.running.supervise import KILLED
from pacs_framework.archive.claims import Claim

if TYPE_CHECKING:
    from pacs_ai.running.runner import Work

__all__ = ["Recipe", "Workers"]

_SCRIPT = Path(script.__file__)
_STOP_SECONDS = 10.0
_RUNS = 100
_WORD = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a worker is made of; runs of equal ones may share it.

    ``files`` are put into its folder. ``digest`` is that of the model, so that one whose code or
    weights were replaced does not go on as it was.
    """

    python: str = sys.executable
    files: tuple[tuple[str, bytes], ...]
    digest: str
    limits: Limits
    environment: Mapping[str, str] = field(default_factory=dict)


class _Gone(Exception):
    """A worker ended before it began a run."""


class Workers:
    """The workers of one process of the archive, each in a folder of its own below ``folder``.

    At most ``most`` are kept that have nothing to do, each for ``idle`` seconds and 100 runs, and
    only after a run that ended well; with 0, none is. Threads may share it.
    """

    def __init__(self, folder: Path, *, most: int = 0, idle: float = 300.0) -> None:
        self.folder = folder
        self._most, self._idle = most, idle
        self.closed = False
        self._lock = Lock()
        self._kept: list[_Worker] = []

    def run(self, recipe: Recipe, work: Work) -> None:
        """Run the model of ``recipe`` on what is in the folder of ``work``.

        Raises `ModelFailed` and `ModelCanceled`. Nothing of the run is left when this returns.
        """
        deadline = Deadline(work.limits.seconds)
        while kept := self._taken(recipe):
            with suppress(_Gone):
                self._on(kept, work, deadline)
                return
        new = _Worker(recipe, self.folder, idle=self._idle, kept=self._most > 0)
        try:
            new.load(work, deadline)
            self._on(new, work, deadline)
        except _Gone:
            check_code(KILLED, work.said, recipe.python)

    def close(self) -> None:
        """End those that are kept; others end with their runs."""
        with self._lock:
            self.closed, self._most, kept, self._kept = True, 0, self._kept, []
        for each in kept:
            each.close()

    def _on(self, worker: _Worker, work: Work, deadline: Deadline) -> None:
        try:
            worker.run(work, deadline)
        except BaseException:
            worker.close()
            raise
        for each in self._beyond(worker):
            each.close()

    def _taken(self, recipe: Recipe) -> _Worker | None:
        """One that is kept, no longer among the others."""
        with self._lock:
            fitting = [each for each in self._kept if each.recipe == recipe]
            if not fitting:
                return None
            self._kept.remove(fitting[-1])
            return fitting[-1]

    def _beyond(self, worker: _Worker) -> list[_Worker]:
        """Keep ``worker``; those that are too many or have ended, which are the caller's now."""
        with self._lock:
            ended = [each for each in self._kept if not each.is_alive]
            kept = [each for each in self._kept if each.is_alive]
            (ended if worker.runs >= _RUNS else kept).append(worker)
            surplus = max(len(kept) - self._most, 0)
            self._kept = kept[surplus:]
            return [*ended, *kept[:surplus]]


class _Worker:
    """One worker. Used by one thread at a time."""

    def __init__(self, recipe: Recipe, parent: Path, *, idle: float, kept: bool) -> None:
        self.recipe = recipe
        self.runs = 0
        with ExitStack() as undo:
            self._claim = Claim(parent)
            undo.callback(self._claim.close)
            for name, content in recipe.files:
                (self._claim.folder / name).write_bytes(content)
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.enter_context(self._socket)
            with theirs:
                arguments = [str(theirs.fileno()), str(idle), *([] if kept else [script.AFRESH])]
                self._process = self._started(arguments, theirs.fileno())
            undo.pop_all()

    def _started(self, arguments: Sequence[str], theirs: int) -> Supervised:
        folder = self._claim.folder
        return Supervised(
            (self.recipe.python, "-I", str(_SCRIPT), str(folder), *arguments),
            folder=folder,
            environment=plain_environment(folder, self.recipe.environment),
            limits=self.recipe.limits,
            theirs=(theirs,),
        )

    @property
    def is_alive(self) -> bool:
        """Whether it still waits for runs: it has said nothing since, not even goodbye."""
        return not select.select([self._socket], [], [], 0)[0]

    def load(self, work: Work, deadline: Deadline) -> None:
        """Wait until the model is loaded; what it says by then belongs to ``work``.

        Raises `ModelFailed` and `ModelCanceled`, and is closed then.
        """
        follower = Follower(
            self._process.words, work.said, deadline=deadline, canceled=work.canceled
        )
        try:
            if follower.until_news(self._socket.fileno()) and self._heard(script.READY):
                return
            follower.until_over()
        except BaseException:
            self.close()
            raise
        check_code(self.close() or KILLED, work.said, self.recipe.python)

    def run(self, work: Work, deadline: Deadline) -> None:
        """One run. Raises `ModelFailed`, `ModelCanceled`, and `_Gone` where it was not begun."""
        self.runs += 1
        with _Pipes() as pipes:
            request = {
                "folder": str(work.folder),
                "environment": plain_environment(work.folder, self.recipe.environment),
            }
            try:
                socket.send_fds(self._socket, [json.dumps(request).encode()], pipes.theirs)
            except OSError as error:
                raise _Gone from error
            pipes.give()
            follower = Follower(
                pipes.words,
                work.said,
                deadline=deadline,
                canceled=work.canceled,
                progress=work.progress,
                reader=pipes.progress,
            )
            try:
                news = follower.until_news(self._socket.fileno())
                if not (news and self._heard(script.BEGUN)):
                    raise _Gone
                follower.until_over()
            finally:
                code = pipes.end()
        check_code(code, work.said, self.recipe.python)

    def _heard(self, word: bytes) -> bool:
        with suppress(OSError):
            return self._socket.recv(_WORD) == word
        return False

    def close(self) -> int:
        """End it, with all that it started; its exit code."""
        self._socket.close()
        try:
            return self._process.end()
        finally:
            self._claim.close()


class _Pipes:
    """The pipes of one run: ``theirs`` are the other ends, in the order that `worker` reads."""

    def __init__(self) -> None:
        self._theirs_alive, self._alive = os.pipe()
        self.words, words = os.pipe()
        self.progress, progress = os.pipe()
        self._code, code = os.pipe()
        self.theirs = [self._theirs_alive, words, progress, code]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give()
        for each in (self._alive, self.words, self.progress, self._code):
            if each >= 0:
                os.close(each)

    def give(self) -> None:
        """The other ends are the worker's alone from now on."""
        while self.theirs:
            os.close(self.theirs.pop())

    def end(self) -> int:
        """Have the run end, if it has not; its exit code, that of SIGKILL where none comes."""
        os.close(self._alive)
        self._alive = -1
        ready = select.select([self._code], [], [], _STOP_SECONDS)[0]
        said = os.read(self._code, _WORD) if ready else b""
        return int(said) if said else KILLED
