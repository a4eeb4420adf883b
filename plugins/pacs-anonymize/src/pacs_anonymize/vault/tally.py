"""How many entries were kept, and the sum of their marks: an entry that was taken out is missed.

The mark of an entry is a keyed hash of its row, so nobody without the key can put something else
in its place. The sum does not depend on the order, so that several processes can add to it: it
lies in parts, and each transaction adds to one of them. The parts are encrypted; who sees the sum
before and after an entry was kept would else know its mark, and could take both out.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pacs_anonymize.vault.entries import Kind
from pacs_anonymize.vault.errors import VaultDamaged
from pacs_anonymize.vault.keys import VaultKeys
from pacs_anonymize.vault.tables import TALLY

__all__ = ["Tally", "add", "begin", "read"]

_PARTS = 16
_MODULUS = 1 << 256


class _Row(Protocol):
    """What is counted: a row of the table of entries."""

    @property
    def kind(self) -> int: ...
    @property
    def pseudonym(self) -> bytes: ...
    @property
    def sealed(self) -> bytes: ...


@dataclass(slots=True)
class Tally:
    """Entries by the number of their kind, and the sum of their marks."""

    counts: Counter[int] = field(default_factory=Counter)
    total: int = 0

    def count(self, keys: VaultKeys, row: _Row | sa.Row[Any]) -> None:
        """Add one row."""
        mark = keys.mark(row.kind.to_bytes(2) + row.pseudonym + row.sealed)
        self.counts[row.kind] += 1
        self.total = (self.total + int.from_bytes(mark)) % _MODULUS

    def check(self, there: Tally) -> None:
        """Compare with what is ``there``, counted anew. Raises `VaultDamaged`."""
        kept, found = self.counts.total(), there.counts.total()
        if kept > found:
            kinds = ", ".join(
                f"{missing} of kind {Kind(kind).name}"
                for kind, missing in sorted((self.counts - there.counts).items())
            )
            raise VaultDamaged(
                f"{kept - found} of {kept} entries of the vault are gone ({kinds}): somebody took "
                f"them out; restore it from a backup"
            )
        if self != there:
            raise VaultDamaged(
                f"the vault has {found} entries, which are not the {kept} that were kept: somebody "
                f"put others in their place; restore it from a backup"
            )


def begin(connection: Connection, keys: VaultKeys, tally: Tally | None = None) -> None:
    """Write all parts anew, the first of them with ``tally``."""
    parts = [tally or Tally(), *(Tally() for _ in range(_PARTS - 1))]
    connection.execute(sa.delete(TALLY))
    rows = [{"part": part, "sealed": _sealed(keys, part, each)} for part, each in enumerate(parts)]
    connection.execute(sa.insert(TALLY), rows)


def add(connection: Connection, keys: VaultKeys, rows: Iterable[_Row]) -> None:
    """Count rows that were inserted in the same transaction."""
    part = secrets.randbelow(_PARTS)
    here = TALLY.c.part == part
    found = connection.execute(sa.select(TALLY).where(here).with_for_update()).one_or_none()
    if found is None:
        raise _broken()
    tally = _opened(keys, found)
    for row in rows:
        tally.count(keys, row)
    connection.execute(sa.update(TALLY).where(here).values(sealed=_sealed(keys, part, tally)))


def read(connection: Connection, keys: VaultKeys) -> Tally:
    """What was kept, all parts together. Raises `VaultDamaged`."""
    parts = list(_parts(connection, keys))
    if len(parts) != _PARTS:
        raise _broken()
    return Tally(
        counts=sum((each.counts for each in parts), Counter()),
        total=sum(each.total for each in parts) % _MODULUS,
    )


def _parts(connection: Connection, keys: VaultKeys) -> Iterator[Tally]:
    for row in connection.execute(sa.select(TALLY)):
        yield _opened(keys, row)


def _sealed(keys: VaultKeys, part: int, tally: Tally) -> bytes:
    return keys.seal(json.dumps([sorted(tally.counts.items()), tally.total]), _place(part))


def _opened(keys: VaultKeys, row: sa.Row[Any]) -> Tally:
    counts, total = json.loads(keys.unseal(row.sealed, _place(row.part)))
    return Tally(Counter(dict(counts)), total)


def _place(part: int) -> bytes:
    return b"tally" + part.to_bytes(2)


def _broken() -> VaultDamaged:
    return VaultDamaged("a part of the vault's tally is gone: restore the vault from a backup")
