"""A command that is run within limits, may be canceled, and whose words are kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_ai.errors import ModelFailed
from pacs_ai.running.following import Deadline, Follower
from pacs_ai.running.supervise import NOT_STARTED

if TYPE_CHECKING:
    from pacs_ai.running.said import Said
    from pacs_framework.waking import Waker

__all__ = ["Limits", "Supervised", "check_code", "run_limited"]

_SUPERVISE = Path(__file__).with_name("supervise.py")
_STOP_SECONDS = 10.0
_ENDING_SECONDS = 60.0
_BY_SIGNAL = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may take: ``seconds`` by the clock, ``cpu`` seconds of one process, ``memory``
    bytes of one process, ``file`` bytes of one file, and ``cpus`` that all of it keeps busy. 0 is
    no limit, but for ``seconds``.
    """

    seconds: float = 600.0
    cpu: int = 0
    memory: int = 8 << 30
    file: int = 4 << 30
    cpus: int = 0
    network: bool = False


class Supervised:
    """A command within limits, and the supervisor in front of it; nothing of it outlives this
    process. ``words`` is where its output is read; it is given the descriptors ``theirs``. The
    command ``ending`` is run unless it ends well, also when this process is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        limits: Limits,
        theirs: Sequence[int] = (),
        ending: Sequence[str] = (),
    ) -> None:
        bounds = (limits.memory, limits.cpu, limits.file, limits.cpus, int(limits.network))
        self._ending, self._environment = tuple(ending), dict(environment)
        # The archive's own Python, which needs neither its environment nor its packages for that.
        supervise = (
            sys.executable,
            "-I",
            "-S",
            str(_SUPERVISE),
            *map(str, bounds),
            json.dumps(ending),
        )
        self._process = subprocess.Popen(  # noqa: S603 - what the site has configured, no shell
            [*supervise, *command],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.PIPE,  # nothing is written: its end ends the command
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(theirs),
            start_new_session=True,  # Ctrl-C is for the archive, which then ends this one
        )
        assert self._process.stdout is not None
        self.words = self._process.stdout.fileno()

    def end(self) -> int:
        """End it, if it has not ended, with all that it started; its exit code."""
        code = self._ended()
        if code < 0 and self._ending:  # a supervisor that was killed could not do it
            with suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(  # noqa: S603 - as the command itself
                    self._ending,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_ENDING_SECONDS,
                    check=False,
                )
        return code

    def _ended(self) -> int:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            return process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # the command is then killed by the kernel
            return process.wait()
        finally:
            process.stdout.close()


def run_limited(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limits: Limits,
    said: Said,
    progress: Callable[[float], None] = lambda _: None,
    canceled: Waker | None = None,
    reader: int = -1,
    ending: Sequence[str] = (),
) -> None:
    """Run ``command`` in ``folder`` until it ends.

    ``progress`` is told what comes at the descriptor ``reader``: lines with a number from 0 to 1.
    Raises `ModelFailed` unless its exit code is 0, `ModelCanceled` when ``canceled`` rings. Nothing
    that it started is left when this returns; what others run for it is ended by the command
    ``ending``.
    """
    deadline = Deadline(limits.seconds)
    process = Supervised(
        command, folder=folder, environment=environment, limits=limits, ending=ending
    )
    try:
        Follower(
            process.words,
            said,
            deadline=deadline,
            canceled=canceled,
            progress=progress,
            reader=reader,
        ).until_over()
    finally:
        code = process.end()
    check_code(code, said, command[0])


def check_code(code: int, said: Said, name: str) -> None:
    """Raise `ModelFailed` unless the exit ``code`` is 0, with how it ended and its last words."""
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
