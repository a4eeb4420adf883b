"""Steps on each engine, and a peer that takes reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.tables import TableStore
from pacs_framework.testing.tables import EmptiedTables
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions
from pacs_ups.tables import NAME, TABLES

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from ups_peers import Listener, listener


@pytest.fixture
def store(pacs_emptied_tables: EmptiedTables) -> TableStore:
    """Empty tables, once on each engine."""
    return pacs_emptied_tables(TABLES, NAME)


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
