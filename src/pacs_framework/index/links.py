"""Links between patients as rows: pairs that were declared one person, and what follows of them.

A link is between two keys, and links of links count: whoever is connected is one person, so each
of a group has all the others. A key that was merged means whom it was merged into, now and after
every merge and unmerge to come; two keys that mean one patient link it with nobody.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.index import schema
from pacs_framework.index.correction_book import Book

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

__all__ = ["Links", "keys_in"]

_pair = schema.patient_link
_linked = schema.linked_patient


class Links:
    """The links, seen through one connection; what writes needs the write lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._book = Book(connection)

    def others(self, key: PatientKey) -> tuple[PatientKey, ...]:
        """Who is the same person as ``key``, which is not merged; sorted, without itself."""
        found = self._book.find(key)
        return () if found is None else keys_in(self._stored(found.row_id))

    def group(self, key: PatientKey) -> set[PatientKey]:
        """``key`` and whoever is connected with it, by following the pairs themselves."""
        group, pending = {key}, [key]
        while pending:
            new = {end for pair in self._pairs_of(pending.pop()) for end in pair[1:]} - group
            group |= new
            pending += new
        return group

    def between(self, one: PatientKey, other: PatientKey) -> list[int]:
        """The pairs that connect these two patients directly, by their row ids."""
        ends = {one, other}
        return [row_id for row_id, *pair in self._pairs_of(one) if set(pair) == ends]

    def is_declared(self, one: PatientKey, other: PatientKey) -> bool:
        """Whether there is a pair of exactly these keys."""
        found = sa.select(_pair.c.id).filter_by(**_columns(one, other))
        return self._connection.execute(found).first() is not None

    def add(self, one: PatientKey, other: PatientKey, number: int) -> None:
        """Put a pair down that is not there, by the correction of this number."""
        values = {**_columns(one, other), "sequence": number}
        self._connection.execute(sa.insert(_pair).values(values))

    def remove(self, row_ids: Collection[int]) -> None:
        """Take pairs out."""
        self._connection.execute(sa.delete(_pair).where(_pair.c.id.in_(row_ids)))

    def settle(self, keys: Iterable[PatientKey], number: int) -> None:
        """Write down what follows now for ``keys``: all that the correction may have changed."""
        groups: dict[PatientKey, set[PatientKey]] = {}
        for key in sorted(keys, key=_order):
            found = self._book.find(key)
            if found is None:  # not linked, and nothing else is known of it
                continue
            if found.into is None and key not in groups:
                group = self.group(key)
                groups |= dict.fromkeys(group, group)
            others = groups.get(key, {key}) - {key}
            text = json.dumps([[k.patient_id, k.issuer] for k in sorted(others, key=_order)])
            self._settle(found.row_id, text if others else "", number)

    def _settle(self, row_id: int, others: str, number: int) -> None:
        before = self._stored(row_id)
        if others == before:
            return
        here = _linked.c.corrected_fk == row_id
        values = {"others": others, "sequence": number}
        if not others:
            self._connection.execute(sa.delete(_linked).where(here))
        elif before:
            self._connection.execute(sa.update(_linked).where(here).values(values))
        else:
            self._connection.execute(sa.insert(_linked).values(corrected_fk=row_id, **values))

    def _stored(self, row_id: int) -> str:
        statement = sa.select(_linked.c.others).where(_linked.c.corrected_fk == row_id)
        return self._connection.scalar(statement) or ""

    def _pairs_of(self, key: PatientKey) -> list[tuple[int, PatientKey, PatientKey]]:
        """Every pair that a patient is an end of: its row id, and the patients at both ends."""
        c = _pair.c
        found: dict[int, RowMapping] = {}
        for name in (key, *(each.key for each in self._book.merged_into(key))):
            first = sa.and_(c.patient_id == name.patient_id, c.issuer_of_patient_id == name.issuer)
            second = sa.and_(
                c.other_patient_id == name.patient_id,
                c.other_issuer_of_patient_id == name.issuer,
            )
            rows = self._connection.execute(sa.select(_pair).where(sa.or_(first, second)))
            found |= {row["id"]: row for row in rows.mappings()}
        return [(row_id, *self._now(row)) for row_id, row in found.items()]

    def _now(self, row: RowMapping) -> tuple[PatientKey, PatientKey]:
        """The patients that the two keys of a pair mean."""
        one, other = _ends(row)
        return self._book.current(one), self._book.current(other)


def keys_in(others: str | None) -> tuple[PatientKey, ...]:
    """The keys in the text of a row of ``linked_patient``; none where there is no row."""
    if not others:
        return ()
    return tuple(PatientKey(patient_id=name, issuer=issuer) for name, issuer in json.loads(others))


def _order(key: PatientKey) -> tuple[str, str]:
    return key.patient_id, key.issuer


def _ends(row: RowMapping) -> tuple[PatientKey, PatientKey]:
    return (
        PatientKey(patient_id=row["patient_id"], issuer=row["issuer_of_patient_id"]),
        PatientKey(patient_id=row["other_patient_id"], issuer=row["other_issuer_of_patient_id"]),
    )


def _columns(one: PatientKey, other: PatientKey) -> dict[str, str]:
    first, second = sorted((one, other), key=_order)
    return {
        "patient_id": first.patient_id,
        "issuer_of_patient_id": first.issuer,
        "other_patient_id": second.patient_id,
        "other_issuer_of_patient_id": second.issuer,
    }
