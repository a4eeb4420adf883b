"""The side that answers: one socket for each process of a running archive.

Who connects sends one word and gets one JSON object. A thread is blocked in accept and costs
nothing until somebody asks. Folder and socket are their owner's alone: figures are no secret of
patients, but nobody else's business either.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from pacs_framework.live.place import LONGEST_QUESTION, SUFFIX, folder_of, short_path

__all__ = ["Endpoint"]

log = structlog.get_logger(__name__)

_PATIENCE = 5.0  # seconds that one who asks may take to send the word, and to read the answer
_PAUSE = 1.0  # seconds after a failure, so that one that stays does not use up a processor
_WAITING = 16


class Endpoint:
    """Answers questions about this process until `close`.

    ``answers`` maps the word of a question to the function that makes its answer. Sockets of
    processes that died are removed on the way. Raises OSError when there can be no socket.
    """

    def __init__(self, data: Path, answers: Mapping[str, Callable[[], Mapping[str, Any]]]) -> None:
        self._answers = answers
        self._folder = folder_of(data)
        self._name = secrets.token_hex(8) + SUFFIX
        self._closing = threading.Event()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_dead(self._folder)
        self._socket = _listening(self._folder, self._name)
        self._thread = threading.Thread(target=self._serve, name="live-endpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join(_PATIENCE)
        self._socket.close()
        (self._folder / self._name).unlink(missing_ok=True)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                if not self._closing.is_set():  # short of descriptors, perhaps
                    log.warning("no question can be taken", error=error.strerror)
                    self._closing.wait(_PAUSE)
                continue
            with connection, suppress(OSError):  # one who asked may go away
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        with connection.makefile("rb") as question:
            word = question.readline(LONGEST_QUESTION).decode("ascii", "replace").strip()
        connection.sendall(json.dumps(self._answer(word)).encode())

    def _answer(self, word: str) -> Mapping[str, Any]:
        make = self._answers.get(word)
        if make is None:
            return {"error": f"unknown question {word!r}, known: {', '.join(self._answers)}"}
        try:
            return make()
        except Exception as error:
            log.exception("a question could not be answered", question=word)
            return {"error": f"{type(error).__name__} in the archive; its log tells more"}


def _listening(folder: Path, name: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), 0o600)  # before bind: the file never has another mode
        with short_path(folder, name) as path:
            listening.bind(f"{path}.new")
            listening.listen(_WAITING)
            # Only now under its name: one that is there and does not listen is taken for dead.
            Path(f"{path}.new").rename(path)
    except BaseException:
        listening.close()
        raise
    return listening


def _remove_dead(folder: Path) -> None:
    """Remove sockets that nobody listens on: their processes were killed."""
    for path in folder.glob(f"*{SUFFIX}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.setblocking(False)
            try:
                with short_path(folder, path.name) as short:
                    caller.connect(short)
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue  # it is busy, or has just gone
