"""Tables of a plugin's own: made once, upgraded once, durable when a transaction ends."""

from __future__ import annotations

import datetime as dt
import itertools
import sqlite3
import subprocess
import sys
import textwrap
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pacs_framework import hookimpl
from pacs_framework.errors import ConfigurationError, IndexUnavailable, PluginError
from pacs_framework.index.database import open_database
from pacs_framework.plugins import PluginSet
from pacs_framework.tables import (
    TEXT,
    TIME,
    OpenTables,
    PluginTables,
    Statement,
    insert,
    new_metadata,
)
from pacs_framework.testing.threads import run_in_threads


def notes(*more: sa.Column) -> PluginTables:
    """The tables of a plugin ``notes``."""
    metadata = new_metadata()
    sa.Table(
        "notes_page",
        metadata,
        sa.Column("title", TEXT, primary_key=True),
        sa.Column("at", TIME, nullable=True),
        *more,
    )
    return PluginTables(metadata=metadata)


def second() -> PluginTables:
    """Version 2 of them, with a column more."""

    def add_author(connection):
        connection.execute(sa.text("ALTER TABLE notes_page ADD COLUMN author TEXT DEFAULT 'x'"))

    metadata = notes(sa.Column("author", sa.Text, server_default="x")).metadata
    return PluginTables(metadata=metadata, version=2, upgrades={2: add_author})


def page(tables: PluginTables) -> sa.Table:
    return tables.metadata.tables["notes_page"]


def titles(store) -> list[str]:
    with store.reading() as connection:
        return list(connection.scalars(sa.text("SELECT title FROM notes_page ORDER BY title")))


def add(store, title: str) -> None:
    with store.begin() as connection:
        connection.execute(sa.insert(page(notes())).values(title=title))


@pytest.fixture
def stores(pacs_tables, pacs_index_url):
    """Opens the tables of ``notes``, once on each engine; always the same ones."""
    return lambda tables: pacs_tables(tables, "notes", index_url=pacs_index_url)


def test_what_a_transaction_wrote_is_there_for_who_opens_next(stores):
    add(stores(notes()), "first")
    assert titles(stores(notes())) == ["first"]


def test_a_transaction_that_raises_leaves_nothing(stores):
    store = stores(notes())

    def fail() -> None:
        with store.begin() as connection:
            connection.execute(sa.insert(page(notes())).values(title="half"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert titles(store) == []


def test_an_upgrade_keeps_what_is_there_and_runs_once(stores):
    add(stores(notes()), "old")
    for _ in range(2):  # a second upgrade would add the column again, and fail
        store = stores(second())
        with store.reading() as connection:
            assert connection.execute(sa.select(page(second()))).all() == [("old", None, "x")]


def test_an_upgrade_that_fails_leaves_the_version_before(stores):
    def fail(connection):
        connection.execute(sa.text("ALTER TABLE notes_page ADD COLUMN half TEXT"))
        raise ZeroDivisionError

    add(stores(notes()), "old")
    broken = PluginTables(metadata=notes().metadata, version=2, upgrades={2: fail})
    with pytest.raises(ZeroDivisionError):
        stores(broken)
    with stores(second()).reading() as connection:
        columns = list(connection.execute(sa.text("SELECT * FROM notes_page")).keys())
    assert columns == ["title", "at", "author"]


def test_tables_of_a_newer_plugin_are_refused(stores):
    stores(second())
    with pytest.raises(ConfigurationError, match=r"have version 2, .* up to 1; .* install that"):
        stores(notes())


def test_a_table_of_somebody_else_is_not_taken_over(stores, pacs_index_url, tmp_path):
    url = pacs_index_url
    if url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'tables' / 'notes.sqlite'}"
    database = open_database(url, migrated=False)
    with database.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE notes_page (x INTEGER)"))
    database.close()
    with pytest.raises(ConfigurationError, match="'notes_page' that plugin 'notes' did not make"):
        stores(notes())


def test_many_that_open_at_once_make_the_tables_once(stores):
    numbers = itertools.count()
    run_in_threads(lambda: add(stores(notes()), f"{next(numbers)}"), 8)
    assert titles(stores(notes())) == [f"{number}" for number in range(8)]


def test_writers_of_many_threads_lose_nothing(stores):
    store = stores(notes())
    numbers = itertools.count()

    def write() -> None:
        for _ in range(5):
            add(store, f"{next(numbers)}")

    run_in_threads(write, 8)
    assert len(titles(store)) == 40


def test_a_reader_does_not_wait_for_a_writer(stores):
    store = stores(notes())
    add(store, "first")
    with store.begin() as connection:
        connection.execute(sa.insert(page(notes())).values(title="second"))
        seen = []
        reader = threading.Thread(target=lambda: seen.append(titles(store)))
        reader.start()
        reader.join(30)
        assert seen == [["first"]]


def test_a_transaction_within_one_is_refused_before_it_waits_for_itself(stores):
    store = stores(notes())
    with store.begin(), pytest.raises(RuntimeError, match="within one"), store.begin():
        pass
    add(store, "after")
    assert titles(store) == ["after"]


def test_a_broken_constraint_is_told_as_it_is(stores):
    store = stores(notes())
    add(store, "once")
    with pytest.raises(IntegrityError):
        add(store, "once")


def test_a_failure_of_the_database_names_the_plugin_and_no_value(stores):
    store = stores(notes())
    with pytest.raises(IndexUnavailable) as failure, store.reading() as connection:
        connection.execute(sa.text("SELECT 'secret' FROM nowhere"))
    assert "tables of plugin 'notes' failed" in str(failure.value)
    assert "secret" not in str(failure.value)


def test_moments_come_back_with_their_zone(stores):
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    store = stores(notes())
    with store.begin() as connection:
        connection.execute(sa.insert(page(notes())).values(title="t", at=moment))
    with store.reading() as connection:
        read = connection.scalar(sa.select(page(notes()).c.at))
    assert read == moment
    assert read.utcoffset() == dt.timedelta()


def test_insert_can_update_on_conflict_on_both_engines(stores):
    store = stores(notes())
    moment = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    for at in (None, moment):
        with store.begin() as connection:
            statement = insert(page(notes()), connection).values(title="t", at=at)
            update = statement.on_conflict_do_update(index_elements=["title"], set_={"at": at})
            connection.execute(update)
    with store.reading() as connection:
        assert connection.execute(sa.select(page(notes()))).all() == [("t", moment)]


def test_a_process_that_is_killed_loses_nothing_that_was_committed(tmp_path):
    """And what was under way is not there."""
    program = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        import sqlalchemy as sa
        from pacs_framework.tables import OpenTables, PluginTables, new_metadata
        metadata = new_metadata()
        page = sa.Table("notes_page", metadata, sa.Column("title", sa.Text))
        store = OpenTables(
            {{"notes": PluginTables(metadata=metadata)}}, data=Path({str(tmp_path)!r})
        )("notes")
        with store.begin() as connection:
            connection.execute(sa.insert(page).values(title="kept"))
        with store.begin() as connection:
            connection.execute(sa.insert(page).values(title="lost"))
            os.kill(os.getpid(), 9)
    """)
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -9
    with sqlite3.connect(tmp_path / "tables" / "notes.sqlite") as connection:
        assert connection.execute("SELECT title FROM notes_page").fetchall() == [("kept",)]
    connection.close()


# That a commit is durable when its transaction is over: tests/faults/test_tables_power_cut.py


def test_a_prepared_statement_takes_values_and_gives_rows(stores):
    """On both engines, by the names of its parameters; moments go in as they do otherwise."""
    store, own = stores(notes()), page(notes())
    moment = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    write = Statement(sa.insert(own), columns=["title", "at"])
    find = Statement(sa.select(own.c.title).where(own.c.title > sa.bindparam("after")))
    with store.begin() as connection:
        assert write.run(connection, {"title": "a", "at": moment, "other": 1}) == ()
        write.run_many(connection, [{"title": title, "at": None} for title in "bc"])
        write.run_many(connection, [])
        assert sorted(find.run(connection, {"after": "a"})) == [("b",), ("c",)]
    assert sorted(map(tuple, store.rows(find, {"after": "a"}))) == [("b",), ("c",)]
    with store.reading() as connection:
        assert connection.scalar(sa.select(own.c.at).where(own.c.title == "a")) == moment
    with pytest.raises(IntegrityError), store.begin() as connection:
        write.run(connection, {"title": "a", "at": None})


# --- what a plugin may say ----------------------------------------------------------------------


def described(name: str, **options) -> PluginTables:
    metadata = new_metadata()
    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), **options)
    return PluginTables(metadata=metadata)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (described("page"), "'page' does not begin with that of the plugin, as in 'my_notes_page'"),
        (described("my_notes_page", schema="x"), "'x.my_notes_page' names a schema"),
    ],
)
def test_names_are_the_plugins_own(tables, message):
    with pytest.raises(PluginError, match=message):
        tables.names_for("my-notes")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 0}, "version is 0"),
        ({"version": 3, "upgrades": {2: print}}, r"lead to versions \[2\]; version 3 needs"),
        ({"upgrades": {2: print}}, "lead to versions"),
        ({"metadata": new_metadata()}, "no table in the metadata"),
        ({"about_storage": frozenset({"place"})}, "'place', which is no table"),
    ],
)
def test_a_description_that_cannot_hold_is_refused(changes, message):
    with pytest.raises(PluginError, match=message):
        PluginTables(**{"metadata": notes().metadata} | changes)


class _Having:
    def __init__(self, tables: object) -> None:
        self._tables = tables

    @hookimpl
    def tables(self) -> object:
        """What was given."""
        return self._tables


def test_a_plugin_that_names_its_tables_wrong_has_failed():
    plugins = PluginSet.with_local({"other": _Having(notes())})
    with pytest.raises(PluginError, match="does not begin with that of the plugin"):
        plugins.register("tables")


def test_something_else_than_tables_is_no_answer():
    plugins = PluginSet.with_local({"notes": _Having({"notes_page": 1})})
    with pytest.raises(PluginError, match="tables returned a 'dict', not PluginTables"):
        plugins.register("tables")


def test_two_plugins_with_one_table_are_both_named():
    plugins = PluginSet.with_local(
        {"a": _Having(described("a_b_c")), "a-b": _Having(described("a_b_c"))}
    )
    with pytest.raises(ConfigurationError, match="table 'a_b_c' is provided by both 'a' and 'a-b'"):
        plugins.register("tables")


def test_an_archive_hands_a_plugin_its_tables(pacs_archive):
    """And says who has some, where a name is wrong."""
    archive = pacs_archive({"notes": _Having(notes())}).archive
    add(archive.tables("notes"), "first")
    assert titles(archive.tables("notes")) == ["first"]
    with pytest.raises(ConfigurationError, match=r"no active plugin 'nots' .* do: notes"):
        archive.tables("nots")


def test_a_check_refuses_a_file_of_a_newer_plugin_and_makes_none(tmp_path):
    tables = OpenTables({"notes": notes()}, data=tmp_path)
    tables.check()
    assert list(tmp_path.iterdir()) == []
    newer = OpenTables({"notes": second()}, data=tmp_path)
    newer.prepare()
    newer.close()
    with pytest.raises(ConfigurationError, match="have version 2"):
        tables.check()
