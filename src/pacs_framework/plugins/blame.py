"""Whose line it was: an exception of a plugin in one readable line."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pacs_framework.errors import PluginError

__all__ = ["RemoteFailure", "describe", "kind_of_error", "package_of", "place"]

_KERNEL = str(Path(__file__).resolve().parent.parent)


class RemoteFailure(PluginError):
    """A plugin failed in a process of its own: what kind of error it was, and where.

    The message is that of a `PacsError`, or tells what became of the process; else empty.
    """

    def __init__(self, kind: str, message: str, at: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.at = at


def kind_of_error(error: BaseException) -> str:
    """The name of the class, also where it was raised in another process."""
    return error.kind if isinstance(error, RemoteFailure) else type(error).__name__


def describe(error: BaseException, package: str = "") -> str:
    """The type, the message and the place of ``error``, in one line.

    For failures at start only: the message of an exception that was raised over an instance may
    hold patient data; use `place` there.
    """
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    message = " ".join(text.split())
    kind = type(error).__name__
    where = place(error, package)
    return f"{kind}{': ' if message else ''}{message}{f' ({where})' if where else ''}"


def place(error: BaseException, package: str = "") -> str:
    """``file:line`` of the innermost frame in ``package``; empty when there is none.

    Where nothing of ``package`` took part: the innermost outside the kernel and the import system.
    """
    if isinstance(error, RemoteFailure):
        return error.at
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    foreign = own = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        filename = frame.f_code.co_filename
        if package and (module == package or module.startswith(package + ".")):
            own = f"{filename}:{line}"
        elif not (filename.startswith(("<frozen", _KERNEL)) or _imports(module)):
            foreign = f"{filename}:{line}"
    return own or foreign


def _imports(module: str) -> bool:
    return module.partition(".")[0] in ("importlib", "importlib_metadata")


def package_of(function: Callable[..., Any]) -> str:
    """The top-level package that a function of a plugin is written in."""
    return str(getattr(function, "__module__", "") or "").partition(".")[0]
