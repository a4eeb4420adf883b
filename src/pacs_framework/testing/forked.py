"""Commands in processes of their own, forked from one that has imported everything already.

`nursery` is the one of this process: it is started when it is first asked for, and ends with the
process. A command that needs a Python of its own is started afresh; see `Nursery.suits`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from pacs_framework.testing.nursery import MOST

__all__ = [
    "Forked",
    "Nursery",
    "Process",
    "nursery",
    "run_module",
    "running",
    "start_module",
]

_DECIDED_AT_THE_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
_LATER = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
_END_SECONDS = 30


class Process(Protocol):
    """What `subprocess.Popen` and `Forked` have in common, which is used alike."""

    pid: int
    returncode: int | None
    stdout: IO[str] | None

    def __enter__(self) -> Self:
        """A context manager: it is waited for at the end."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

    def poll(self) -> int | None:
        """Its exit code when it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code once it has ended; raises `subprocess.TimeoutExpired`."""

    def send_signal(self, sig: int) -> None:
        """Unless it has ended."""

    def terminate(self) -> None:
        """SIGTERM."""

    def kill(self) -> None:
        """SIGKILL."""


class Forked:
    """A child of the nursery, used as a `subprocess.Popen` is. Safe to use from many threads."""

    def __init__(self, nursery: Nursery, pid: int, name: str, stdout: IO[str] | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout
        self._name = name
        self._nursery = nursery
        self._descriptor = os.pidfd_open(pid)  # a number may be somebody else's one day
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        if self.stdout is not None:
            self.stdout.close()
        self.wait()

    def poll(self) -> int | None:
        """Its exit code when it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code once it has ended; raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._descriptor, select.POLLIN)
            if not ended.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(self._name, timeout or 0)
        with self._lock:
            if self.returncode is None:
                self.returncode = self._nursery.code_of(self.pid)
                os.close(self._descriptor)
            return self.returncode

    def send_signal(self, sig: int) -> None:
        """Unless it has ended."""
        with self._lock:
            if self.returncode is None:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._descriptor, sig)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks. A context manager; whoever waits for none of its children may leave
    before they have ended.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._variables = dict(os.environ if environment is None else environment)
        self._environment = _fixed(self._variables)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="pacs-nursery-")
        self.address = Path(self._folder.name) / "door"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(str(self.address))
            door.listen()
            numbers = (theirs.fileno(), door.fileno())
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "pacs_framework.testing.nursery", *map(str, numbers)],
                # Threads of a numeric library would not live in a fork.
                env={**self._variables, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                cwd="/",
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._socket = ours
        self._lock = threading.Lock()
        try:
            self._answered()
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._socket.close()
        self._process.wait(_END_SECONDS)
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Of the process that forks."""
        return self._process.pid

    @property
    def descriptor(self) -> int:
        """Of the connection to it."""
        return self._socket.fileno()

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a command with these variables can be forked: Python reads some at its start."""
        return _fixed(environment) == self._environment

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        environment: Mapping[str, str],
        folder: Path | None = None,
        reads: IO[str] | None = None,
    ) -> Forked:
        """Run ``python -m MODULE``. The descriptors stay the caller's; ``reads`` is the end of
        what it prints that `Forked.stdout` gives.
        """
        asked = {
            "module": module,
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(folder or Path.cwd()),
        }
        pid = self._ask(asked, [stdin, stdout, stderr])["pid"]
        return Forked(self, pid, module, reads)

    def code_of(self, pid: int) -> int:
        """Of a child that has ended."""
        return int(self._ask({"wait": pid})["code"])

    def _ask(self, asked: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(asked).encode()], list(descriptors))
            return self._answered()

    def _answered(self) -> dict[str, Any]:
        answer = self._socket.recv(MOST)
        if not answer:
            raise RuntimeError("the process that forks commands has ended; see its error above")
        found: dict[str, Any] = json.loads(answer)
        return found


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_DECIDED_AT_THE_START) and name not in _LATER
    }


# --- the one of this process ---------------------------------------------------------------------

_ours: dict[int, Nursery] = {}
_making = threading.Lock()


def nursery() -> Nursery:
    """The one of this process, which a fork of it does not share."""
    with _making:
        found = _ours.get(os.getpid())
        if found is None:
            found = _ours[os.getpid()] = Nursery().__enter__()
            atexit.register(_end, os.getpid())
        return found


def running() -> Nursery | None:
    """The one of this process, if it has been asked for."""
    return _ours.get(os.getpid())


def _end(pid: int) -> None:
    if pid == os.getpid():
        _ours.pop(pid).__exit__()


def _command(module: str, arguments: Sequence[str]) -> list[str]:
    named = [module] if module.endswith(".py") else ["-m", module]
    return [sys.executable, *named, *arguments]


def start_module(
    module: str,
    *arguments: str,
    stderr: IO[str],
    environment: Mapping[str, str],
    afresh: bool = False,
) -> Process:
    """Start ``python -m MODULE`` or ``python FILE.py``, with a pipe for what it prints.

    It is forked where that can be, unless it is wanted ``afresh``.
    """
    if afresh or not nursery().suits(environment):
        return subprocess.Popen(  # noqa: S603 - our own module
            _command(module, arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=environment,
        )
    ours, theirs = os.pipe()
    with open(os.devnull) as nothing:  # noqa: PTH123 - a device
        try:
            return nursery().start(
                module,
                arguments,
                stdin=nothing.fileno(),
                stdout=theirs,
                stderr=stderr.fileno(),
                environment=environment,
                reads=os.fdopen(ours, encoding="utf-8"),
            )
        finally:
            os.close(theirs)


def run_module(
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    seconds: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE`` or ``python FILE.py`` to its end: forked where that can be.

    One that does not end in time is killed: `subprocess.TimeoutExpired`.
    """
    variables = os.environ if environment is None else environment
    command = _command(module, arguments)
    if not nursery().suits(variables):
        return subprocess.run(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=variables,
            cwd=folder,
            timeout=seconds,
        )
    with (
        open(os.devnull) as nothing,  # noqa: PTH123 - a device
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
    ):
        process = nursery().start(
            module,
            arguments,
            stdin=nothing.fileno(),
            stdout=said.fileno(),
            stderr=errors.fileno(),
            environment=variables,
            folder=folder,
        )
        try:
            code = process.wait(seconds)
        except BaseException:
            process.kill()
            process.wait()
            raise
        said.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(command, code, said.read(), errors.read())
