"""Several acceptor processes on one port: started, watched, replaced when one dies, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from pacs_framework.app import App

__all__ = ["serve_with_workers", "stop_when_supervisor_ends"]

log = structlog.get_logger(__name__)

_STOP = {signal.SIGTERM, signal.SIGINT}
_STOP_SECONDS = 15
# A worker that dies sooner than this after its start is not started again at once.
_SHORT_LIFE = 2.0


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    started: float

    @property
    def lived_shortly(self) -> bool:
        return time.monotonic() - self.started < _SHORT_LIFE


def serve_with_workers(app: App, *, announce: Callable[[tuple[str, int]], None]) -> None:
    """Run the configured number of workers until SIGTERM or SIGINT.

    The workers inherit one listening socket, so the system hands each connection to one that
    waits. A worker that dies is replaced; its associations are lost, nothing acknowledged is.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_STOP, signal.SIGCHLD})
    with app.open_socket() as listening:
        workers = [_start(listening) for _ in range(app.settings.network.workers)]
        try:
            announce(listening.getsockname()[:2])
            while signal.sigwait({*_STOP, signal.SIGCHLD}) == signal.SIGCHLD:
                if not _replace_dead(workers, listening):
                    return
        finally:
            _stop(workers)


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


def _start(listening: socket.socket) -> _Worker:
    """A worker is this very command with the socket added."""
    descriptor = listening.fileno()
    command = [sys.executable, "-m", "pacs_framework.cli", *sys.argv[1:]]
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [*command, "--worker-socket", str(descriptor)],
        pass_fds=(descriptor,),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    return _Worker(process, time.monotonic())


def _replace_dead(workers: list[_Worker], listening: socket.socket) -> bool:
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
        if worker.lived_shortly and signal.sigtimedwait(_STOP, _SHORT_LIFE) is not None:
            return False
        workers[place] = _start(listening)
    return True


def _close_pipe(worker: _Worker) -> None:
    if worker.process.stdin is not None:
        worker.process.stdin.close()


def _stop(workers: list[_Worker]) -> None:
    """End all workers at once; who has not ended when the time is over is killed."""
    for worker in workers:
        worker.process.terminate()
    _wait_for(workers, _STOP_SECONDS)
    for worker in workers:
        pid = worker.process.pid
        if worker.process.poll() is None:
            log.error("worker does not stop and is killed", pid=pid)
            worker.process.kill()
        exit_code = worker.process.wait()
        if exit_code not in (0, -signal.SIGKILL):
            log.error("worker ended badly", pid=pid, exit_code=exit_code)
        _close_pipe(worker)


def _wait_for(workers: list[_Worker], seconds: float) -> None:
    """Until all have ended or the time is over. SIGCHLD is blocked: it comes to us alone."""
    deadline = time.monotonic() + seconds
    while any(worker.process.poll() is None for worker in workers):
        left = deadline - time.monotonic()
        if left <= 0 or signal.sigtimedwait({signal.SIGCHLD}, left) is None:
            return
