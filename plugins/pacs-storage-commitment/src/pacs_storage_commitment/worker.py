"""The thread that checks what peers ask about and sees to it that they get their reports."""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.claims import Claim, abandoned
from pacs_framework.background import keep_on
from pacs_framework.errors import PacsError
from pacs_framework.network.association import outgoing_calls
from pacs_framework.network.wire import Calls
from pacs_framework.tables import Pauses, now
from pacs_framework.waking import Waker
from pacs_storage_commitment.book import Book, Transaction
from pacs_storage_commitment.checking import Interrupted, check
from pacs_storage_commitment.model import BY_HTTP, FailureReason, Reference, State
from pacs_storage_commitment.reporting import NotDelivered, report_anew, report_on

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.network.association import Association
    from pacs_storage_commitment.settings import CommitmentSettings

__all__ = ["FOLDER", "RETRY_BELL", "Worker"]

FOLDER = "storage-commitment"
"""In the folder of the archive's data: who works here, and bells."""

RETRY_BELL = "retry.bell"
"""Rung by ``pacs commitment retry``."""

_LEASE = 60.0  # seconds to connect, before those that an answer may take
_CHECKS = 3  # attempts to read bytes that the storage does not give

_log = structlog.get_logger(__name__)


class Worker:
    """Works on what is due until `stop`; one for each process that listens.

    What this process was asked is worked on here, because the peer may wait on its association.
    What another one left is taken over when its lease is over, or at once when it died beside us.
    """

    def __init__(self, archive: Archive, book: Book, settings: CommitmentSettings) -> None:
        self._archive = archive
        self._book = book
        self._settings = settings
        self._folder = archive.data / FOLDER
        self._stopping = threading.Event()
        self._calls = Calls()
        self._asked: deque[int] = deque()
        self._associations: dict[int, Association] = {}
        self._lease = _LEASE + 2 * settings.report_timeout
        self._pauses = Pauses(
            first=settings.retry_first,
            longest=settings.retry_longest,
            give_up_after=settings.give_up_after,
        )
        self._renewed = now()

    def start(self) -> None:
        """Begin, with what a process that died here had not finished."""
        self._claim = Claim(self._folder)
        self.owner = self._claim.folder.name
        self._bell = Waker(self._claim.folder / "bell")
        self._retry_bell = Waker(self._folder / RETRY_BELL)
        self._thread = threading.Thread(target=self._run, name="storage-commitment", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End at once; what is not finished is due for whoever comes next."""
        self._stopping.set()
        self._calls.break_off()
        self._bell.ring()
        self._thread.join()
        self._retry_bell.close()
        self._bell.close()
        self._claim.close()

    def until(self) -> dt.datetime:
        """How long somebody who begins now stays the owner."""
        return now() + dt.timedelta(seconds=self._lease)

    def take(self, number: int, association: Association) -> None:
        """Work on a transaction that `Book.take_in` gave to us, asked on ``association``."""
        if self._settings.same_association:
            association.take_errands()
            self._associations[number] = association
        self._asked.append(number)
        self._bell.ring()

    # --- the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        outgoing_calls.set(self._calls)
        keep_on(self._stopping, "storage-commitment", self._turn)
        self._let_go()

    def _turn(self) -> None:
        self._take_over()
        self._work()

    def _let_go(self) -> None:
        try:
            self._book.release(self.owner)
        except PacsError as error:
            _log.warning("unfinished storage commitment waits for its lease", cause=str(error))

    def _take_over(self) -> None:
        """From processes of this machine that are gone."""
        for folder in abandoned(self._folder):
            self._book.release(folder.name)

    def _work(self) -> None:
        """What is due, then the wait for more."""
        while not self._stopping.is_set():
            found = self._next()
            if found is None:
                self._wait()
            else:
                self._step(found)

    def _next(self) -> Transaction | None:
        while self._asked:
            found = self._book.owned(self._asked.popleft(), self.owner)
            if found is not None:
                return found
        return self._book.claim(self.owner, self.until())

    def _wait(self) -> None:
        self._bell.wait(self._book.pause(self._lease), self._retry_bell)

    def _step(self, found: Transaction) -> None:
        """Check, report; a failure puts it off. Nothing is raised but failures of the tables."""
        self._renewed = now()
        log = _log.bind(transaction_uid=found.transaction_uid, peer_aet=found.peer_aet)
        try:
            if found.state is State.CHECKING and not self._check(found):
                return
            self._report(found)
        except Interrupted:
            return
        except NotDelivered as error:
            if not self._stopping.is_set():
                log.warning("storage commitment report not delivered", cause=str(error))
                self._put_off(found, str(error))
            return
        log.info("storage commitment reported")

    def _put_off(self, found: Transaction, error: str) -> None:
        if self._pauses.gives_up(found.begun):
            self._book.give_up(found.id, self.owner, error)
        else:
            self._book.put_off(found.id, self.owner, error, self._pauses.until(found.attempts))

    # --- checking ---------------------------------------------------------------------------

    def _check(self, found: Transaction) -> bool:
        """Look at every instance and note the result; False when that is put off."""
        references = self._book.references(found.id)
        try:
            reasons = self._reasons(found, references)
        except PacsError as error:
            self._put_off(found, str(error))
            return False
        if FailureReason.RESOURCE_LIMITATION in reasons and found.attempts + 1 < _CHECKS:
            self._put_off(found, "the storage does not give what it holds")
            return False
        return self._book.settle(found.id, self.owner, reasons, self.until())

    def _reasons(
        self, found: Transaction, references: list[Reference]
    ) -> list[FailureReason | None]:
        if found.clash:
            return [FailureReason.DUPLICATE_TRANSACTION_UID] * len(references)

        def go_on() -> bool:
            return self._keep(found)

        reasons = []
        for reference in references:
            if not go_on():
                raise Interrupted
            reasons.append(check(self._archive, reference, go_on))
        return reasons

    def _keep(self, found: Transaction) -> bool:
        """Whether it is still ours to do; the lease is renewed from time to time."""
        if self._stopping.is_set():
            return False
        if (now() - self._renewed).total_seconds() < self._lease / 4:
            return True
        self._renewed = now()
        return self._book.renew(found.id, self.owner, self.until())

    # --- reporting --------------------------------------------------------------------------

    def _report(self, found: Transaction) -> None:
        """On the association that asked while it lives, else on one of its own. Who asked by HTTP
        comes for the report himself.
        """
        if found.peer_aet.startswith(BY_HTTP):
            self._book.reported(found.id, self.owner)
            return
        timeout = self._settings.report_timeout
        report = self._book.report(found)
        association = self._associations.pop(found.id, None)
        self._stay_owner(found)
        if association is None or not report_on(association, report, timeout):
            self._stay_owner(found)
            report_anew(self._archive, found.peer_aet, report, timeout)
        self._book.reported(found.id, self.owner)

    def _stay_owner(self, found: Transaction) -> None:
        """Before a report is sent, so that nobody else sends it too. Raises `Interrupted`."""
        if not self._book.renew(found.id, self.owner, self.until()):
            raise Interrupted
