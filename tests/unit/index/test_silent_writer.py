"""A node that stands still in the middle of a write transaction does not stop the others for ever
(PostgreSQL; on SQLite the processes share a machine, and a lock that is the kernel's).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.database import SILENT_WRITER, Database, open_database
from pacs_framework.index.session import WriteSession

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with closing(open_database(request.getfixturevalue("pacs_postgres").new_database())) as opened:
        yield opened


def test_the_server_ends_a_writer_that_says_nothing(database: Database) -> None:
    """Then the next one writes; the silent one has committed nothing, and learns of it."""
    silent = WriteSession(database, patience="300ms")
    silent.begin().execute("INSERT INTO cursor VALUES ('silent', 1)")
    with closing(WriteSession(database)) as other, other.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM cursor")
        assert cursor.fetchall()[0][0] == 0
    with pytest.raises(silent.outages) as told:
        silent.commit()
    assert isinstance(silent.explain(told.value), IndexUnavailable)
    silent.close()


def test_so_it_does_for_short_write_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs_framework.index.database.SILENT_WRITER", "300ms")

    def stand_still() -> None:
        with database.writing() as silent, closing(WriteSession(database)) as other:
            with other.transaction():
                pass
            silent.exec_driver_sql("SELECT 1")

    with pytest.raises(IndexUnavailable):
        stand_still()


def test_every_writer_has_such_a_limit(database: Database) -> None:
    limit = "SHOW idle_in_transaction_session_timeout"
    with database.writing() as connection:
        assert connection.exec_driver_sql(limit).scalar() == SILENT_WRITER
    with closing(WriteSession(database)) as session, session.transaction() as cursor:
        cursor.execute(limit)
        assert cursor.fetchall()[0][0] == SILENT_WRITER
    with database.reading() as connection:  # of the same pool
        assert connection.exec_driver_sql(limit).scalar() == "0"
