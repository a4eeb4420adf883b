"""Tables of older versions, brought up to date as they are found."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from pacs_framework.tables import PluginTables, TableStore
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.tables import TableStores
from pacs_ups.state.channels import Channels
from pacs_ups.state.making import new_step
from pacs_ups.state.model import GLOBAL
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions
from pacs_ups.tables import NAME, TABLES

_LATER = {"ups_assignment", "ups_channel", "ups_channel_event"}


@pytest.fixture(params=["", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest) -> str:
    """Of a database of its own; nothing for SQLite."""
    if not request.param:
        return ""
    postgres: PrivatePostgres = request.getfixturevalue("pacs_postgres")
    return postgres.new_database()


def _version_1() -> PluginTables:
    """As they were before there were event channels, and performers."""
    metadata = sa.MetaData(naming_convention=TABLES.metadata.naming_convention)
    for table in TABLES.metadata.sorted_tables:
        if table.name not in _LATER:
            table.to_metadata(metadata)
    return PluginTables(metadata=metadata)


def _shape(store: TableStore) -> dict[str, object]:
    """Columns, keys and indexes of the tables that came later, as the database has them."""
    with store.reading() as connection:
        found = sa.inspect(connection)
        return {
            name: (
                [(each["name"], str(each["type"]), each["nullable"]) for each in columns],
                found.get_pk_constraint(name)["constrained_columns"],
                [(k["constrained_columns"], k["referred_table"]) for k in keys],
                sorted((str(i["name"]), tuple(i["column_names"])) for i in indexes),
            )
            for name in sorted(_LATER)
            for columns, keys, indexes in [
                (
                    found.get_columns(name),
                    found.get_foreign_keys(name),
                    found.get_indexes(name),
                )
            ]
        }


def test_what_waited_before_there_were_channels_is_told_on_one(
    pacs_tables: TableStores, tmp_path, url: str
) -> None:
    """Version 1 becomes 3: the same tables as new ones, with what was in them."""
    before = pacs_tables(_version_1(), NAME, index_url=url)
    with before.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO ups_global_subscription (aet, locked) VALUES ('WATCHER', :locked)"
            ),
            {"locked": False},
        )
    store = pacs_tables(TABLES, NAME, index_url=url)
    Steps(store).create("1.2.3", new_step("x"))
    assert [each.uid for each in Subscriptions(store).listed()] == [GLOBAL, "1.2.3"]
    assert len(Outbox(store).waiting("WATCHER", 10)) == 1
    channels = Channels(store)
    assert len(channels.waiting(channels.open("WATCHER", "here"), 10)) == 1
    if not url:
        (tmp_path / "fresh").mkdir()
        with TableStores(tmp_path / "fresh") as made:
            assert _shape(store) == _shape(made(TABLES, NAME))
