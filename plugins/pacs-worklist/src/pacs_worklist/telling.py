"""Telling plugins of steps: the work beside the archive that empties `pacs_worklist.news`."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any

import structlog

from pacs_framework.archive.claims import Claim, abandoned
from pacs_framework.background import Background, keep_on
from pacs_framework.errors import IndexUnavailable, PacsError
from pacs_framework.tables import Pauses, now
from pacs_framework.waking import Waker
from pacs_worklist.api import Worklist
from pacs_worklist.news import News, hearing
from pacs_worklist.tables import NAME

if TYPE_CHECKING:
    from sqlalchemy.engine import Row

    from pacs_framework.archive.archive import Archive

__all__ = ["Teller"]

_FOLDER = "worklist"  # in the folder of the archive's data: who tells here
_HOOK = "on_scheduled_step"
_LEASE = 120.0  # seconds that a row stays ours; renewed before each is told
_BATCH = 64
_PAUSES = Pauses(first=1.0, longest=600.0)

_log = structlog.get_logger(__name__)


class Teller(Background):
    """Tells each plugin of each step, from a thread that sleeps until there are news."""

    name = "worklist news"

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._store = archive.tables(NAME)
        self._news = News(self._store)
        self._stopping = threading.Event()
        self._bell: Waker | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin where a plugin listens, with what a process that died here had not told."""
        plugins = self._archive.hooks.implementers(_HOOK)
        self._news.listen(plugins)
        if not plugins:
            return
        parent = self._archive.data / _FOLDER
        for folder in abandoned(parent):
            self._news.release(folder.name)
        self._claim = Claim(parent)
        self._alarm = Waker()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End behind the step that is being told; the others are due at the next start."""
        if self._thread is None:
            return
        self._stopping.set()
        self._alarm.ring()
        self._thread.join()
        self._thread = None
        try:
            self._news.release(self._claim.folder.name)
        except PacsError as error:
            _log.warning("untold steps wait for their lease", cause=str(error))
        self._drop_bell()
        self._alarm.close()
        self._claim.close()

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        keep_on(self._stopping, "worklist news", self._turn)

    def _turn(self) -> None:
        if self._bell is None:
            self._bell = hearing(self._store)  # before looking: what comes from now on rings
        rows = self._news.claim(self._claim.folder.name, _until(), _BATCH)
        for row in rows:
            if self._stopping.is_set():
                return
            self._tell(row)
        if rows:
            return
        try:
            self._alarm.wait(self._news.pause(_LEASE), self._bell)
        except IndexUnavailable:
            self._drop_bell()
            raise

    def _tell(self, row: Row[Any]) -> None:
        owner = self._claim.folder.name
        if not self._news.still_owned(row.id, owner, _until()):
            return
        step = Worklist(self._store).get(row.item_fk)
        left = self._archive.hooks.notify(
            _HOOK, only={row.receiver}, step=step, archive=self._archive
        )
        if not left:
            self._news.done(row.id, owner)
            return
        again = _PAUSES.until(row.attempts)
        self._news.put_off(row.id, owner, "the plugin did not take it; the log says why", again)
        _log.warning(
            "a plugin did not take a step", receiver=row.receiver, step=row.item_fk, next=str(again)
        )

    def _drop_bell(self) -> None:
        bell, self._bell = self._bell, None
        if bell is not None:
            bell.close()


def _until() -> dt.datetime:
    return now() + dt.timedelta(seconds=_LEASE)
