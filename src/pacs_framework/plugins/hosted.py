"""A process of a plugin's own, for its NOTIFY hook: it may hang, leak and die alone.

The process is started when the first change is there. It gets one change at a time, or those that
wait if its hook takes several, and answers how that went. When the time of a call is over it is
killed, with all it has started, and the next change is given to a new one.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import structlog

from pacs_framework.config import PluginsSettings, Settings
from pacs_framework.plugins.blame import RemoteFailure
from pacs_framework.plugins.budget import Overrun
from pacs_framework.plugins.pipe import Pipe

if TYPE_CHECKING:
    from pacs_framework.archive.changes import Change
    from pacs_framework.plugins.dispatch import HookCall

__all__ = ["STOP", "Order", "PluginProcess"]

log = structlog.get_logger(__name__)

STOP = b""
"""The message that asks a process to end."""

_START_SECONDS = 60.0
_STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The first message: which hook of which plugin to call, and the archive to do it in."""

    settings: Settings
    active: tuple[str, ...]
    plugin: str
    hook: str

    def plugins_settings(self) -> PluginsSettings:
        """The plugins that the archive runs with, none of them in a further process."""
        plugins = self.settings.plugins
        limits = {
            name: each.model_copy(update={"process": False, "memory": 0})
            for name, each in plugins.limits.items()
        }
        return plugins.model_copy(update={"allow": self.active, "deny": (), "limits": limits})


class PluginProcess:
    """Calls the NOTIFY hook of one plugin elsewhere.

    ``command`` starts the process; it finds its socket in the descriptor that is added, gets
    ``order`` as its first message, and says that it is ready. Used by one thread; `close` may come
    from another.
    """

    def __init__(self, command: Sequence[str], order: Order) -> None:
        self._command = tuple(command)
        self._order = order
        self._lock = Lock()
        self._running: _Running | None = None
        self._closed = False

    def __call__(self, call: HookCall, changes: Sequence[Change]) -> None:
        """Hand over changes, one alone unless the hook takes several.

        Raises `Overrun`, after which the process is gone, and `RemoteFailure` for what the hook
        raised, for a process that does not start, and for one that died.
        """
        running = self._running or self._start()
        try:
            call.measured(lambda: running.ask(pickle.dumps(tuple(changes)), call.limit))
        except TimeoutError:
            self._end()
            call.overran()
            raise Overrun(call) from None
        except OSError:
            code = self._end()
            raise _died(code) from None
        except RemoteFailure as failure:
            if failure.kind == MemoryError.__name__:
                self._end()  # what it has hoarded goes with it
            raise

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        running = self._running
        return None if running is None else running.process.pid

    def close(self) -> None:
        """Ask the process to end, and kill it when it does not."""
        with self._lock:
            self._closed = True
            running, self._running = self._running, None
        if running is not None:
            running.stop()

    def _start(self) -> _Running:
        with self._lock:
            if self._closed:
                raise RemoteFailure("Stopping", "the archive stops")
            running = self._running = _Running(self._command)
        try:
            running.ask(pickle.dumps(self._order), _START_SECONDS)
        except TimeoutError:
            self._end()
            raise RemoteFailure(
                "ProcessStuck", f"its process is not ready after {_START_SECONDS:g} s"
            ) from None
        except OSError:
            raise _died(self._end()) from None
        except RemoteFailure:
            self._end()
            raise
        log.info("plugin process started", plugin=self._order.plugin, pid=running.process.pid)
        return running

    def _end(self) -> int:
        """Kill what is left of the process; its exit code, negative for a signal."""
        with self._lock:
            running, self._running = self._running, None
        return 0 if running is None else running.kill()


class _Running:
    """One process, and the sockets to it."""

    def __init__(self, command: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.PIPE,  # nothing is written: it ends when this process does
                stdout=2,  # what a plugin prints goes where its log goes
                process_group=0,  # Ctrl-C is for the archive, which then ends this one in order
            )
        self._pipe = Pipe(ours)

    def ask(self, message: bytes, seconds: float) -> None:
        """Send ``message`` and wait for the answer; raises `RemoteFailure` where that says so."""
        self._pipe.send(message)
        _check(self._pipe.receive(seconds))

    def stop(self) -> None:
        with suppress(OSError):
            self._pipe.send(STOP)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> int:
        """Kill it and all that it has started; its exit code."""
        # It leads a group of its own, and is not yet waited for: the number is still its own.
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._pipe.close()
        return code


def _check(answer: bytes) -> None:
    """Raise what an answer says; an answer that cannot be read is a `RemoteFailure` too."""
    try:
        said: dict[str, Any] = json.loads(answer)
        kind = said.get("error")
        failure = RemoteFailure(str(kind), str(said.get("reason", "")), str(said.get("at", "")))
    except (ValueError, AttributeError):
        failure, kind = RemoteFailure("ProcessBabbles", "its process gave no usable answer"), True
    if kind:
        raise failure


def _died(code: int) -> RemoteFailure:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return RemoteFailure("ProcessDied", f"its process {how}")
