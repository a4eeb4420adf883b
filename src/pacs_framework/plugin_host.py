"""The process of a plugin's own: ``python -m pacs_framework.plugin_host``, started by an archive.

It has the configuration of the archive that started it and the same plugins, so that what the hook
stores is judged as everywhere else. It opens the archive without listener and change feed, calls
the NOTIFY hook of its one plugin for each change that it is given, and says how that went
(`pacs_framework.plugins.hosted` is the other side). It ends with the archive, however that ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import resource
import select
import signal
import socket
import sys
from pathlib import Path

import structlog

from pacs_framework.app import App, configure_with
from pacs_framework.archive.changes import Change
from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.logs import configure_logging
from pacs_framework.plugins.blame import place
from pacs_framework.plugins.hosted import STOP, Order
from pacs_framework.plugins.pipe import Pipe

__all__ = ["main"]

log = structlog.get_logger(__name__)

_READY = b"{}"
_STDIN = 0


def main() -> None:
    """Do as ordered until told to stop."""
    _end_with_the_archive()
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    pipe = Pipe(socket.socket(fileno=descriptor))
    order = pickle.loads(pipe.receive())  # noqa: S301 - from the archive that started this process
    assert isinstance(order, Order)
    configure_logging(order.settings.log)
    structlog.contextvars.bind_contextvars(process_of=order.plugin)
    try:
        app = _open(order)
    except PacsError as error:
        pipe.send(_failure(error))
        return
    with app:
        pipe.send(_READY)
        _serve(app, order, pipe)


def _end_with_the_archive() -> None:
    """Have the system kill this process and all it has started when the archive is gone.

    Standard input is a pipe that the archive alone holds the other end of. The kernel itself sends
    the signal when that closes, so it comes also while a hook is in a loop that never lets go of
    the interpreter, and also when the archive was killed.
    """
    fcntl.fcntl(_STDIN, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(_STDIN, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(_STDIN, fcntl.F_SETFL, fcntl.fcntl(_STDIN, fcntl.F_GETFL) | os.O_ASYNC)
    watch = select.poll()
    watch.register(_STDIN, select.POLLHUP)
    if watch.poll(0):
        sys.exit("the archive has gone")


def _open(order: Order) -> App:
    """The archive as the plugin gets it. Raises as a start does."""
    settings = order.settings.model_copy(update={"plugins": order.plugins_settings()})
    app = App(configure_with(settings), listen=False, feed=False).start()
    try:
        _limit_memory(order.settings.plugins.limits_of(order.plugin).memory)
    except BaseException:
        app.stop()
        raise
    return app


def _limit_memory(most: int) -> None:
    """Let the process have ``most`` bytes of private memory that it can write to, 0 for no limit.

    Raises `ConfigurationError` when it has more already.
    """
    if not most:
        return
    has = _data_bytes()
    if has >= most:
        raise ConfigurationError(
            f"memory = {most >> 20} MiB is too little: the process takes {has >> 20} MiB before it "
            f"calls the hook"
        )
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _data_bytes() -> int:
    """What the kernel counts for RLIMIT_DATA."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def _serve(app: App, order: Order, pipe: Pipe) -> None:
    while (message := pipe.receive()) != STOP:
        changes: tuple[Change, ...] = pickle.loads(message)  # noqa: S301 - from the archive that started this process
        try:
            app.plugins.notify(order.hook, order.plugin, changes, app.archive)
        except BaseException as error:  # the archive is told, whatever it is
            log.debug("traceback of the plugin", plugin=order.plugin, exc_info=error)
            pipe.send(_failure(error))
        else:
            pipe.send(_READY)


def _failure(error: BaseException) -> bytes:
    """The kind and the place; the message only where it cannot hold patient data."""
    said = {
        "error": type(error).__name__,
        "reason": str(error) if isinstance(error, PacsError) else "",
        "at": place(error),
    }
    return json.dumps(said).encode()


if __name__ == "__main__":
    main()
