"""A command that is run within limits, may be canceled, and whose words are kept."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from pacs_ai.errors import ModelCanceled, ModelFailed
from pacs_ai.running.supervise import NOT_STARTED

if TYPE_CHECKING:
    from pacs_framework.waking import Waker

__all__ = ["Limits", "Said", "run_limited"]

_SUPERVISE = Path(__file__).with_name("supervise.py")
_BLOCK = 1 << 16
_STOP_SECONDS = 10.0
_BY_SIGNAL = 128
_LAST = 200  # characters of the last line that go into a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may take: ``seconds`` by the clock, ``cpu`` seconds of one process, ``memory``
    bytes of one process, ``file`` bytes of one file. 0 is no limit, but for ``seconds``.
    """

    seconds: float = 600.0
    cpu: int = 0
    memory: int = 8 << 30
    file: int = 4 << 30
    network: bool = False


class Said:
    """The last ``most`` bytes that a command wrote to standard output and standard error."""

    def __init__(self, most: int = 1 << 16) -> None:
        self._most = most
        self._data = bytearray()
        self._lost = 0

    def add(self, data: bytes) -> None:
        """Take more; what is too much in front goes."""
        self._data += data
        over = len(self._data) - self._most
        if over > 0:
            self._lost += over
            del self._data[:over]

    @property
    def text(self) -> str:
        """All that is kept, printable: whatever else it wrote shows as escapes."""
        lines = self._data.decode("utf-8", "backslashreplace").splitlines()
        kept = "\n".join("".join(map(_printable, line)) for line in lines)
        return f"[{self._lost} bytes before]\n{kept}" if self._lost else kept

    @property
    def last(self) -> str:
        """The last line with something in it."""
        return next((line for line in reversed(self.text.splitlines()) if line.strip()), "")[
            -_LAST:
        ]


def _printable(character: str) -> str:
    shown = character.isprintable() or character == "\t"
    return character if shown else character.encode("unicode_escape").decode("ascii")


def run_limited(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limits: Limits,
    said: Said,
    progress: Callable[[float], None] = lambda _: None,
    canceled: Waker | None = None,
    progress_pipe: bool = False,
) -> None:
    """Run ``command`` in ``folder`` until it ends.

    With ``progress_pipe`` it is given the descriptor of a pipe as its last argument, to which it
    may write lines with a number from 0 to 1. Raises `ModelFailed` unless its exit code is 0,
    `ModelCanceled` when ``canceled`` rings. Nothing that it started is left when this returns.
    """
    theirs: tuple[int, ...] = ()
    ours, command = -1, list(command)
    if progress_pipe:
        ours, writer = os.pipe()
        theirs = (writer,)
        command.append(str(writer))
    try:
        process = _start(command, folder, environment, limits, theirs)
    except BaseException:
        if ours >= 0:
            os.close(ours)
        raise
    finally:
        for each in theirs:
            os.close(each)
    running = _Running(process, said, progress, ours)
    try:
        running.wait(limits.seconds, canceled)
    finally:
        code = running.end()
    _check_code(code, said, command[0])


def _start(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limits: Limits,
    theirs: tuple[int, ...],
) -> subprocess.Popen[bytes]:
    bounds = (limits.memory, limits.cpu, limits.file, int(limits.network))
    # The archive's own Python, which needs neither its environment nor its packages for that.
    supervise = (sys.executable, "-I", "-S", str(_SUPERVISE), *map(str, bounds))
    return subprocess.Popen(  # noqa: S603 - what the site has configured, without a shell
        [*supervise, *command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,  # nothing is written: its end ends the command
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=theirs,
        start_new_session=True,  # Ctrl-C is for the archive, which then ends this one
    )


class _Running:
    """One process, read from until it ends."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        said: Said,
        progress: Callable[[float], None],
        progress_reader: int,
    ) -> None:
        assert process.stdout is not None
        self._process = process
        self._said = said
        self._progress = progress
        self._lines = b""
        self._words = process.stdout.fileno()
        self._reader = progress_reader
        self._poll = select.poll()
        self._poll.register(self._words, select.POLLIN)
        if progress_reader >= 0:
            self._poll.register(progress_reader, select.POLLIN)

    def wait(self, seconds: float, canceled: Waker | None) -> None:
        """Until it has closed its output. Raises `ModelFailed` and `ModelCanceled`."""
        if canceled is not None:
            self._poll.register(canceled.descriptor, select.POLLIN)
        end = monotonic() + seconds
        while True:
            left = end - monotonic()
            ready = [each for each, _ in self._poll.poll(left * 1000)] if left > 0 else []
            if not ready and end <= monotonic():
                raise ModelFailed(f"it took more than {seconds:g} s")
            if canceled is not None and canceled.descriptor in ready:
                raise ModelCanceled("it was canceled")
            if self._reader in ready:
                self._read_progress()
            if self._words in ready and not self._read_words():
                return

    def end(self) -> int:
        """End it, if it has not ended, with all that it started; its exit code."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            return process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # It leads a group of its own and is not yet waited for: the number is still its own.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return process.wait()
        finally:
            process.stdout.close()
            if self._reader >= 0:
                os.close(self._reader)

    def _read_words(self) -> bool:
        data = os.read(self._words, _BLOCK)
        self._said.add(data)
        return bool(data)

    def _read_progress(self) -> None:
        data = os.read(self._reader, _BLOCK)
        if not data:
            self._poll.unregister(self._reader)
            return
        *lines, self._lines = (self._lines + data)[-_BLOCK:].split(b"\n")
        with suppress(ValueError, IndexError):  # it may write what it likes
            done = float(lines[-1])
            if isfinite(done):
                self._progress(min(max(done, 0.0), 1.0))


def _check_code(code: int, said: Said, name: str) -> None:
    if code == 0:
        return
    if code == NOT_STARTED:
        raise ModelFailed(said.last or f"{name!r} cannot be started")
    killed = -code if code < 0 else code - _BY_SIGNAL
    if 0 < killed <= signal.SIGRTMAX:
        how = f"it was killed by {_signal_name(killed)}"
    else:
        how = f"it ended with exit code {code}"
    raise ModelFailed(f"{how}: {said.last}" if said.last else how)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
