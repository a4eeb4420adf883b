"""What a plugin runs beside the archive: a listener of another protocol, a queue to be sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import Event

import structlog

from pacs_framework.errors import PacsError

__all__ = ["Background", "keep_on"]

_PAUSE = 5.0  # seconds after a failure, so that one that stays does not use up a processor

_log = structlog.get_logger(__name__)


class Background(ABC):
    """Work of a plugin from the start of an archive to its end, in threads of the plugin's own.

    One process of an archive runs it: the one that runs the change feed, which with several workers
    is their supervisor. Each node of a database has one.
    """

    name: str
    """For the log, and to tell it from others."""

    @abstractmethod
    def start(self) -> None:
        """Begin, and return. What is raised stops the start of the archive."""

    @abstractmethod
    def stop(self) -> None:
        """End all that `start` began; archive and tables are closed afterwards."""


def keep_on(stopping: Event, what: str, turn: Callable[[], object], **known: object) -> None:
    """Take one ``turn`` after the other until ``stopping`` is set; the body of a thread.

    A turn waits by itself for what is next, with a `pacs_framework.waking.Waker`. None may end the
    thread: what one raises is logged as ``what``, with what is ``known`` of it, and the next comes
    5 s later. A PacsError is a line, since its message tells the cause; all else has a traceback.
    """
    log = _log.bind(work=what, **known)
    while not stopping.is_set():
        try:
            turn()
        except PacsError as error:
            log.warning("work in the background has to wait", cause=str(error))
            stopping.wait(_PAUSE)
        except Exception:
            log.exception("work in the background failed")
            stopping.wait(_PAUSE)
