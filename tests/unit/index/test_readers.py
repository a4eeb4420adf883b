"""Connections that are kept for statements that read: nobody shares one, none tells old news."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.readers import KeptReaders

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_framework.index.database import Database
    from pacs_framework.index.prepared import Cursor


class Opened:
    """Connections to one file, and whether they are closed."""

    def __init__(self, path: Path) -> None:
        self._engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.pool.NullPool)
        self.count = 0

    def __call__(self) -> sa.pool.PoolProxiedConnection:
        self.count += 1
        return self._engine.raw_connection()


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path / "some.db")


def test_the_one_that_was_given_back_is_lent_again(opened: Opened) -> None:
    readers = KeptReaders(opened)
    first = readers.take()
    readers.give(first)
    assert readers.take() is first
    other = readers.take()
    assert other is not first
    assert opened.count == 2
    for connection in (first, other):
        readers.give(connection)
    readers.close()


def test_no_more_than_some_are_kept(opened: Opened) -> None:
    readers = KeptReaders(opened)
    lent = [readers.take() for _ in range(20)]
    for connection in lent:
        readers.give(connection)
    assert [connection.is_valid for connection in lent] == [True] * 16 + [False] * 4
    readers.close()


def test_after_the_end_none_stays_open(opened: Opened) -> None:
    """Neither those that are idle nor one that is given back later."""
    readers = KeptReaders(opened)
    idle, late = readers.take(), readers.take()
    readers.give(idle)
    readers.close()
    assert not idle.is_valid
    readers.give(late)
    assert not late.is_valid


def test_a_kept_connection_sees_what_was_committed_since(database: Database) -> None:
    """Also one whose statement was left in the middle of its rows."""
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE told (word TEXT)"))
        connection.execute(sa.text("INSERT INTO told VALUES ('one'), ('two'), ('three')"))
    with database.cursor() as cursor:
        cursor.execute("SELECT word FROM told")
    with database.writing() as connection:
        connection.execute(sa.text("INSERT INTO told VALUES ('four')"))
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM told")
        assert list(cursor.fetchall()) == [(4,)]


def test_whoever_reads_at_once_has_a_cursor_of_his_own(database: Database) -> None:
    with ExitStack() as stack:
        cursors = [stack.enter_context(database.cursor()) for _ in range(3)]
        for number, cursor in enumerate(cursors):
            cursor.execute(f"SELECT {number}")
        assert [list(cursor.fetchall()) for cursor in cursors] == [[(0,)], [(1,)], [(2,)]]


def test_a_statement_that_fails_is_told_and_the_next_one_works(database: Database) -> None:
    def fail(cursor: Cursor) -> None:
        cursor.execute("SELECT nothing FROM nowhere")

    with pytest.raises(IndexUnavailable), database.cursor() as cursor:
        fail(cursor)
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert list(cursor.fetchall()) == [(1,)]


def test_what_else_is_raised_inside_is_raised_outside(database: Database) -> None:
    with pytest.raises(KeyError), database.cursor():
        raise KeyError
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert list(cursor.fetchall()) == [(1,)]
