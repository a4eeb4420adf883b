"""Telling print clients on their associations what becomes of jobs and printers: N-EVENT-REPORT.

An association follows its printer, and the jobs that it made, as long as it lives (PS3.4 H.4.5.2.1,
H.4.6.2.1). States that come and go faster than they can be told are left out, the last one never.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from pydicom import Dataset

from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import PacsError
from pacs_framework.network.scu import n_event_report
from pacs_print.queue.model import OVER, Info, Job, State
from pacs_print.services.classes import (
    COLOUR_META,
    GRAYSCALE_META,
    PRINT_JOB,
    PRINTER,
    PRINTER_INSTANCE,
)

if TYPE_CHECKING:
    from pacs_framework.network.association import Association
    from pacs_framework.network.service import AcceptedContext
    from pacs_print.printers import PrinterSettings
    from pacs_print.queue.book import Book

__all__ = ["Watch", "name_of", "printer_status"]

_JOB_EVENTS = {State.PENDING: 1, State.PRINTING: 2, State.DONE: 3, State.FAILURE: 4}
_PRINTER_EVENTS = {"NORMAL": 1, "WARNING": 2, "FAILURE": 3}
_QUIET = 0.25  # seconds
_TIMEOUT = 30.0  # seconds that a peer has to answer a report

_log = structlog.get_logger(__name__)


def printer_status(printer: PrinterSettings, book: Book) -> tuple[str, str]:
    """Printer Status (2110,0010) and Printer Status Info (2110,0020).

    FAILURE while jobs cannot be delivered, WARNING while it only keeps them.
    """
    if not printer.enabled:
        return "WARNING", Info.HELD
    trouble = book.trouble(printer.ae_title)
    return ("FAILURE", trouble) if trouble else ("NORMAL", Info.NORMAL)


@dataclass(slots=True, eq=False)
class _Follower:
    """An association, and what it knows: a printer's status, and the turns of jobs.

    ``asked`` is when its last request was answered, on the monotonic clock.
    """

    association: Association
    printer: PrinterSettings
    status: str = "NORMAL"
    turns: dict[str, int] = field(default_factory=dict)
    asked: float = field(default_factory=time.monotonic)

    def quiet_in(self) -> float:
        """Seconds until nothing has been asked for a moment; less than 0 when that is over."""
        return self.asked + _QUIET - time.monotonic()


class Watch:
    """The associations of this process that follow something; safe to use from many threads.

    ``ring`` has somebody call `tell` soon.
    """

    def __init__(self, book: Book, ring: Callable[[], object]) -> None:
        self._book = book
        self._ring = ring
        self._lock = threading.Lock()
        self._followers: dict[str, _Follower] = {}

    def follow_printer(self, association: Association, printer: PrinterSettings) -> None:
        """Tell it when the printer's status changes; called while it serves a request."""
        if not printer.event_reports:
            return
        association.take_errands()
        with self._lock:
            self._followers[association.id] = _Follower(association, printer)

    def follow_job(self, association: Association, made: Job) -> None:
        """Tell it when the state of a job of its own changes, beginning with this one."""
        with self._lock:
            follower = self._followers.get(association.id)
            if follower is not None:
                follower.turns[made.uid] = 0
        self._ring()  # it may be over by now

    def forget(self, association_id: str) -> None:
        """The association is over."""
        with self._lock:
            self._followers.pop(association_id, None)

    @property
    def follows_jobs(self) -> bool:
        """Whether somebody here waits for news of a job."""
        with self._lock:
            return any(follower.turns for follower in self._followers.values())

    def asked(self, association_id: str) -> None:
        """A request on it was carried out; the next one may be on its way."""
        with self._lock:
            follower = self._followers.get(association_id)
            if follower is not None:
                follower.asked = time.monotonic()

    def tell(self) -> float | None:
        """Send what is new; in the threads of the associations, which nobody waits for.

        Who asks just now is told when it has been quiet for a moment: many clients, those made
        with pynetdicom among them, take the next message for the answer that they wait for.
        Returns the seconds until this has to be called again, None for not before there is news.
        """
        with self._lock:
            followers = [*self._followers.values()]
            uids = {uid for follower in followers for uid in follower.turns}
        if not followers:
            return None
        jobs = {job.uid: job for job in self._book.turns(uids)} if uids else {}
        printers = {follower.printer.ae_title: follower.printer for follower in followers}
        statuses = {
            title: printer_status(printer, self._book) for title, printer in printers.items()
        }
        busy = []
        for follower in followers:
            status = statuses[follower.printer.ae_title]
            if not follower.turns and follower.status == status[0]:
                continue
            if (seconds := follower.quiet_in()) > 0:
                busy.append(seconds)
                continue
            self._tell_jobs(follower, jobs)
            self._tell_status(follower, *status)
        return min(busy, default=None)

    def _tell_jobs(self, follower: _Follower, jobs: dict[str, Job]) -> None:
        with self._lock:
            news = []
            for uid, known in [*follower.turns.items()]:
                job = jobs.get(uid)
                if job is None or job.state in OVER:
                    del follower.turns[uid]
                if job is not None and job.turn != known:
                    news.append(job)
                    if job.state not in OVER:
                        follower.turns[uid] = job.turn
        for job in news:
            self._post(
                follower,
                _context(follower.association, PRINT_JOB),
                PRINT_JOB,
                job.uid,
                _JOB_EVENTS[job.state],
                _job_information(job, follower.printer),
            )

    def _tell_status(self, follower: _Follower, status: str, info: str) -> None:
        if follower.status == status:
            return
        follower.status = status
        information = Dataset()
        information.PrinterStatusInfo = info
        information.PrinterName = name_of(follower.printer)
        self._post(
            follower,
            _context(follower.association, GRAYSCALE_META, COLOUR_META, PRINTER),
            PRINTER,
            PRINTER_INSTANCE,
            _PRINTER_EVENTS[status],
            information,
        )

    @staticmethod
    def _post(
        follower: _Follower,
        context: AcceptedContext | None,
        sop_class: str,
        uid: str,
        event: int,
        information: Dataset,
    ) -> None:
        if context is None:
            return
        encoded = encode_identifier(encode_identifier_charset(information), context.transfer_syntax)

        def send(association: Association) -> None:
            association.limit_wait(_TIMEOUT)
            try:
                n_event_report(
                    association,
                    context=context,
                    sop_instance_uid=uid,
                    event_type=event,
                    information=encoded,
                    sop_class_uid=sop_class,
                )
            except PacsError as error:
                # Most often it is being released; the client asks by N-GET if it wants to know.
                _log.info("print event not told", cause=str(error))
                raise
            association.limit_wait(0)

        follower.association.post(send)


def name_of(printer: PrinterSettings) -> str:
    """Printer Name (2110,0030)."""
    return printer.name or printer.ae_title


def _job_information(job: Job, printer: PrinterSettings) -> Dataset:
    information = Dataset()
    information.ExecutionStatusInfo = job.info
    information.PrinterName = name_of(printer)
    if job.label:
        information.FilmSessionLabel = job.label
    return information


def _context(association: Association, *abstract_syntaxes: str) -> AcceptedContext | None:
    for context in association.contexts.values():
        if context.abstract_syntax in abstract_syntaxes:
            return context
    return None
