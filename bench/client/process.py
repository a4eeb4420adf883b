"""The client as a process of its own, so that it shares no interpreter with anything measured."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

__all__ = ["ClientFailed", "ClientProcess"]

P = ParamSpec("P")
R = TypeVar("R")


class ClientFailed(Exception):
    """A task of the client raised; the message is what it raised."""


class ClientProcess:
    """Runs functions of `bench.client.tasks`, one at a time; a context manager."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()

    def run(self, task: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a task to its end; its result. Raises ClientFailed with what it raised."""
        self.begin(task, *args, **kwargs)
        result: R = self.result()
        return result

    def begin(self, task: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have a task begin; `result` waits for its end."""
        self._pipe.send((task, args, kwargs))

    def result(self) -> Any:
        """The result of the task that was begun."""
        try:
            done, value = self._pipe.recv()
        except EOFError:
            raise ClientFailed("the client process has died") from None
        if not done:
            raise ClientFailed(value)
        return value


def _serve(pipe: Connection) -> None:
    """Take tasks until the pipe closes."""
    os.setpgrp()  # Ctrl-C is for the bench, which ends this process by closing the pipe
    while True:
        try:
            task, args, kwargs = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send((True, task(*args, **kwargs)))
        except Exception as error:  # noqa: BLE001 - told to the bench, whatever it is
            last = traceback.extract_tb(error.__traceback__)[-1]
            pipe.send((False, f"{type(error).__name__}: {error} ({last.name}:{last.lineno})"))
