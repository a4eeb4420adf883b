"""Entries to write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from pacs_framework.index.database import Database
from pacs_framework.index.entry import DuplicatePolicy, Entry
from pacs_framework.index.writer import IndexWriter
from pacs_framework.testing.entries import make_entry


class EntryMaker(Protocol):
    def __call__(
        self,
        number: int,
        *,
        version: int = 1,
        content: str = "",
        duplicates: DuplicatePolicy = DuplicatePolicy.IGNORE,
        **attributes: str,
    ) -> Entry: ...


@pytest.fixture
def entry() -> EntryMaker:
    return make_entry


@pytest.fixture
def writer(database: Database) -> Iterator[IndexWriter]:
    opened = IndexWriter(database)
    yield opened
    opened.close()
