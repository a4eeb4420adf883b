"""News between the nodes of one database."""

from __future__ import annotations

from contextlib import closing

import pytest
import sqlalchemy as sa

from pacs_framework.tables import Notices, PluginTables, give_notice, new_metadata
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.tables import TableStores
from pacs_framework.waking import Waker

_METADATA = new_metadata()
sa.Table("notes_page", _METADATA, sa.Column("id", sa.Integer, primary_key=True))
TABLES = PluginTables(metadata=_METADATA)


@pytest.mark.postgresql
def test_a_notice_comes_with_the_commit_to_every_node(
    pacs_tables: TableStores, pacs_postgres: PrivatePostgres
) -> None:
    """Not before, not of other channels, and any number of them is one."""
    url = pacs_postgres.new_database()
    one, other = (pacs_tables(TABLES, "notes", index_url=url) for _ in range(2))
    with (
        closing(Notices(one, "notes_news")) as here,
        closing(Notices(other, "notes_news")) as there,
        closing(Waker()) as alarm,
    ):
        with one.begin() as connection:
            give_notice(connection, "notes_news")
            give_notice(connection, "notes_other")
            assert alarm.wait(0.05, here, there) == frozenset()
        with one.begin() as connection:
            give_notice(connection, "notes_news")
        for listener in (here, there):
            assert listener in alarm.wait(60, listener)
        with one.begin() as connection:
            give_notice(connection, "notes_other")
        while alarm.wait(0.2, here, there):
            """The second notice may have come after the first was heard."""


def test_on_sqlite_a_notice_is_nothing(pacs_tables: TableStores) -> None:
    """There is no other node, and nobody has to ask."""
    with pacs_tables(TABLES, "notes").begin() as connection:
        give_notice(connection, "notes_news")
