"""A database once on each engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pacs_framework.testing.postgres import PostgresMissing, PrivatePostgres


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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def index_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once on each engine; that of SQLite is the default."""
    if request.param == "sqlite":
        return ""
    server: PrivatePostgres = request.getfixturevalue("postgres")
    return server.new_database()
