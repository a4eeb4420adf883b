"""Print clients at once: film sessions from association to release, each film durable by then."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import structlog

from bench.client.process import ClientProcess
from bench.results import OURS, Column, Result
from pacs_framework.network.requestor import connect
from pacs_framework.testing.running import RunningArchive, running_archive
from pacs_print import plugin
from pacs_print.film import FilmImage
from pacs_print.queue.book import Book
from pacs_print.queue.model import State
from pacs_print.scu.client import Printer, proposal
from pacs_print.scu.events import Events
from pacs_print.scu.order import Order
from pacs_print.tables import NAME

__all__ = ["SESSION_ROW", "measure_sessions"]

SESSION_ROW = "print-sessions"
"""The name of the row."""

_SESSIONS = 50
_IMAGES = 2  # of each film, 512 × 512 of 8 bits
_REPEATS = 5
_PATIENCE = 120.0  # seconds
_AE_TITLE = "BENCH"


def measure_sessions(sessions: int = _SESSIONS, repeats: int = _REPEATS) -> list[Result]:
    """The row: seconds until all of them are acknowledged. Raises ValueError where one is lost.

    Films are composed and written meanwhile, small ones: composing has its own rows.
    """
    with (
        TemporaryDirectory(prefix="pacs-bench-") as folder,
        running_archive(
            Path(folder, "archive"), {NAME: plugin}, settings=_settings(Path(folder, "films"))
        ) as running,
        ClientProcess() as client,
    ):
        place = running.host, running.port
        turns = []
        for turn in range(repeats + 1):
            turns.append(client.run(print_clients, place, sessions))
            _await_films(running, sessions * (turn + 1))
    kept = turns[1:]  # the first one warms up
    column = Column(
        samples=[taken for taken, _ in kept],
        client_share=statistics.median(busy / taken for taken, busy in kept),
    )
    return [
        Result(
            name=SESSION_ROW,
            title=f"{sessions} film sessions at once, a film of {_IMAGES} images each",
            unit="s",
            higher_is_better=False,
            table="print",
            columns={OURS: column},
        )
    ]


def _settings(films: Path) -> dict[str, Any]:
    output = {"to": "tiff", "folder": str(films)}
    printer = {"ae_title": _AE_TITLE, "dpi": 72, "outputs": [output]}
    return {"plugin": {NAME: {"printers": [printer]}}}


def _await_films(running: RunningArchive, wanted: int) -> None:
    """All jobs are there, and done."""
    book = Book(running.archive.tables(NAME))
    begun = time.perf_counter()
    while len(book.listed(states=[State.DONE])) < wanted:
        if time.perf_counter() - begun > _PATIENCE:
            states = [job.state for job in book.listed()]
            raise ValueError(f"of {wanted} films that were acknowledged: {states}")
        time.sleep(0.02)


def print_clients(place: tuple[str, int], sessions: int) -> tuple[float, float]:
    """Seconds that all sessions took, and CPU seconds of the client's process.

    ``place`` is host and port of the archive. Raises what one of them raised.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    barrier = threading.Barrier(sessions + 1)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        images = [FilmImage(pixels=np.full((512, 512), number % 256, np.uint8))] * _IMAGES
        barrier.wait()
        try:
            _print(place, number, images)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(each,)) for each in range(sessions)]
    for thread in threads:
        thread.start()
    barrier.wait()
    start, busy = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    if failures:
        raise failures[0]
    return taken, busy


def _print(place: tuple[str, int], number: int, images: list[FilmImage]) -> None:
    events = Events()
    with connect(
        *place,
        calling_aet=f"CT{number}",
        called_aet=_AE_TITLE,
        contexts=proposal(),
        services=Printer.services(events),
    ) as association:
        printed = Printer(association, events=events).print(
            Order(display_format="STANDARD\\2,1"), images
        )
    if len(printed.jobs) != 1:
        raise ValueError(f"session {number} got jobs {printed.jobs}")
