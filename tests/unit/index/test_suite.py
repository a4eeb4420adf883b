"""The laws of the index, on each engine."""

from __future__ import annotations

import pytest

from pacs_framework.testing.suites.index import IndexSuite


class TestIndex(IndexSuite):
    """SQLite, and PostgreSQL where it is installed."""

    @pytest.fixture
    def database_url(self, pacs_index_url: str) -> str:
        return pacs_index_url
