"""The migrations and the schema are one."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from pacs_framework.archive.incoming import Origin
from pacs_framework.errors import ConfigurationError
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.index.lookup import Lookup
from pacs_framework.index.migrate import NEWEST
from pacs_framework.index.schema import instance, metadata
from pacs_framework.index.upgrade import MIGRATIONS, upgrade
from pacs_framework.index.writer import IndexWriter

from .conftest import EntryMaker

_ADDED_LATER = (
    "label",
    "protection",
    "deletion",
    "linked_patient",
    "patient_link",
    "recorded_patient",
    "corrected_patient",
    "patient_correction",
)


@pytest.fixture
def migrated(pacs_index_url: str) -> Iterator[Database]:
    """An index that came about by every migration there is, not by the schema."""
    database = open_database(pacs_index_url, migrated=False)
    with database.writing() as connection:
        upgrade(connection)
    yield database
    database.close()


def test_migrations_make_exactly_the_schema(migrated: Database) -> None:
    """Alembic finds nothing to add, to remove or to change after all migrations."""
    with migrated.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_same_tables_on_sqlite_as_an_empty_index_gets(tmp_path: Path) -> None:
    """To the letter: AUTOINCREMENT, constraints, partial indexes and the revisions included."""
    tables = []
    for name in ("migrated", "made"):
        database = open_database(f"sqlite:///{tmp_path / name}", migrated=name == "made")
        if name == "migrated":
            with database.writing() as connection:
                upgrade(connection)
        query = sa.text("SELECT name, sql FROM sqlite_master")
        with database.reading() as connection:
            found = connection.execute(query)
            tables.append({n: sorted(re.split(r"[,\s()]+", sql or "")) for n, sql in found})
        database.close()
    assert "alembic_version" in tables[0]
    assert tables[0] == tables[1]


def test_an_empty_index_is_marked_as_if_all_migrations_had_run(database: Database) -> None:
    """What it is marked with is the end of every branch."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    heads = ScriptDirectory.from_config(config).get_heads()
    with database.reading() as connection:
        marked = MigrationContext.configure(connection).get_current_heads()
    assert sorted(marked) == sorted(heads) == sorted(NEWEST)


def test_an_index_without_any_revision_in_its_table_counts_as_empty(pacs_index_url: str) -> None:
    """As Alembic leaves it when every migration was taken back."""
    database = open_database(pacs_index_url, migrated=False)
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
    database.close()
    again = open_database(pacs_index_url)
    with again.reading() as connection:
        assert MigrationContext.configure(connection).get_current_heads() == tuple(NEWEST)
        assert connection.scalar(sa.text("SELECT count(*) FROM instance")) == 0
    again.close()


def test_opening_again_changes_nothing(database: Database, pacs_index_url: str) -> None:
    """An index of this version is opened as it is."""
    again = open_database(pacs_index_url)
    with again.reading() as connection:
        assert MigrationContext.configure(connection).get_current_heads() == tuple(NEWEST)
    again.close()


def test_an_index_of_the_first_version_keeps_what_it_holds(
    pacs_index_url: str, entry: EntryMaker
) -> None:
    """Its tables stay as they are; those of later versions are added."""
    with closing(open_database(pacs_index_url)) as database:
        with closing(IndexWriter(database)) as writer:
            writer.store(entry(1))
        with database.writing() as connection:
            for table in _ADDED_LATER:
                connection.execute(sa.text(f"DROP TABLE {table}"))
            _take_back_0005(connection)
            connection.execute(sa.text("UPDATE alembic_version SET version_num = 'kernel0001'"))
    with closing(open_database(pacs_index_url)) as again, closing(IndexWriter(again)) as writer:
        with again.reading() as connection:
            context = MigrationContext.configure(connection)
            assert context.get_current_heads() == tuple(NEWEST)
            assert compare_metadata(context, metadata) == []
        writer.store(entry(2))
        assert Lookup(again).count() == 2


def _take_back_0005(connection: sa.Connection) -> None:
    """An index that does not know senders; its change feed does."""
    connection.execute(sa.text("DROP INDEX ix_instance_series_fk_source_aet"))
    connection.execute(sa.text("CREATE INDEX ix_instance_series_fk ON instance (series_fk)"))
    connection.execute(sa.text("ALTER TABLE instance DROP COLUMN source_aet"))
    connection.execute(sa.text("UPDATE alembic_version SET version_num = 'kernel0004'"))


def test_senders_of_what_is_there_are_taken_from_the_change_feed(
    pacs_index_url: str, entry: EntryMaker
) -> None:
    """The newest row of an instance tells; a name that was cut to fit the feed tells nothing."""
    stored = [
        ("1.2.3.4.1", Origin(door="dimse", calling_aet="CT1"), "CT1"),
        ("1.2.3.4.2", Origin(door="dimse", calling_aet="SIXTEEN_OF_THEM_"), "SIXTEEN_OF_THEM_"),
        ("1.2.3.4.3", Origin(door="dicomweb", calling_aet="a-name-that-is-longer"), ""),
        ("1.2.3.4.4", Origin(door="dicomweb", calling_aet="jane"), "jane"),
        ("1.2.3.4.5", Origin(door="import"), ""),
    ]
    with closing(open_database(pacs_index_url)) as database:
        with closing(IndexWriter(database)) as writer:
            for number, (_, origin, _) in enumerate(stored, 1):
                writer.store(replace(entry(number), origin=origin))
            again = entry(1, version=2, content="x", duplicates=DuplicatePolicy.REPLACE)
            writer.store(replace(again, origin=Origin(door="dimse", calling_aet="MR1")))
        with database.writing() as connection:
            _take_back_0005(connection)
    with closing(open_database(pacs_index_url)) as again, again.reading() as connection:
        statement = sa.select(instance.c.sop_instance_uid, instance.c.source_aet)
        found = {row.sop_instance_uid: row.source_aet for row in connection.execute(statement)}
    assert found == {uid: source for uid, _, source in stored} | {"1.2.3.4.1": "MR1"}


def test_two_nodes_that_start_together_migrate_once(pacs_index_url: str) -> None:
    """The write lock stands around the migration, so the second finds the work done."""
    gate = threading.Barrier(4)
    failures: list[BaseException] = []

    def start() -> None:
        gate.wait()
        try:
            open_database(pacs_index_url).close()
        except BaseException as error:  # noqa: BLE001 - whatever went wrong in the thread
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_an_index_of_a_newer_version_is_refused(database: Database, pacs_index_url: str) -> None:
    """A revision that this version does not know stops the start, and says what to do."""
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'kernel9999'"))
    with pytest.raises(ConfigurationError, match=r"'kernel9999', which this version .* install"):
        open_database(pacs_index_url)


def test_tables_without_a_revision_are_refused(pacs_index_url: str) -> None:
    """Tables that no migration made are not touched."""
    engine = sa.create_engine(pacs_index_url)
    metadata.create_all(engine)
    engine.dispose()
    with pytest.raises(ConfigurationError, match="tables without a schema revision"):
        open_database(pacs_index_url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://localhost/pacs", "cannot be used|sqlite and postgresql"),
        ("nonsense", "cannot be used"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_is_none_of_ours_is_refused(url: str, message: str) -> None:
    """The message shows the URL and a right one."""
    with pytest.raises(ConfigurationError, match=message):
        open_database(url)
