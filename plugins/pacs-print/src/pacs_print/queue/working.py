"""The threads that print what is due, and tell what became of it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import structlog

from pacs_framework.archive.claims import Claim, abandoned
from pacs_framework.background import keep_on
from pacs_framework.errors import PacsError
from pacs_framework.network.association import outgoing_calls
from pacs_framework.network.wire import Calls
from pacs_framework.tables import Pauses, now
from pacs_framework.waking import Waker
from pacs_print.queue.bells import BELL, FOLDER
from pacs_print.queue.following import LONGEST_INFO, Following
from pacs_print.queue.model import OVER, Info, Job
from pacs_print.queue.records import film_of
from pacs_print.stored.printing import SeriesPrinter
from pacs_print.stored.waiting import Waiting
from pacs_print.tables import NAME
from pacs_print.terms import FilmError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_print.outputs import Handed
    from pacs_print.printers import PrinterSettings
    from pacs_print.queue.book import Book
    from pacs_print.queue.watching import Watch
    from pacs_print.settings import PrintSettings
    from pacs_print.sheet import Sheet

__all__ = ["Workers"]

_LEASE = 300.0  # seconds for one film, composed and delivered
_OTHER_NODES = 30.0  # seconds after which a client learns of what another node printed
_GRACE = 3.0  # seconds for a film that is under way at the end
_SHORTEST = 0.02  # seconds, while another thread is about to claim what is due

_log = structlog.get_logger(__name__)


class _NotOurs(Exception):
    """The job was canceled, or taken by somebody else, or this process ends."""


class Workers:
    """Prints the jobs of all printers until `stop`; one for each process that listens.

    What a process left that is gone is taken over at once when it died beside us, else when its
    lease is over. Delivery of a film may then happen twice, to the same place by the same name.
    """

    def __init__(self, archive: Archive, settings: PrintSettings, book: Book, watch: Watch) -> None:
        self._archive = archive
        self._settings = settings
        self._book = book
        self._watch = watch
        self._folder = archive.data / FOLDER
        self._printers = {each.ae_title: each for each in settings.printers if each.enabled}
        self._targets = self._checked_targets()
        self._pauses = Pauses(
            first=settings.retry_first,
            longest=settings.retry_longest,
            give_up_after=settings.give_up_after,
        )
        self._following = Following(book, self._targets, self._pauses)
        self._waiting = Waiting(archive.tables(NAME))
        self._series = SeriesPrinter(archive, settings, book, self._waiting, self._folder)

    def _checked_targets(self) -> dict[str, Any]:
        """Where the films of each printer go. Raises `ConfigurationError`, also in `pacs check`."""
        from pacs_print import outputs  # noqa: PLC0415 - NumPy, which only who prints needs
        from pacs_print.composing import check  # noqa: PLC0415 - see above

        if not self._settings.printers:
            return {}
        known = outputs.registered(self._archive)
        for printer in self._settings.printers:
            check(printer)
        return {each.ae_title: outputs.targets(each, known) for each in self._settings.printers}

    def start(self) -> None:
        """Begin."""
        self._stopping = threading.Event()
        self._claim = Claim(self._folder)
        self.owner = self._claim.folder.name
        self._bell = Waker(self._claim.folder / BELL)
        self._alarms = [Waker() for _ in range(self._settings.composers + 1)]
        self._calls = [Calls() for _ in range(self._settings.composers)]
        self._threads = [
            threading.Thread(target=self._attend, name="print-attendant", daemon=True),
            *(
                threading.Thread(target=self._compose, args=(n,), name=f"print-{n}", daemon=True)
                for n in range(self._settings.composers)
            ),
            threading.Thread(
                target=self._series.run,
                args=(self.owner, self._stopping, self._alarms[-1]),
                name="print-series",
                daemon=True,
            ),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End soon; what is not delivered is due for whoever comes next."""
        self._stopping.set()
        self._bell.ring()
        self._ring_alarms()
        self._series.break_off()
        deadline = time.monotonic() + _GRACE
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        for calls in self._calls:
            calls.break_off()
        late = [thread.name for thread in self._threads if thread.is_alive()]
        if late:
            _log.warning("a film is still being delivered; it may be printed again", threads=late)
            return  # what they wait with stays theirs until the process is gone
        with ExitStack() as closing:
            closing.callback(self._claim.close)
            closing.callback(self._bell.close)
            for alarm in self._alarms:
                closing.callback(alarm.close)
            self._let_go()

    def _let_go(self) -> None:
        try:
            self._book.release(self.owner)
            self._waiting.release(self.owner)
        except PacsError as error:
            _log.warning("print jobs that are not done wait for their lease", cause=str(error))

    # --- the attendant ------------------------------------------------------------------------

    def _attend(self) -> None:
        keep_on(self._stopping, "print", self._look)

    def _look(self) -> None:
        for folder in abandoned(self._folder):
            self._book.release(folder.name)
            self._waiting.release(folder.name)
        if self._settings.keep:
            gone = self._book.delete_ended(now() - self._kept)
            if gone:
                _log.info("print jobs deleted that were over", jobs=gone)
            self._waiting.forget(now() - self._kept)
        again = self._watch.tell()
        self._ring_alarms()
        known = [each for each in (again, self._until_look()) if each is not None]
        self._bell.wait(min(known, default=None))

    def _ring_alarms(self) -> None:
        for alarm in self._alarms:
            alarm.ring()

    @property
    def _kept(self) -> dt.timedelta:
        return dt.timedelta(seconds=self._settings.keep)

    def _until_look(self) -> float | None:
        """Seconds until there is something to do without a ring; None for never."""
        until = self._until_deletion()
        if self._book.is_shared and self._watch.follows_jobs:
            return _OTHER_NODES if until is None else min(until, _OTHER_NODES)
        return until

    def _until_deletion(self) -> float | None:
        ended = self._book.first_end() if self._settings.keep else None
        if ended is None:
            return None
        return max((ended + self._kept - now()).total_seconds(), _SHORTEST)

    # --- composers ------------------------------------------------------------------------------

    def _compose(self, number: int) -> None:
        outgoing_calls.set(self._calls[number])
        keep_on(self._stopping, "print", lambda: self._work(self._alarms[number]))

    def _work(self, alarm: Waker) -> None:
        while not self._stopping.is_set():
            found = self._book.claim(self.owner, self._until(), self._printers)
            if found is not None:
                self._print(found)
                continue
            pause = self._book.pause(_LEASE, self._printers)
            alarm.wait(None if pause is None else max(pause, _SHORTEST))

    def _until(self) -> dt.datetime:
        return now() + dt.timedelta(seconds=_LEASE)

    def _print(self, found: Job) -> None:
        log = _log.bind(print_job=found.uid, printer=found.printer, originator=found.originator)
        if found.state in OVER:
            self._following.take_back(found, self.owner)
            return
        try:
            done = self._is_printed(found)
        except _NotOurs:
            log.info("print job left as it is")
        except FilmError as error:
            self._failed(found, Info.INVALID_PAGE, str(error))
        except MemoryError:
            self._failed(found, Info.NO_MEMORY, "there is not enough memory to compose a film")
        except Exception as error:  # noqa: BLE001 - of any output; the job waits, and is not lost
            self._not_delivered(found, error)
        else:
            if done and self._book.done(found, self.owner):
                log.info("print job done", films=found.films, copies=found.copies)

    def _is_printed(self, found: Job) -> bool:
        """Whether all outputs are done with it; those that are not are asked later."""
        if found.handed:
            return self._following.look(found, self.owner)
        handed = self._deliver(found)
        if handed:
            self._following.wait(found, self.owner, handed)
        return not handed

    def _deliver(self, found: Job) -> Handed:
        from pacs_print import outputs  # noqa: PLC0415 - see `start`

        printer = self._printers[found.printer]
        job = outputs.PrintJob(
            uid=found.uid,
            printer=printer,
            copies=found.copies,
            priority=found.priority.name,
            label=found.label,
            originator=found.originator,
            created=found.made,
            attributes=self._book.attributes(found),
        )
        return outputs.deliver(job, self._sheets(found, printer), self._targets[found.printer])

    def _sheets(self, found: Job, printer: PrinterSettings) -> Iterator[Sheet]:
        """One after the other, each composed when it is asked for."""
        from pacs_print.composing import compose  # noqa: PLC0415 - see `start`

        for number, record in enumerate(self._book.films(found), 1):
            self._check_ours(found)

            def pixels(position: int, number: int = number) -> bytes:
                return self._book.pixels(found, number, position)

            yield compose(film_of(record, pixels), printer)
        self._check_ours(found)  # or outputs would print what was canceled at the last film

    def _check_ours(self, found: Job) -> None:
        if self._stopping.is_set() or not self._book.renew(found, self.owner, self._until()):
            raise _NotOurs

    def _not_delivered(self, found: Job, error: Exception) -> None:
        from pacs_print.outputs import OutputError  # noqa: PLC0415 - see `start`

        info, permanent = str(Info.UNKNOWN), False
        if isinstance(error, OutputError):
            info, permanent = error.info[:LONGEST_INFO], error.permanent
        elif not isinstance(error, OSError | PacsError):
            _log.exception("an output failed", print_job=found.uid)
        reason = str(error) or type(error).__name__
        if permanent or self._pauses.gives_up(found.made):
            self._failed(found, info, reason)
            return
        _log.warning("print job not delivered", print_job=found.uid, cause=reason)
        until = self._pauses.until(found.attempts)
        self._book.put_off(found, self.owner, info, reason, until)

    def _failed(self, found: Job, info: str, reason: str) -> None:
        _log.error("print job failed", print_job=found.uid, info=str(info), cause=reason)
        self._book.fail(found, self.owner, info, reason)
