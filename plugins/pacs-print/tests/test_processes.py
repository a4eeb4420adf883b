"""Archives that are killed, that have several processes or nodes, and fifty clients at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import Start
from print_peers import FILM, JOB, META, NET, SESSION, Client, until

from pacs_framework.network.requestor import connect
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import served
from pacs_framework.testing.running import RunningArchive
from pacs_print import plugin
from pacs_print.film import FilmImage
from pacs_print.queue import working
from pacs_print.queue.book import Book
from pacs_print.queue.model import State
from pacs_print.scu.client import Printer, proposal
from pacs_print.scu.events import Events
from pacs_print.scu.order import Order
from pacs_print.tables import NAME

Jobs = Callable[[RunningArchive], Book]
_SESSIONS = 50


def _config(films: Path, workers: int) -> str:
    return (
        f"[network]\nworkers = {workers}\n"
        f"[plugin.{NAME}]\nretry_first = 0.2\nretry_longest = 0.4\n"
        f'[[plugin.{NAME}.printers]]\nae_title = "FILM"\ndpi = 72\nsizes = ["8INX10IN"]\n'
        f'outputs = [{{to = "png", folder = "{films}"}}]\n'
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_acknowledged_is_printed_though_the_archive_was_killed(
    tmp_path: Path, workers: int
) -> None:
    """kill -9 between the SUCCESS of N-ACTION and the film."""
    films = tmp_path / "films"
    films.write_text("in the way of the folder, so that nothing is delivered yet")
    config = _config(films, workers)
    with served(tmp_path / "archive", config=config) as archive:
        with Client(archive, contexts=(META,)) as client:
            client.open_session()
            _, film = client.open_film()
            client.fill(film, 1)
            client.fill(film, 2)
            assert client.act(SESSION, client.session)[0] == 0
        archive.kill()
    films.unlink()
    with served(tmp_path / "archive", config=config) as archive:
        until(lambda: len([*films.glob("*.png")]) == 1)
        with Client(archive, contexts=(META, JOB)) as client:  # by whichever process takes it
            client.open_session()
            _, film = client.open_film()
            client.fill(film)
            client.act(FILM, film.SOPInstanceUID)
            while client.events.get(timeout=15).type != 3:
                pass
        assert len([*films.glob("*.png")]) == 2


@pytest.mark.postgresql
def test_a_node_prints_what_another_one_took(
    pacs_archive: Archives,
    pacs_postgres: PrivatePostgres,
    tmp_path: Path,
    book_of: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The films are in the database of both; each job is printed once, and its client is told."""
    monkeypatch.setattr(working, "_OTHER_NODES", 0.1)
    url = pacs_postgres.new_database()

    def node(*, enabled: bool) -> RunningArchive:
        printer = {
            "ae_title": "FILM",
            "dpi": 72,
            "enabled": enabled,
            "outputs": [{"to": "png", "folder": str(tmp_path / "films")}],
        }
        settings = {"index": {"url": url}, "plugin": {NAME: {"printers": [printer]}}}
        return pacs_archive({NAME: plugin}, settings=settings)

    taking = node(enabled=False)
    with connect(
        taking.host,
        taking.port,
        calling_aet="CT1",
        called_aet="FILM",
        contexts=proposal(),
        services=Printer.services(events := Events()),
    ) as association:
        printer = Printer(association, events=events)
        images = [FilmImage(pixels=np.zeros((8, 8), np.uint8))] * 3
        printed = printer.print(Order(), images)
        book = book_of(node(enabled=True))
        told = {uid: str(State.DONE) for uid in printed.jobs}
        association.await_requests(NET, lambda: told.items() <= events.states.items())
    assert told.items() <= events.states.items()
    assert {job.uid for job in book.listed(states=[State.DONE])} == told.keys()
    assert len(told) == len([*(tmp_path / "films").iterdir()]) == 3


def test_fifty_sessions_at_once_lose_nothing(start: Start, films: Path, book_of: Jobs) -> None:
    """Each prints one film with an image of its own, at the same time."""
    running = start()

    def print_one(number: int) -> int:
        pixels = np.full((64, 64), number, np.uint8)
        with connect(
            running.host,
            running.port,
            calling_aet=f"CT{number}",
            called_aet="FILM",
            contexts=proposal(),
            services=Printer.services(events := Events()),
        ) as association:
            printed = Printer(association, events=events).print(Order(), [FilmImage(pixels=pixels)])
        return len(printed.jobs)

    with ThreadPoolExecutor(_SESSIONS) as pool:
        assert [*pool.map(print_one, range(_SESSIONS))] == [1] * _SESSIONS
    book = book_of(running)
    until(lambda: {job.state for job in book.listed()} == {State.DONE})
    jobs = book.listed()
    assert sorted(job.originator for job in jobs) == sorted(f"CT{n}" for n in range(_SESSIONS))
    assert {job.originator: set(book.pixels(job, 1, 1)) for job in jobs} == {
        f"CT{n}": {n} for n in range(_SESSIONS)
    }
    assert len([*films.iterdir()]) == _SESSIONS
