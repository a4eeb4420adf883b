"""What other threads want done on an association, by the thread that serves it.

One thread uses an association, and waits for its peer most of the time. A bell that it listens to
beside the connection wakes it, so that nobody polls and no second thread touches the connection.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from pacs_framework.network.errors import AssociationError

__all__ = ["Errands"]

_T = TypeVar("_T")


class Errands:
    """A queue with a bell: ``bell`` is a descriptor that is readable while something waits."""

    def __init__(self) -> None:
        self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._closed = False

    def post(self, errand: Callable[[], _T]) -> Future[_T]:
        """Have ``errand`` run; from any thread. The future fails when it is too late for that."""
        future: Future[_T] = Future()
        with self._lock:
            if self._closed:
                future.set_exception(_over())
            else:
                self._waiting.append((errand, future))
                os.eventfd_write(self.bell, 1)
        return future

    def run(self) -> None:
        """Do what waits. Exceptions go to the futures."""
        for errand, future in self._taken():
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = errand()
            except Exception as error:  # noqa: BLE001 - for whoever posted it
                future.set_exception(error)
            else:
                future.set_result(result)

    def _taken(self) -> list[tuple[Callable[[], Any], Future[Any]]]:
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            os.eventfd_read(self.bell)
        return taken

    def close(self) -> None:
        """Fail what waits and what is posted later. Once is enough."""
        with self._lock:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            os.close(self.bell)
        for _, future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(_over())


def _over() -> AssociationError:
    return AssociationError("the association was over before this could be done on it")
