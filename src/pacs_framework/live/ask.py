"""The side that asks: every process of the archive in a data folder, one after the other."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from pacs_framework.errors import ConfigurationError
from pacs_framework.live.place import SUFFIX, folder_of, short_path

__all__ = ["ask"]

_BLOCK = 1 << 16


def ask(data: Path, word: str, *, seconds: float = 10.0) -> list[dict[str, Any]]:
    """The answers of all living processes of the archive in ``data`` to one question.

    Empty where none runs. A process that does not answer in time, or not as it should, is an answer
    with the key ``error``. Raises `ConfigurationError` where another user's archive is asked.
    """
    try:
        names = sorted(path.name for path in folder_of(data).iterdir() if path.suffix == SUFFIX)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise _not_ours(data) from error
    answers = (_ask_one(data, name, word, seconds) for name in names)
    return [answer for answer in answers if answer is not None]


def _ask_one(data: Path, name: str, word: str, seconds: float) -> dict[str, Any] | None:
    """The answer of one process; None where it is gone."""
    try:
        with (
            short_path(folder_of(data), name) as path,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller,
        ):
            caller.settimeout(seconds)
            caller.connect(path)
            caller.sendall(word.encode("ascii") + b"\n")
            return _decoded(_all_of(caller))
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except PermissionError as error:
        raise _not_ours(data) from error
    except TimeoutError:
        return {"error": f"a process does not answer within {seconds:g} s"}
    except OSError as error:
        return {"error": f"a process does not answer: {error.strerror or error}"}


def _all_of(caller: socket.socket) -> bytes:
    parts = []
    while part := caller.recv(_BLOCK):
        parts.append(part)
    return b"".join(parts)


def _decoded(text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {"error": "a process ended while it answered"}
    return answer if isinstance(answer, dict) else {"error": "a process gave no usable answer"}


def _not_ours(data: Path) -> ConfigurationError:
    return ConfigurationError(
        f"the archive in {str(data)!r} belongs to another user; ask as the user that runs it"
    )
