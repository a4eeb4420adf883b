"""Objects that could not be removed when it was their turn are tried again while they are left.

The index keeps a note of each, so the next start would remove them as well. A store that was away
for an hour should not keep them until then. Nothing runs while nothing is left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from pacs_framework.errors import PacsError

__all__ = ["Leftovers"]

_FIRST_PAUSE = 10.0  # seconds; doubled after each try in vain
_LONGEST_PAUSE = 300.0

_log = structlog.get_logger(__name__)


class Leftovers:
    """Calls ``remove`` until nothing waits, and owns a thread for as long as that.

    ``remove`` is given what tells it to stop, and answers how many objects still wait.
    """

    def __init__(self, remove: Callable[[threading.Event], int]) -> None:
        self._remove = remove
        self._stopping = threading.Event()
        self._mutex = threading.Lock()
        self._more = False
        self._thread: threading.Thread | None = None

    def found(self) -> None:
        """Something was left just now."""
        with self._mutex:
            self._more = True
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="leftovers", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Leave the rest to the next start; waits for requests that are under way."""
        with self._mutex:
            self._stopping.set()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.wait(pause):
            if self._try_again():
                return
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try_again(self) -> bool:
        """Whether nothing is left: then the thread is forgotten, and the next find makes one."""
        with self._mutex:
            self._more = False
        try:
            waiting = self._remove(self._stopping)
        except PacsError as error:
            _log.warning("objects that are left have to wait", error=str(error))
            return False
        with self._mutex:
            if waiting or self._more:
                return False
            self._thread = None
            return True
