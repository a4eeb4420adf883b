"""A process that has imported the archive and its plugins, and forks commands from then on.

A start of Python with all plugins takes a second of processor time, which tests would pay for every
archive and every command. What runs in the child is the command itself, from its first line on, as
``python -m MODULE ARGUMENT …`` or ``python FILE.py ARGUMENT …`` would. Asked by
`pacs_framework.testing.forked`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TextIO

import importlib_metadata

from pacs_framework.cli.importing import importing

__all__ = ["MOST", "serve"]

MOST = 1 << 18
"""Octets of one message, at most: arguments, and an environment."""

_COMMANDS = ("check", "imports", "serve", "verify")
_GRACE = 0.2  # seconds for threads that were told to end
_STANDARD = 3  # descriptors that come with a command: input, output, errors


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """What the child is to become."""

    module: str
    arguments: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]
    descriptors: tuple[int, ...]


def serve(first: socket.socket, door: socket.socket) -> _Command | None:
    """Fork whatever clients ask for until the ``first`` of them goes; a command in the child.

    ``door`` is where others come in. All are SOCK_SEQPACKET: a message is a whole request.
    """
    with selectors.DefaultSelector() as waiting:
        for each in (first, door):
            waiting.register(each, selectors.EVENT_READ)
        first.send(b"{}")  # ready
        while True:
            for key, _ in waiting.select():
                client = key.fileobj
                assert isinstance(client, socket.socket)
                if client is door:
                    waiting.register(door.accept()[0], selectors.EVENT_READ)
                    continue
                asked, descriptors = _request(client)
                if asked is not None:
                    command = _answer(asked, descriptors, client)
                    if command is not None:
                        _leave(waiting)
                        return command
                elif client is first:
                    return None
                else:
                    waiting.unregister(client)
                    client.close()


def _leave(waiting: selectors.BaseSelector) -> None:
    """A child has no clients."""
    for each in list(waiting.get_map().values()):
        assert isinstance(each.fileobj, socket.socket)
        each.fileobj.close()


def _request(client: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """What it asks for, with descriptors; None when it has gone."""
    with suppress(ConnectionError):
        flags = socket.MSG_CMSG_CLOEXEC
        asked, descriptors, _, _ = socket.recv_fds(client, MOST, _STANDARD, flags)
        if asked:
            return json.loads(asked), descriptors
    return None, []


def _answer(
    asked: Mapping[str, Any], descriptors: list[int], client: socket.socket
) -> _Command | None:
    """Do it, and say so; in the child it is the command."""
    answer: dict[str, float]
    if "wait" in asked:
        _, status = os.waitpid(asked["wait"], 0)
        answer = {"code": os.waitstatus_to_exitcode(status)}
    else:
        pid = os.fork()
        if not pid:
            return _Command(
                module=asked["module"],
                arguments=tuple(asked["arguments"]),
                folder=asked["folder"],
                environment=asked["environment"],
                descriptors=tuple(descriptors),
            )
        for descriptor in descriptors:
            os.close(descriptor)
        answer = {"pid": pid}
    with suppress(ConnectionError):
        client.send(json.dumps(answer).encode())
    return None


def _become(command: _Command) -> None:
    """What a start of Python gives a process: descriptors, environment, folder, module."""
    for target, descriptor in enumerate(command.descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(command.environment)
    time.tzset()
    os.chdir(command.folder)
    sys.stdin = open(0, encoding=sys.stdin.encoding, closefd=False)  # noqa: SIM115 - stays open
    sys.stdout = _stream(1, sys.stdout, through=bool(os.environ.get("PYTHONUNBUFFERED")))
    sys.stderr = _stream(2, sys.stderr, through=True)
    sys.argv = [command.module, *command.arguments]
    sys.path[0] = command.folder
    added = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    found_first = [path for path in added if path and path not in sys.path]
    sys.path[1:1] = found_first
    _forget(found_first)
    code = _run(command.module)
    _leave_memory_as_it_is(code)
    sys.exit(code)


def _run(module: str) -> int:
    """Run a module or a file; the code that it ends with. Raises what is more than a number."""
    try:
        if module.endswith(".py"):
            runpy.run_path(module, run_name="__main__")
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        return end.code or 0
    return 0


def _leave_memory_as_it_is(code: int) -> None:
    """End like Python does, up to where it takes every module apart.

    That is most of what a short command takes, as a fork copies each page of memory which is
    written to. Where threads go on it returns: whether they survive the end is Python's to show.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    if _threads_go_on():
        return
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name for it
    gc.collect()  # files in cycles are written and closed; what was imported is frozen
    with suppress(OSError, ValueError):  # a reader that has gone is Python's to tell
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _threads_go_on() -> bool:
    """Whether there are threads that do not end, though nobody waits for them."""
    until = time.monotonic() + _GRACE
    for thread in threading.enumerate():
        with suppress(AssertionError, RuntimeError):  # itself, or one that Python has not started
            thread.join(max(0.0, until - time.monotonic()))
    return threading.active_count() > 1


def _forget(folders: Sequence[str]) -> None:
    """Modules that a start of Python would have found in ``folders`` are imported anew."""
    inside: set[str] = set()
    for folder in folders:
        with suppress(OSError):
            inside.update(name.removesuffix(".py") for name in os.listdir(folder))  # noqa: PTH208 - only names
    for module in [each for each in sys.modules if each.partition(".")[0] in inside]:
        del sys.modules[module]


def _stream(descriptor: int, like: TextIO, *, through: bool) -> TextIO:
    stream = open(  # noqa: SIM115 - stays open
        descriptor, "w", encoding=like.encoding, errors=like.errors, closefd=False
    )
    stream.reconfigure(line_buffering=stream.isatty() or through, write_through=through)
    return stream


def _import_everything() -> None:
    """Whatever a command would import anyway; a plugin that cannot be imported is its affair."""
    for name in _COMMANDS:
        importlib.import_module(f"pacs_framework.cli.{name}")
    packages = {
        entry.module.partition(".")[0]
        for entry in importlib_metadata.entry_points(group="pacs.plugins")
    }
    for package in sorted(packages):
        with suppress(Exception):
            _import_all(importlib.import_module(package))


def _import_all(package: ModuleType) -> None:
    """What a plugin imports when it is first needed, too."""
    inside = getattr(package, "__path__", ())
    for module in pkgutil.walk_packages(inside, f"{package.__name__}.", onerror=lambda _: None):
        if not module.name.endswith("__main__"):
            with suppress(Exception):
                importlib.import_module(module.name)


def _main(first: int, door: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the commands, and for whoever asks for them
    with importing():
        _import_everything()
    command = serve(socket.socket(fileno=first), socket.socket(fileno=door))
    if command is not None:
        _become(command)


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
