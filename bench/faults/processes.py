"""Processes of the archive under test: started quickly, killed without warning, waited for."""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pacs_framework.testing import forked
from pacs_framework.testing.forked import Forked

__all__ = ["HELD", "PACS", "Done", "Nursery", "Process", "listening_address", "run_alone"]

_ROOT = Path(__file__).resolve().parents[2]
_LISTENING = re.compile(rb"listening on (\S+):(\d+)")
_PATIENCE = 120.0
PACS = "pacs_framework.cli"
HELD = "bench.faults.held"


class Process:
    """A command that runs: forked, or a process of its own for what wraps it, such as faketime."""

    def __init__(self, process: subprocess.Popen[bytes] | Forked) -> None:
        self.pid = process.pid
        self._process = process

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self._process.kill()
        self.wait()

    def wait(self, seconds: float = _PATIENCE) -> int:
        """Its exit code once it has ended; raises TimeoutError."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended: exit code, what it printed, and where."""

    code: int
    output: str
    errors: str


class Nursery:
    """Forks commands from a process that has everything imported. A context manager."""

    def __enter__(self) -> Self:
        self._nursery = forked.Nursery().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._nursery.__exit__()

    def start(self, module: str, arguments: Sequence[str], *, out: int, err: int) -> Process:
        """Run ``python -m MODULE``; the descriptors stay the caller's."""
        with Path(os.devnull).open("rb") as nothing:
            child = self._nursery.start(
                module,
                arguments,
                stdin=nothing.fileno(),
                stdout=out,
                stderr=err,
                environment=os.environ,
                folder=_ROOT,
            )
        return Process(child)

    def run(self, module: str, *arguments: str, seconds: float = 600.0) -> Done:
        """Run a command to its end. One that does not end in time is killed: TimeoutError."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.start(module, arguments, out=out.fileno(), err=err.fileno())
            try:
                code = process.wait(seconds)
            except TimeoutError:
                process.kill()
                raise
            out.seek(0)
            err.seek(0)
            return Done(code, out.read().decode(), err.read().decode())


def run_alone(
    command: Sequence[str], *, out: int, err: int, environment: Mapping[str, str]
) -> Process:
    """Run a command as a process of its own."""
    return Process(
        subprocess.Popen(
            command,
            stdout=out,
            stderr=err,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
    )


def listening_address(output: int, log: Path, seconds: float = _PATIENCE) -> tuple[str, int]:
    """Where an archive that starts says it listens; ``output`` is its standard output, closed here.

    Raises RuntimeError with the end of its log when it ends first or takes too long.
    """
    said = b""
    poll = select.poll()
    poll.register(output, select.POLLIN)
    try:
        while poll.poll(seconds * 1000):
            piece = os.read(output, 4096)
            if not piece:
                break
            said += piece
            if found := _LISTENING.search(said):
                return found[1].decode(), int(found[2])
    finally:
        os.close(output)
    told = log.read_text("utf-8", "replace")[-3000:]
    raise RuntimeError(f"the archive did not start:\n{said.decode()}\n{told}")
