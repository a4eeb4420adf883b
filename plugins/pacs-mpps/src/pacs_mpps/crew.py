"""Everything that runs beside requests, in each process that listens."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.bell import Bell, BellListener
from pacs_framework.archive.claims import Claim, abandoned, living
from pacs_framework.errors import PacsError
from pacs_mpps.courier import Courier
from pacs_mpps.forwarding import peer_routes
from pacs_mpps.telling import hook_routes

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_mpps.book import Book
    from pacs_mpps.outbox import Outbox
    from pacs_mpps.settings import MppsSettings

__all__ = ["Crew", "look_again_later", "ring"]

_FOLDER = "mpps"  # in the folder of the archive's data: who works here, each with a bell
_BELL = "bell"
_LOOK = "look-again"
_PAUSE = 5.0  # seconds after the tables or the index could not be used

_log = structlog.get_logger(__name__)


def ring(data: Path) -> None:
    """Wake every process of the archive on this machine: something is due."""
    for folder in living(data / _FOLDER):
        if (folder / _BELL).exists():
            with closing(Bell(folder / _BELL)) as bell:
                bell.ring()


def look_again_later(data: Path) -> None:
    """Have a crew look what has come in of all that is awaited, as soon as it can."""
    (data / _FOLDER).mkdir(exist_ok=True)
    (data / _FOLDER / _LOOK).touch()
    ring(data)


class Crew:
    """The couriers of one process, and a thread that listens for others who wake them."""

    def __init__(
        self, archive: Archive, book: Book, outbox: Outbox, settings: MppsSettings
    ) -> None:
        self._archive = archive
        self._book = book
        self._outbox = outbox
        self._settings = settings
        self._couriers: list[Courier] = []
        self._stopping = threading.Event()
        self._looking_due = True  # what is awaited may have come in while nobody looked

    def start(self) -> None:
        """Begin, with what a process that died here had not finished."""
        self._claim = Claim(self._archive.data / _FOLDER)
        self._bell = BellListener(self._claim.folder / _BELL)
        routes = hook_routes(self._archive, self._book) + peer_routes(self._archive, self._settings)
        owner = self._claim.folder.name
        self._couriers = [Courier(self._outbox, route, owner) for route in routes]
        self._thread = threading.Thread(target=self._run, name="mpps", daemon=True)
        self._thread.start()
        for courier in self._couriers:
            courier.start()

    def stop(self) -> None:
        """End at once; what is not delivered is due for whoever comes next."""
        self._stopping.set()
        self._bell.ring()
        for courier in self._couriers:
            courier.stop()
        for courier in self._couriers:
            courier.join()
        self._thread.join()
        try:
            self._outbox.release(self._claim.folder.name)
        except PacsError as error:
            _log.warning("unfinished deliveries wait for their lease", cause=str(error))
        self._bell.close()
        self._claim.close()

    def wake(self) -> None:
        """There may be something due."""
        for courier in self._couriers:
            courier.wake()

    def look_again(self, uids: list[str]) -> None:
        """Which of the instances that are awaited have come in meanwhile.

        A failure is logged, not raised: what called for this is committed. The thread of the crew
        tries again.
        """
        try:
            self._look(uids)
        except PacsError as error:
            _log.warning("awaited instances cannot be looked up", cause=str(error))
            self._looking_due = True
            self._bell.ring()

    def _look(self, uids: list[str]) -> None:
        present = self._archive.lookup.present(uids)
        if present and self._book.arrived(present):
            self.wake()

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._take_over()
                self._look_at_all()
            except PacsError as error:
                _log.warning("performed procedure steps have to wait", cause=str(error))
                if not self._stopping.wait(_PAUSE):
                    continue
            self.wake()
            self._bell.wait()

    def _look_at_all(self) -> None:
        asked = self._archive.data / _FOLDER / _LOOK
        if asked.exists():  # taken away before looking: who asks from now on means what is later
            self._looking_due = True
            asked.unlink(missing_ok=True)
        if not self._looking_due:
            return
        self._looking_due = False
        try:
            for uids in self._book.all_awaited():
                self._look(uids)
        except PacsError:
            self._looking_due = True
            raise

    def _take_over(self) -> None:
        """From processes of this machine that are gone."""
        for folder in abandoned(self._archive.data / _FOLDER):
            self._outbox.release(folder.name)
