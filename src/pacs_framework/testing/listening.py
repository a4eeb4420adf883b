"""Servers of others that tests start: each says in its output where it listens."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO

__all__ = ["Listening", "NotListening"]

_STOP_SECONDS = 20


class NotListening(Exception):
    """The program ended before it listened; the message is what it said."""


class Listening:
    """A process that listens at ``url`` when this returns, until `stop`. Raises `NotListening`.

    ``ready`` is searched in each line that it writes; its first group is the URL.
    """

    def __init__(
        self,
        command: Sequence[str],
        ready: re.Pattern[str],
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a program of the tests' own choice
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._log = self._process.stdout
        # Nobody reads it later, and a full pipe would stop the server.
        self._drain = threading.Thread(target=self._log.read, daemon=True)
        try:
            self.url = _first(ready, self._log)
        except BaseException:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
            self._log.close()
            raise
        self._drain.start()

    @property
    def pid(self) -> int:
        """Of the process, to send signals to."""
        return self._process.pid

    def stop(self) -> None:
        """End it. Harmless when called twice."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP_SECONDS)
        self._drain.join(_STOP_SECONDS)
        self._log.close()


def _first(ready: re.Pattern[str], log: IO[str]) -> str:
    said = []
    for line in log:
        said.append(line)
        if found := ready.search(line.strip()):
            return found[1]
    raise NotListening("".join(said)[-300:])
