"""Fixtures of the kernel's tests: an open index on each engine, and threads that end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pacs_framework.index.database import Database, open_database
from pacs_framework.plugins.budget import Helpers


@pytest.fixture(autouse=True)
def helper_threads_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A set of plugins that nobody closes keeps idle threads until its process ends, as a command's
    soon does; here they end with the test. Who has to close its set is tested with the `App`.
    """
    made: list[Helpers] = []
    create = Helpers.__init__

    def remembered(helpers: Helpers) -> None:
        create(helpers)
        made.append(helpers)

    monkeypatch.setattr(Helpers, "__init__", remembered)
    yield
    for helpers in made:
        helpers.close()


@pytest.fixture
def database(pacs_index_url: str) -> Iterator[Database]:
    """An open index, migrated, once on each engine."""
    opened = open_database(pacs_index_url)
    yield opened
    opened.close()
