"""An entry as it lies in the database, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pacs_anonymize.vault.entries import Entry, Kind
from pacs_anonymize.vault.keys import VaultKeys

__all__ = ["SealedRow", "opened_entry", "sealed_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """A row of the table of entries: blind look-ups, and the entry itself encrypted."""

    kind: int
    pseudonym: bytes
    original: bytes
    sealed: bytes


def sealed_row(keys: VaultKeys, entry: Entry) -> SealedRow:
    """The row for an entry; another one each time, since encryption takes a new nonce."""
    kind = int(entry.kind)
    pseudonym = keys.blind(f"pseudonym {kind}", entry.pseudonym)
    text = json.dumps([entry.pseudonym, entry.original, entry.facts])
    return SealedRow(
        kind=kind,
        pseudonym=pseudonym,
        original=keys.blind(f"original {kind}", entry.original),
        sealed=keys.seal(text, _place(kind, pseudonym)),
    )


def opened_entry(keys: VaultKeys, row: sa.Row[Any]) -> Entry:
    """The entry of a row. Raises `VaultDamaged` for one that is not as it was written there."""
    text = keys.unseal(row.sealed, _place(row.kind, row.pseudonym))
    pseudonym, original, facts = json.loads(text)
    return Entry(kind=Kind(row.kind), pseudonym=pseudonym, original=original, facts=facts)


def _place(kind: int, pseudonym: bytes) -> bytes:
    return kind.to_bytes(2) + pseudonym
