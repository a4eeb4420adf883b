"""An archive with a printer whose films become files, and jobs on each engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.tables import TableStore
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.tables import EmptiedTables
from pacs_print import plugin
from pacs_print.queue.book import Book
from pacs_print.tables import NAME, TABLES

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

Start = Callable[..., RunningArchive]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """The folder that the printer FILM writes to."""
    return tmp_path / "films"


@pytest.fixture
def start(pacs_archive: Archives, films: Path) -> Start:
    """An archive with the printer FILM: small films of 72 dpi, as PNG."""

    def run(
        *,
        folder: Any = None,
        own: dict[str, Any] | None = None,
        others: Sequence[dict[str, Any]] = (),
        **printer: Any,
    ) -> RunningArchive:
        settings = {
            "ae_title": "FILM",
            "dpi": 72,
            "high_dpi": 144,
            "sizes": ["8INX10IN", "14INX17IN"],
            "outputs": [{"to": "png", "folder": str(films)}],
            **printer,
        }
        quick = {"retry_first": 0.05, "retry_longest": 0.2, "printers": [settings, *others]}
        return pacs_archive(
            {NAME: plugin}, settings={"plugin": {NAME: {**quick, **(own or {})}}}, folder=folder
        )

    return run


@pytest.fixture
def store(pacs_emptied_tables: EmptiedTables) -> TableStore:
    """Empty tables, once on each engine."""
    return pacs_emptied_tables(TABLES, NAME)


@pytest.fixture
def book(store: TableStore) -> Book:
    """No jobs yet."""
    return Book(store)


@pytest.fixture
def book_of() -> Callable[[RunningArchive], Book]:
    """The jobs of a running archive."""
    return lambda running: Book(running.archive.tables(NAME))
