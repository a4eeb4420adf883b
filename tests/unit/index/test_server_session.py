"""A session of PostgreSQL that is kept for its locks: it waits no longer than it is told to."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.database import open_database
from pacs_framework.index.server_session import ServerSession

pytestmark = pytest.mark.postgresql

NAME = f"pacs-framework {os.getpid()}@{socket.gethostname()}"[:63]
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1"


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    url = request.getfixturevalue("pacs_postgres").new_database()
    with closing(open_database(url, migrated=False)) as database:
        yield database.engine


def test_it_answers_with_text_or_nothing(engine: Engine) -> None:
    with closing(ServerSession(engine)) as session:
        assert session.ask("SELECT $1::int + 1", "41") == "42"
        assert session.ask("SELECT NULL") is None
        assert session.ask("SELECT 1 WHERE false") is None
        assert session.ask("SET work_mem = '1MB'") is None


def test_it_says_whose_it_is(engine: Engine) -> None:
    """As every connection of the pool does: so that an error can name who is in the way."""
    with closing(ServerSession(engine)) as session:
        assert session.ask("SHOW application_name") == NAME
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar() == NAME


def test_what_the_url_says_of_a_connection_counts(engine: Engine) -> None:
    url = engine.url.update_query_dict({"application_name": "mine"})
    own = sa.create_engine(url)
    with closing(ServerSession(own)) as session:
        assert session.ask("SHOW application_name") == "mine"
    own.dispose()


def test_it_gives_up_when_the_time_is_over_and_the_server_with_it(engine: Engine) -> None:
    session = ServerSession(engine)
    with pytest.raises(IndexUnavailable, match="TimeoutError"):
        session.ask("SELECT pg_sleep(60)", limit=0.05)
    with pytest.raises(IndexUnavailable):
        session.ask("SELECT 1")
    session.close()
    deadline = time.monotonic() + 30
    with closing(ServerSession(engine)) as other:
        while other.ask(SLEEPING, "%pg_sleep(60)%") != "0":
            assert time.monotonic() < deadline, "the server still waits"


def test_it_gives_up_when_it_is_woken(engine: Engine) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"\1")
    session = ServerSession(engine)
    with pytest.raises(IndexUnavailable):
        session.ask("SELECT pg_sleep(60)", limit=None, wake=reader)
    os.close(reader)
    os.close(writer)


def test_a_statement_that_fails_names_its_kind_and_no_values(engine: Engine) -> None:
    with pytest.raises(IndexUnavailable, match=r"InvalidTextRepresentation 22P02; nothing") as told:
        ServerSession(engine).ask("SELECT $1::int", "Doe^Jane")
    assert "Doe" not in str(told.value)


def test_a_server_that_is_not_there_is_an_index_that_is_away(engine: Engine) -> None:
    away = sa.create_engine(engine.url.update_query_dict({"host": "/nowhere"}))
    with pytest.raises(IndexUnavailable, match="OperationalError"):
        ServerSession(away)
