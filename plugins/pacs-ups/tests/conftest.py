"""Steps on each engine, and a peer that takes reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.tables import TableStore
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.tables import TableStores
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions
from pacs_ups.tables import NAME, TABLES

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from ups_peers import Listener, listener


@pytest.fixture(scope="session")
def database_url(pacs_postgres: PrivatePostgres) -> str:
    """One database for all; making its tables takes longer than most tests."""
    return pacs_postgres.new_database()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store(request: pytest.FixtureRequest, pacs_tables: TableStores) -> TableStore:
    """Empty tables, once on each engine."""
    if request.param == "sqlite":
        return pacs_tables(TABLES, NAME)
    url = request.getfixturevalue("database_url")
    shared = pacs_tables(TABLES, NAME, index_url=url)
    with shared.begin() as connection:
        for table in reversed(TABLES.metadata.sorted_tables):
            connection.execute(table.delete())
    return shared


@pytest.fixture
def steps(store: TableStore) -> Steps:
    """No steps yet."""
    return Steps(store)


@pytest.fixture
def subscriptions(store: TableStore) -> Subscriptions:
    """No subscriptions yet; every AE but ``NOBODY`` is known."""
    return Subscriptions(store, knows=lambda aet: aet != "NOBODY")


@pytest.fixture
def outbox(store: TableStore) -> Outbox:
    """Nothing waits yet."""
    return Outbox(store)


@pytest.fixture
def watcher() -> Iterator[Listener]:
    """A peer WATCHER that takes reports."""
    with listener("WATCHER") as peer:
        yield peer
