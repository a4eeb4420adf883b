"""Fixtures of the kernel's tests: an index of each kind, storage, and a whole archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pacs_framework.index.database import Database, open_database
from pacs_framework.plugins.budget import Helpers
from pacs_framework.testing.postgres import PostgresMissing, PrivatePostgres


@pytest.fixture(autouse=True)
def log_as_configured() -> Iterator[None]:
    """A command that runs in the process of its test sets up the log; that ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def helper_threads_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A set of plugins that nobody closes keeps idle threads until its process ends, as a command's
    soon does; here they end with the test. Who has to close its set is tested with the `App`.
    """
    made: list[Helpers] = []
    create = Helpers.__init__

    def remembered(helpers: Helpers) -> None:
        create(helpers)
        made.append(helpers)

    monkeypatch.setattr(Helpers, "__init__", remembered)
    yield
    for helpers in made:
        helpers.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL for the whole run."""
    try:
        server = PrivatePostgres()
        server.__enter__()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    yield server
    server.__exit__()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def index_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty index, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'index.db'}"
    server: PrivatePostgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def database(index_url: str) -> Iterator[Database]:
    """An open index, migrated, once on each engine."""
    opened = open_database(index_url)
    yield opened
    opened.close()
