"""Entries to write."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from typing import Protocol

import pytest

from pacs_framework.archive.incoming import Origin
from pacs_framework.index.database import Database
from pacs_framework.index.entry import DuplicatePolicy, Entry, index_values
from pacs_framework.index.writer import IndexWriter

ORIGIN = Origin(door="dimse", calling_aet="MODALITY", called_aet="PACS", address="127.0.0.1")
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"


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
    def make(
        number: int,
        *,
        version: int = 1,
        content: str = "",
        duplicates: DuplicatePolicy = DuplicatePolicy.IGNORE,
        **attributes: str,
    ) -> Entry:
        values = {
            "PatientID": "P1",
            "PatientName": "Doe^Jane",
            "StudyInstanceUID": "1.2.3",
            "SeriesInstanceUID": "1.2.3.4",
            "SOPInstanceUID": f"1.2.3.4.{number}",
            "SOPClassUID": MR_IMAGE,
            **attributes,
        }
        return Entry(
            attributes=index_values(values),
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            storage_key=f"objects/{number}-{version}",
            version=f"{version:024x}",
            dataset_offset=300,
            size=10_300,
            prefix_digest=hashlib.sha256(b"prefix").digest(),
            dataset_digest=hashlib.sha256(f"{number} {content}".encode()).digest(),
            received=dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC),
            origin=ORIGIN,
            duplicates=duplicates,
        )

    return make


@pytest.fixture
def writer(database: Database) -> Iterator[IndexWriter]:
    opened = IndexWriter(database)
    yield opened
    opened.close()
