"""What the ingest door hands to the index, and what the index answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pacs_framework.archive.incoming import Origin
from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "LONGEST_KEY",
    "DuplicatePolicy",
    "Entry",
    "Stored",
    "StoredAs",
    "index_values",
    "storable",
]

LONGEST_KEY = 256
"""Characters that a value may have in a column that an index of the database covers.

No such VR allows more than 64 characters a component group (PS3.5 Table 6.2-1); PostgreSQL refuses
rows whose index entry does not fit a third of a page.
"""

_EMPTY = dict.fromkeys(INDEXED, "")
_BOUNDED = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "Modality",
)


class DuplicatePolicy(StrEnum):
    """What becomes of an instance whose SOP Instance UID is in the archive with other content."""

    IGNORE = "ignore"
    REPLACE = "replace"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An instance whose object is durable and that is to be indexed.

    ``attributes`` holds every keyword of `INDEXED` (see `index_values`). ``size`` counts the bytes
    of the whole object, of which the first ``dataset_offset`` are the Part 10 prefix. The digests
    are SHA-256. ``received`` is in UTC. ``source_aet`` is the AE title that it was stored from,
    empty where none is known (see `pacs_framework.archive.source`).
    """

    attributes: Mapping[str, str]
    transfer_syntax_uid: str
    storage_key: str
    version: str
    dataset_offset: int
    size: int
    prefix_digest: bytes
    dataset_digest: bytes
    received: dt.datetime
    origin: Origin
    duplicates: DuplicatePolicy
    source_aet: str = ""


class StoredAs(StrEnum):
    """What the index made of an entry."""

    NEW = "new"
    IDENTICAL = "identical"  # the same bytes are there already: the new object is not needed
    IGNORED = "ignored"  # other bytes are there already and stay
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The outcome of one entry. ``superseded_key`` names the object that REPLACED took out."""

    outcome: StoredAs
    superseded_key: str | None = None

    @property
    def keeps_object(self) -> bool:
        """Whether the index names the entry's own object now."""
        return self.outcome in (StoredAs.NEW, StoredAs.REPLACED)


def index_values(attributes: Mapping[str, str]) -> dict[str, str]:
    """Every indexed attribute as text that both databases can hold, empty where it is absent.

    NUL and lone surrogates, which PostgreSQL refuses, become U+FFFD. Raises `UnreadableInstance`
    for a value that is longer than its column can index.
    """
    values = {**_EMPTY, **attributes}
    joined = "".join(values.values())
    if not joined.isascii() or "\0" in joined:
        values = {keyword: storable(value) for keyword, value in values.items()}
    if len(joined) > LONGEST_KEY:
        for keyword in _BOUNDED:
            if len(values[keyword]) > LONGEST_KEY:
                raise UnreadableInstance(
                    f"{keyword} has {len(values[keyword])} characters; "
                    f"the index takes up to {LONGEST_KEY}"
                )
    return values


def storable(value: str) -> str:
    """``value`` without what UTF-8 or PostgreSQL cannot carry."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
