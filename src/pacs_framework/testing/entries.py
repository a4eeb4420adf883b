"""Entries for the index, as the ingest door makes them of instances."""

from __future__ import annotations

import datetime as dt
import hashlib

from pacs_framework.archive.incoming import Origin
from pacs_framework.index.entry import DuplicatePolicy, Entry, index_values

__all__ = ["make_entry"]

_ORIGIN = Origin(door="dimse", calling_aet="MODALITY", called_aet="PACS", address="127.0.0.1")
_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_RECEIVED = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)


def make_entry(
    number: int,
    *,
    version: int = 1,
    content: str = "",
    duplicates: DuplicatePolicy = DuplicatePolicy.IGNORE,
    **attributes: str,
) -> Entry:
    """An MR image of Jane Doe, ``objects/NUMBER-VERSION`` in the storage.

    Entries of one number are one instance; their bytes differ where ``content`` does.
    ``attributes`` replaces attributes by keyword.
    """
    values = {
        "PatientID": "P1",
        "PatientName": "Doe^Jane",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "SOPInstanceUID": f"1.2.3.4.{number}",
        "SOPClassUID": _MR_IMAGE,
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
        received=_RECEIVED,
        origin=_ORIGIN,
        duplicates=duplicates,
        source_aet=_ORIGIN.calling_aet,
    )
