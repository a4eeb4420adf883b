"""Several acceptor processes on one port: started, watched, replaced when one dies, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from pacs_framework.app import App
from pacs_framework.cli.signals import Signals

__all__ = ["STOP_SIGNALS", "serve_with_workers", "stop_when_supervisor_ends", "wait_for_stop"]

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_STOP_SECONDS = 15
# How a worker ends that was asked to: by itself; by the signal, when that came before it could take
# signals or after it had let go of everything; or killed by us, which is told as such.
_IN_ORDER = (0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGKILL)
# A worker that dies sooner than this after its start is not started again at once.
_SHORT_LIFE = 2.0


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    started: float

    @property
    def lived_shortly(self) -> bool:
        return time.monotonic() - self.started < _SHORT_LIFE


@dataclass(frozen=True, slots=True)
class _Shared:
    """The sockets that all workers accept on: DICOM's, and those of plugins' doors by name."""

    listening: socket.socket
    doors: Mapping[str, socket.socket]

    @property
    def options(self) -> list[str]:
        """How a worker is told of them."""
        doors = (f"{name}={each.fileno()}" for name, each in self.doors.items())
        told = [part for door in doors for part in ("--worker-door", door)]
        return ["--worker-socket", str(self.listening.fileno()), *told]

    @property
    def descriptors(self) -> tuple[int, ...]:
        return (self.listening.fileno(), *(each.fileno() for each in self.doors.values()))


def wait_for_stop(signals: Signals) -> None:
    """Until SIGTERM or SIGINT; children that end meanwhile are somebody else's."""
    while signals.wait() not in STOP_SIGNALS:
        pass


def serve_with_workers(
    app: App, signals: Signals, *, announce: Callable[[tuple[str, int]], None]
) -> None:
    """Run the configured number of workers until SIGTERM or SIGINT.

    The workers inherit one listening socket, and one for each door, so the system hands each
    connection to one that waits. A worker that dies is replaced; its associations are lost, nothing
    acknowledged is.
    """
    with app.open_socket() as listening:
        shared = _Shared(listening, app.entrances.sockets)
        workers = [_start(shared) for _ in range(app.settings.network.workers)]
        try:
            announce(listening.getsockname()[:2])
            while signals.wait() == signal.SIGCHLD:
                if not _replace_dead(workers, shared, signals):
                    return
        finally:
            _stop(workers, signals)


def stop_when_supervisor_ends() -> None:
    """In a worker: ask this process to stop once the supervisor is gone, however it went.

    The worker's standard input is a pipe that only the supervisor holds the other end of.
    """

    def wait() -> None:
        # Not `sys.stdin`: its lock, held by a thread that reads, aborts the interpreter's end.
        while os.read(descriptor, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    descriptor = sys.stdin.fileno()

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()


def _start(shared: _Shared) -> _Worker:
    """A worker is this very command with the sockets added."""
    command = [sys.executable, "-m", "pacs_framework.cli", *sys.argv[1:]]
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [*command, *shared.options],
        pass_fds=shared.descriptors,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        process_group=0,  # a Ctrl-C at the terminal is for the supervisor alone
    )
    return _Worker(process, time.monotonic())


def _replace_dead(workers: list[_Worker], shared: _Shared, signals: Signals) -> bool:
    """Start a new worker for each dead one; False when asked to stop while pausing."""
    for place, worker in enumerate(workers):
        if worker.process.poll() is None:
            continue
        log.error(
            "worker died and is replaced",
            pid=worker.process.pid,
            exit_code=worker.process.returncode,
        )
        _close_pipe(worker)
        if worker.lived_shortly and _stops_within(_SHORT_LIFE, signals):
            return False
        workers[place] = _start(shared)
    return True


def _stops_within(seconds: float, signals: Signals) -> bool:
    """Pause; whether we were asked to stop meanwhile."""
    deadline = time.monotonic() + seconds
    while (came := signals.wait_at_most(deadline - time.monotonic())) is not None:
        if came in STOP_SIGNALS:
            return True
    return False


def _close_pipe(worker: _Worker) -> None:
    if worker.process.stdin is not None:
        worker.process.stdin.close()


def _stop(workers: list[_Worker], signals: Signals) -> None:
    """End all workers at once; who has not ended when the time is over is killed."""
    for worker in workers:
        worker.process.terminate()
    _wait_for(workers, _STOP_SECONDS, signals)
    for worker in workers:
        pid = worker.process.pid
        if worker.process.poll() is None:
            log.error("worker does not stop and is killed", pid=pid)
            worker.process.kill()
        exit_code = worker.process.wait()
        if exit_code not in _IN_ORDER:
            log.error("worker ended badly", pid=pid, exit_code=exit_code)
        _close_pipe(worker)


def _wait_for(workers: list[_Worker], seconds: float, signals: Signals) -> None:
    """Until all have ended or the time is over."""
    deadline = time.monotonic() + seconds
    while any(worker.process.poll() is None for worker in workers):
        if signals.wait_at_most(deadline - time.monotonic()) is None:
            return
