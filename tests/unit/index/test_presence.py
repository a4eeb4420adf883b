"""Processes on one PostgreSQL know of each other: none changes the tables under another's feet."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from pacs_framework.errors import ConfigurationError, IndexUnavailable
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.migrate import NEWEST
from pacs_framework.index.presence import Presence, alone
from pacs_framework.index.rebuild import rebuilding
from pacs_framework.index.upgrade import MIGRATIONS

pytestmark = pytest.mark.postgresql

US = re.escape(f"pacs-framework {os.getpid()}@{socket.gethostname()}"[:63])
OLD = "kernel0001"


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("pacs_postgres").new_database())


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with closing(open_database(url)) as opened:
        yield opened


@contextmanager
def node_of_an_old_version(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It has made its tables, and works on them."""
    with closing(open_database(url, migrated=False)) as database, monkeypatch.context() as old:
        with database.writing() as connection:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, OLD)
        old.setattr("pacs_framework.index.presence._OURS", OLD)
        with closing(Presence(database)):
            yield


def set_revision(database: Database, revision: str) -> None:
    with database.writing() as connection:
        connection.execute(
            sa.text("UPDATE alembic_version SET version_num = :to"), {"to": revision}
        )


def end_sessions(url: str) -> None:
    """As a restart of the server does."""
    with closing(open_database(url, migrated=False)) as other, other.writing() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_no_version_migrates_while_another_works(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names who works there; when they are gone, it migrates."""
    newest = ", ".join(sorted(NEWEST))
    refused = rf"{US} \(from the host of the database\); stop them before .* {OLD} to {newest}$"
    with node_of_an_old_version(url, monkeypatch):
        for _ in range(2):  # a refusal leaves nothing behind
            with pytest.raises(ConfigurationError, match=refused):
                open_database(url)
    with closing(open_database(url)) as migrated, closing(Presence(migrated)):
        pass


def test_an_empty_database_needs_nobody_gone(url: str) -> None:
    """Several nodes may start on one together, and each joins as soon as it can."""
    with (
        closing(open_database(url)) as one,
        closing(Presence(one)),
        closing(open_database(url)) as other,
        closing(Presence(other)),
    ):
        pass


def test_an_index_is_not_made_anew_while_somebody_works(url: str, database: Database) -> None:
    """The others remember numbers of rows that would be gone."""
    message = rf"others work on this index: {US} .*; stop them before the index is made anew$"
    with (
        closing(Presence(database)),
        pytest.raises(ConfigurationError, match=message),
        rebuilding(url),
    ):
        pass
    with rebuilding(url):
        pass


def test_nobody_joins_while_the_index_is_made_anew(database: Database) -> None:
    with (
        alone(database, "this"),
        pytest.raises(IndexUnavailable, match="made anew or migrated by another process"),
    ):
        Presence(database)
    Presence(database).close()


def test_a_process_that_was_away_works_on_with_tables_that_it_knows(
    url: str, database: Database
) -> None:
    """It is seen again before it opens anything."""
    with closing(Presence(database)):
        end_sessions(url)
        with database.reading() as connection:
            assert connection.scalar(sa.select(1)) == 1
        with pytest.raises(ConfigurationError, match=US), rebuilding(url):
            pass


def test_a_process_that_was_away_leaves_newer_tables_alone(url: str, database: Database) -> None:
    """They were migrated meanwhile, for nobody saw it."""
    with closing(Presence(database)):
        end_sessions(url)
        with closing(open_database(url, migrated=False)) as newer:
            set_revision(newer, "kernel9999")
        with pytest.raises(IndexUnavailable, match=r"migrated to 'kernel9999' .* start the newer"):
            database.reading()
        with (
            pytest.raises(IndexUnavailable, match="stop this process"),
            database.writing(),
        ):
            pass


def test_who_closed_its_presence_opens_connections_unasked(database: Database) -> None:
    Presence(database).close()
    set_revision(database, "kernel9999")
    with database.reading() as connection:
        assert connection.scalar(sa.select(1)) == 1
