"""A process that runs code of a plugin, and what it tells on its way: one JSON object a line.

The process may crash, hang, or print anything: what it told before stands, and its end is told by
`Ended`. Nothing is asked again and again; the deadline is that of a blocking read.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

__all__ = ["FD_OPTION", "SECONDS_OPTION", "Ended", "Overdue", "Teller", "told_by"]

FD_OPTION = "--pacs-tell"
"""The option by which a process learns the number of the descriptor to tell through."""
SECONDS_OPTION = "--pacs-seconds"
"""The option by which pytest learns how long the collection, and any single law, may take."""

_LAST_WORDS = 500


class Ended(Exception):
    """The process ended before it was through; the message says how, with its last words."""


class Overdue(Exception):
    """The process said nothing for too long, and was killed."""


class Teller:
    """The side of the process: takes the descriptor away from whatever it starts itself."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)

    def tell(self, **message: Any) -> None:
        """Send one message; it is with the other side when this returns."""
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """Say that nothing more comes, and that all went as it should."""
        self.tell(end=True)
        self._socket.close()


@dataclass(slots=True)
class _Deadline:
    seconds: float


def told_by(command: Sequence[str], *, folder: Path, seconds: float) -> Iterator[Mapping[str, Any]]:
    """Run ``command`` in ``folder`` and give what it tells, as it comes.

    ``seconds`` is how long it may be silent; a message with a key ``seconds`` sets that anew.
    Raises `Ended` and `Overdue`. The process and all that it started are gone afterwards.
    """
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as said:
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, FD_OPTION, str(theirs.fileno())],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        try:
            deadline = _Deadline(seconds)
            for message in _messages(ours, deadline):
                if "end" in message:
                    return
                deadline.seconds = message.get("seconds", deadline.seconds)
                yield message
            process.wait()
            raise Ended(f"{_how(process.returncode)}{_last_words(said)}")
        except TimeoutError:
            raise Overdue(f"no sign of life for {deadline.seconds:g} s") from None
        finally:
            _end(process)


def _messages(ours: socket.socket, deadline: _Deadline) -> Iterator[Mapping[str, Any]]:
    buffer = b""
    while True:
        ours.settimeout(deadline.seconds)
        data = ours.recv(1 << 16)
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _how(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    text = said.read().decode(errors="replace").strip()
    last = text.splitlines()[-1][-_LAST_WORDS:] if text else ""
    return f": {last}" if last else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nobody of the group stays behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
