"""A process that has imported the archive once, and forks ``pacs`` commands from then on.

A start of Python with all plugins takes seconds, which a thousand kills would pay a thousand times.
What runs in the child is the command itself, from its first line on. Run as
``python -m bench.faults.nursery DESCRIPTOR``, where the descriptor is a SOCK_SEQPACKET socket.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any, NoReturn

__all__ = ["main"]

_MOST = 1 << 16
_COMMANDS = ("check", "imports", "reindex", "serve", "verify")


def main(descriptor: int) -> None:
    """Serve until the other end is closed."""
    _import_everything()
    with socket.socket(fileno=descriptor) as client:
        client.send(b"{}")  # ready
        while True:
            asked, descriptors, _, _ = socket.recv_fds(client, _MOST, 2)
            if not asked:
                return
            client.send(json.dumps(_answer(json.loads(asked), descriptors, client)).encode())


def _import_everything() -> None:
    """Whatever a command would import anyway; a plugin that cannot be imported is its affair."""
    for name in _COMMANDS:
        importlib.import_module(f"pacs_framework.cli.{name}")
    importlib.import_module("bench.faults.held")
    for entry in entry_points(group="pacs.plugins"):
        importlib.import_module(entry.value)


def _answer(
    asked: dict[str, Any], descriptors: Sequence[int], client: socket.socket
) -> dict[str, int]:
    if "wait" in asked:
        _, status = os.waitpid(asked["wait"], 0)
        return {"code": os.waitstatus_to_exitcode(status)}
    pid = os.fork()
    if not pid:
        _be_born(asked, descriptors, client)
    for descriptor in descriptors:
        os.close(descriptor)
    return {"pid": pid}


def _be_born(asked: dict[str, Any], descriptors: Sequence[int], client: socket.socket) -> NoReturn:
    """In the child: run the command, and end as a process of its own would."""
    client.close()
    for target, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, target)
        os.close(descriptor)
    code = 1
    try:
        sys.argv = ["pacs", *asked["arguments"]]
        _named(asked["program"])()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the child must not go on as a nursery
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _named(program: str) -> Callable[[], object]:
    module, _, name = program.partition(":")
    found: Callable[[], object] = getattr(importlib.import_module(module), name)
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]))
