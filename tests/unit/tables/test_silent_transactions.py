"""A node that stands still in a transaction of a plugin's tables keeps its rows from the others for
a while only (PostgreSQL; on SQLite the processes share a machine, and a lock that is the kernel's).
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.database import SILENT_WRITER
from pacs_framework.tables import TEXT, PluginTables, TableStore, new_metadata
from pacs_framework.testing.tables import TableStores

pytestmark = pytest.mark.postgresql

LIMIT = "SHOW idle_in_transaction_session_timeout"
_metadata = new_metadata()
_row = sa.Table(
    "notes_row",
    _metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("by", TEXT, nullable=False),
)


@pytest.fixture
def stores(request: pytest.FixtureRequest, pacs_tables: TableStores) -> list[TableStore]:
    """Two nodes on one database, in which there is a row."""
    url = request.getfixturevalue("pacs_postgres").new_database()
    tables = PluginTables(metadata=_metadata)
    opened = [pacs_tables(tables, "notes", index_url=url) for _ in range(2)]
    with opened[0].begin() as connection:
        connection.execute(_row.insert().values(name="a", by="nobody"))
    return opened


def take(store: TableStore, by: str) -> None:
    """Change the row; an error where its lock does not come within a minute."""
    with store.begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.execute(_row.update().values(by=by))


def test_rows_of_a_silent_transaction_are_free_for_others(
    stores: list[TableStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has changed nothing then, and learns of that with its next statement."""
    silent, other = stores

    def stand_still() -> None:
        with silent.begin() as connection:
            connection.execute(_row.update().values(by="silent"))
            monkeypatch.undo()
            take(other, "other")
            connection.execute(_row.update().values(by="silent"))

    monkeypatch.setattr("pacs_framework.index.database.SILENT_WRITER", "300ms")
    with pytest.raises(IndexUnavailable, match="nothing was committed"):
        stand_still()
    with other.reading() as connection:
        assert connection.execute(sa.select(_row.c.by)).scalar_one() == "other"
    take(silent, "silent")  # on a connection of its own that works


def test_every_transaction_has_such_a_limit_and_no_connection(stores: list[TableStore]) -> None:
    """Who reads may take as long as he likes, with a connection that wrote before."""
    store = stores[0]
    with store.begin() as connection:
        assert connection.exec_driver_sql(LIMIT).scalar() == SILENT_WRITER
    with store.reading() as connection:
        assert connection.exec_driver_sql(LIMIT).scalar() == "0"
