"""A peer: a program that is started in an empty folder, measured, and stopped."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from bench.client.tasks import Address
from pacs_framework.testing.sockets import free_port

__all__ = ["Destinations", "Peer", "first_line_of"]

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where C-MOVE may send to: AE title → port on this machine."""

    ports: Mapping[str, int]


class Peer(ABC):
    """One program under measurement; `start` and `stop` may be called again and again.

    ``state`` holds what rows have prepared in it since the last start; ``killed`` tells that it
    had not stopped ``stop_seconds`` after it was asked to.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    durability: ClassVar[str]
    retrieves: ClassVar[bool] = False
    finds: ClassVar[bool] = False
    associations: ClassVar[int] = 100_000
    """How many it accepts at once; none where it does not speak DICOM."""
    stop_seconds: ClassVar[float] = 30

    def __init__(self, scratch: Path, destinations: Destinations) -> None:
        self._scratch = scratch
        self.destinations = destinations
        self.process: subprocess.Popen[bytes] | None = None
        self.state: dict[str, Any] = {}
        self.spawned = 0.0
        self.killed = False
        self.http_port = 0  # of those that answer HTTP, set by `command`

    # --- what a peer says of itself -----------------------------------------------------------

    @classmethod
    @abstractmethod
    def missing(cls) -> str:
        """Why it cannot run here; empty when it can."""

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """Its version, as it tells it."""

    @classmethod
    @abstractmethod
    def settings(cls) -> str:
        """How it is set up, in one line."""

    @abstractmethod
    def command(self) -> list[str]:
        """How it is started; `folder`, `port` and `aet` are set."""

    def environment(self) -> dict[str, str]:
        """Variables to add for it."""
        return {}

    def furnish(self) -> None:
        """Put into its folder what it is to find there."""

    aet: ClassVar[str] = "BENCHED"

    # --- life ---------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(_HOST, self.port, self.aet)

    @property
    def pid(self) -> int:
        """The root of its processes."""
        assert self.process is not None, f"{self.name} is not running"
        return self.process.pid

    def spawn(self) -> None:
        """Start it in an empty folder, without waiting until it listens."""
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=self._scratch))
        self.port = free_port()
        self.state = {}
        self.furnish()
        self._log: IO[bytes] = (self.folder / "log.txt").open("ab")
        command = self.command()
        self.spawned = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**_environment(), **self.environment()},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=0,  # Ctrl-C is for the bench, and what it forks can be ended with it
        )

    def stop(self) -> float:
        """Ask it to stop, and remove its folder; seconds until its process was gone."""
        if self.process is None:
            return 0.0
        start = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.killed = not _ends_within(self.stop_seconds, self.process)
        if self.killed:
            self.process.kill()
        self.process.wait()
        seconds = time.perf_counter() - start
        with suppress(ProcessLookupError):  # what it forked may live on
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return seconds

    def log_tail(self) -> str:
        """The end of what it has said, for when it fails."""
        text = (self.folder / "log.txt").read_text("utf-8", "replace")
        return text[-1500:]


def _ends_within(seconds: float, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the end itself: `Popen.wait` with a time-out looks only every 50 ms."""
    if process.poll() is not None:
        return True
    watched = os.pidfd_open(process.pid)
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


def _environment() -> dict[str, str]:
    """Ours, but peers written in Python keep their byte code, as they do by default.

    Without it each start would compile all that it imports, for seconds.
    """
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def first_line_of(*command: str) -> str:
    """The first line that a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else ""
