"""Processes of the archive under test: started quickly, killed without warning, waited for."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

__all__ = ["Done", "Forked", "Nursery", "Process", "Started", "listening_address", "run_alone"]

_ROOT = Path(__file__).resolve().parents[2]
_LISTENING = re.compile(rb"listening on (\S+):(\d+)")
_PATIENCE = 120.0
PACS = "pacs_framework.cli.main:main"
HELD = "bench.faults.held:main"


class Process(Protocol):
    """A command that runs."""

    pid: int

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""

    def wait(self, seconds: float = _PATIENCE) -> int:
        """Its exit code once it has ended; raises TimeoutError."""


class Forked:
    """A child of the nursery."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self._nursery = nursery
        self._descriptor = os.pidfd_open(pid)
        self._code: int | None = None
        self._lock = threading.Lock()

    def kill(self) -> None:
        """SIGKILL, and wait for the end. By descriptor: a number may be somebody else's by now."""
        with self._lock:
            if self._code is None:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = _PATIENCE) -> int:
        """Its exit code once it has ended; raises TimeoutError."""
        with self._lock:
            if self._code is None:
                poll = select.poll()
                poll.register(self._descriptor, select.POLLIN)
                if not poll.poll(seconds * 1000):
                    raise TimeoutError(f"process {self.pid} has not ended in {seconds:g} s")
                self._code = self._nursery.code_of(self.pid)
                os.close(self._descriptor)
            return self._code


class Started:
    """A process of its own, for what wraps a command, such as faketime."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
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
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Threads of a numeric library would not live in a fork.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "bench.faults.nursery", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                cwd=_ROOT,
                env=environment,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
        self._socket = ours
        self._lock = threading.Lock()
        self._answered()
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()
        self._process.wait(_PATIENCE)

    def start(self, program: str, arguments: Sequence[str], *, out: int, err: int) -> Forked:
        """Run ``program`` (``module:function``); the descriptors stay the caller's."""
        asked = {"program": program, "arguments": list(arguments)}
        return Forked(self, self._ask(asked, [out, err])["pid"])

    def run(self, program: str, *arguments: str, seconds: float = 600.0) -> Done:
        """Run a command to its end. One that does not end in time is killed: TimeoutError."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.start(program, arguments, out=out.fileno(), err=err.fileno())
            try:
                code = process.wait(seconds)
            except TimeoutError:
                process.kill()
                raise
            out.seek(0)
            err.seek(0)
            return Done(code, out.read().decode(), err.read().decode())

    def code_of(self, pid: int) -> int:
        """Of a child that has ended."""
        return self._ask({"wait": pid})["code"]

    def _ask(self, asked: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, int]:
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(asked).encode()], list(descriptors))
            return self._answered()

    def _answered(self) -> dict[str, int]:
        answer = self._socket.recv(1 << 16)
        if not answer:
            raise RuntimeError("the process that forks the archive has ended; see its error above")
        found: dict[str, int] = json.loads(answer)
        return found


def run_alone(
    command: Sequence[str], *, out: int, err: int, environment: Mapping[str, str]
) -> Started:
    """Run a command as a process of its own."""
    return Started(
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
