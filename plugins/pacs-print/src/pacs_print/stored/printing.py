"""The thread that prints stored series: into the queue of this archive, or on a peer's printer."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

import structlog

from pacs_framework.background import keep_on
from pacs_framework.errors import PacsError
from pacs_framework.network.association import outgoing_calls
from pacs_framework.network.wire import Calls
from pacs_framework.tables import Pauses, now
from pacs_framework.waking import Waker
from pacs_print.layout import count_boxes
from pacs_print.queue.book import Book, NewFilm, NewJob, PixelReader
from pacs_print.queue.records import FilmRecord, ImageRecord, image_record
from pacs_print.scu.client import Printer, proposal
from pacs_print.scu.events import Events
from pacs_print.scu.order import Order
from pacs_print.scu.preparing import Look
from pacs_print.services.pixelfile import PixelFile, Stretch
from pacs_print.stored.gathering import gathered, in_order, study_of
from pacs_print.terms import FilmError

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_framework.archive.archive import Archive
    from pacs_print.film import FilmImage
    from pacs_print.printers import PrinterSettings
    from pacs_print.settings import PrintSettings
    from pacs_print.stored.errand import PrintRule
    from pacs_print.stored.waiting import Waiting, WaitingSeries

__all__ = ["SeriesPrinter"]

_LEASE = 300.0  # seconds for one image, drawn and sent
_SHORTEST = 0.02  # seconds

_log = structlog.get_logger(__name__)


class SeriesPrinter:
    """Prints what waits; its thread belongs to `pacs_print.queue.working.Workers`."""

    def __init__(
        self, archive: Archive, settings: PrintSettings, book: Book, waiting: Waiting, folder: Path
    ) -> None:
        self._archive = archive
        self._settings = settings
        self._book = book
        self._waiting = waiting
        self._folder = folder
        self._calls = Calls()

    def run(self, owner: str, stopping: threading.Event, alarm: Waker) -> None:
        """The body of the thread, until ``stopping``; ``alarm`` rings for news."""
        outgoing_calls.set(self._calls)
        self._owner, self._stopping = owner, stopping
        keep_on(stopping, "print-series", lambda: self._turn(alarm))

    def break_off(self) -> None:
        """End what is being sent."""
        self._calls.break_off()

    def _turn(self, alarm: Waker) -> None:
        found = self._waiting.claim(self._owner, self._until())
        if found is not None:
            self._print(found)
            return
        pause = self._waiting.pause(_LEASE)
        alarm.wait(None if pause is None else max(pause, _SHORTEST))

    @staticmethod
    def _until() -> dt.datetime:
        return now() + dt.timedelta(seconds=_LEASE)

    def _print(self, found: WaitingSeries) -> None:
        log = _log.bind(
            study_instance_uid=found.study_instance_uid,
            series_instance_uid=found.series_instance_uid,
        )
        errand = found.errand
        try:
            known = self._waiting.shown(found)
            uids = [uid for uid in in_order(self._archive, found) if uid not in known]
            images = self._images(found, uids, errand.printer or errand.peer)
            first = next(images, None)
            if first is None:
                log.info("stored series has nothing that its rule prints, or nothing new")
            elif errand.printer:
                self._print_here(found, chain([first], images))
                log.info("stored series queued", printer=errand.printer, instances=len(uids))
            else:
                self._print_there(found, chain([first], images))
                log.info("stored series printed", peer=errand.peer, instances=len(uids))
        except (OSError, PacsError, FilmError) as error:
            if not self._stopping.is_set():
                log.warning("stored series not printed", cause=str(error))
                self._put_off(found, error)
            return
        self._waiting.done(found, self._owner, uids)

    def _put_off(self, found: WaitingSeries, error: Exception) -> None:
        settings = self._settings
        pauses = Pauses(
            first=settings.retry_first,
            longest=settings.retry_longest,
            give_up_after=settings.give_up_after,
        )
        given_up = pauses.gives_up(found.made)
        until = None if given_up else pauses.until(found.attempts)
        self._waiting.put_off(found, self._owner, str(error), until)

    def _images(self, found: WaitingSeries, uids: Iterable[str], aet: str) -> Iterator[FilmImage]:
        look = Look(
            bits=8 if found.errand.colour else found.errand.bits,
            colour=found.errand.colour,
        )
        for image in gathered(self._archive, uids, look, aet):
            if self._stopping.is_set() or not self._waiting.renew(
                found, self._owner, self._until()
            ):
                raise PacsError("there is more of the series by now, or this archive stops")
            yield image

    # --- on a printer of this archive -------------------------------------------------------------

    def _print_here(self, found: WaitingSeries, images: Iterable[FilmImage]) -> None:
        errand = found.errand
        printer = self._settings.printer(errand.printer)
        if printer is None:
            raise PacsError(f"there is no printer {errand.printer!r} in the configuration")
        pixels = PixelFile(self._folder)
        try:
            films = [*_films(errand, printer, images, pixels)]
            self._book.take_in(
                NewJob(
                    printer=errand.printer,
                    originator="",
                    films=films,
                    label=errand.label,
                    copies=errand.copies,
                    attributes=study_of(self._archive, found),
                ),
                printer.limits.queue,
            )
        finally:
            pixels.close()

    # --- on a peer's ------------------------------------------------------------------------------

    def _print_there(self, found: WaitingSeries, images: Iterable[FilmImage]) -> None:
        errand = found.errand
        peer = self._archive.peers.by_aet(errand.peer)
        if peer is None:
            raise PacsError(f"no peer has the AE title {errand.peer!r}; add it to [peers]")
        order = Order(
            display_format=errand.layout,
            size_id=errand.film,
            orientation=errand.orientation,
            copies=errand.copies,
            label=errand.label,
            colour=errand.colour,
            as_session=True,
        )
        contexts = proposal(colour=errand.colour, extras=False)
        with self._archive.connect(peer, contexts) as association:
            printer = Printer(association, colour=errand.colour, events=Events())
            printer.print(order, images)


def _films(
    errand: PrintRule, printer: PrinterSettings, images: Iterable[FilmImage], pixels: PixelFile
) -> Iterator[NewFilm]:
    """As many as are needed; the pixels of all of them are in ``pixels``."""
    size_id = errand.film or printer.sizes[0]
    boxes = count_boxes(printer, errand.layout, size_id=size_id, orientation=errand.orientation)
    remaining = iter(images)
    while True:
        records: list[ImageRecord] = []
        stretches: dict[int, Stretch] = {}
        for position, image in enumerate(islice(remaining, boxes), 1):
            record, data = image_record(position, image)
            records.append(record)
            stretches[position] = pixels.append(data)
        if not records:
            return
        film = FilmRecord(
            display_format=errand.layout,
            orientation=errand.orientation,
            size_id=size_id,
            colour=errand.colour,
            images=tuple(records),
        )
        yield NewFilm(record=film, pixels=_reader(pixels, stretches))


def _reader(pixels: PixelFile, stretches: dict[int, Stretch]) -> PixelReader:
    return lambda position: pixels.pieces(stretches[position])
