"""One correction of a patient inside its transaction: its rows, and the index that follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.archive.corrections import Correction, CorrectionKind, PatientKey
from pacs_framework.errors import CorrectionRefused
from pacs_framework.index import schema
from pacs_framework.index.correction_book import Book, CorrectionLabel, Draft
from pacs_framework.index.known_patients import (
    COLUMN_OF,
    instances_recorded,
    instances_under,
    is_known,
    row_values,
)
from pacs_framework.index.links import Links
from pacs_framework.index.relocation import patient_row, relocate, write_patient

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Correcting"]

_MOST_LINKED = 50  # patients that are one person: each answer names them all


class Correcting:
    """One correction, in a transaction that holds the write lock."""

    def __init__(self, connection: Connection, label: CorrectionLabel) -> None:
        self._connection = connection
        self._book = Book(connection)
        self._links = Links(connection)
        self._label = label

    def update(self, key: PatientKey, changes: Mapping[str, str]) -> Correction | None:
        """See `Patients.update`. Nothing to do where all of it was corrected like this already."""
        key = self._book.current(key)
        corrected = self._demographics(key)
        if all(corrected.get(keyword) == text for keyword, text in changes.items()):
            return None
        known = {**row_values(self._connection, key), **corrected}
        before = {keyword: known.get(keyword, "") for keyword in changes}
        correction = self._add(CorrectionKind.UPDATE, key, None, before, changes)
        self._hold(key, {**corrected, **changes}, correction)
        return correction

    def merge(
        self,
        kind: CorrectionKind,
        prior: PatientKey,
        into: PatientKey,
        changes: Mapping[str, str],
    ) -> Correction | None:
        """See `Patients.merge` and `Patients.change_id`. Raises `CorrectionRefused`."""
        if not prior.patient_id:
            raise CorrectionRefused("instances without Patient ID are no patient to be merged")
        target = self._book.current(into)
        found = self._book.find(prior)
        if found is not None and found.into is not None:
            if self._book.current(prior) != target:
                raise CorrectionRefused(
                    "the prior patient is merged into another one already; unmerge it first"
                )
            return self.update(target, changes) if changes else None
        self._check(kind, prior, target)
        return self._merge(kind, prior, target, changes)

    def _check(self, kind: CorrectionKind, prior: PatientKey, target: PatientKey) -> None:
        if target == prior:
            raise CorrectionRefused("a patient cannot be merged into itself, nor in a circle")
        if kind is CorrectionKind.CHANGE_ID and is_known(self._connection, target):
            raise CorrectionRefused(
                "there is a patient of the new key already; merge where both are one"
            )

    def _merge(
        self,
        kind: CorrectionKind,
        prior: PatientKey,
        target: PatientKey,
        changes: Mapping[str, str],
    ) -> Correction:
        persons = self._links.group(prior) | self._links.group(target)
        before, pinned = self._demographics(target), self._pinned(prior)
        source = {**row_values(self._connection, prior), **pinned}
        own = {**row_values(self._connection, target), **before}
        # All that is known of the two is pinned, what was emptied as well: which of their instances
        # came first in time, and would give its values to a rebuilt index, no longer matters.
        after = {k: v for k, v in source.items() if (v or k in pinned) and not own.get(k)}
        after |= {k: v for k, v in own.items() if v or k in before}
        after |= changes
        correction = self._add(kind, prior, target, before, after)
        row_id = self._book.write(
            prior, into=target, demographics=self._demographics(prior), number=correction.number
        )
        self._book.write(target, into=None, demographics=after, number=correction.number)
        self._move(prior, target, after, row_id)
        self._links.settle(persons, correction.number)
        return correction

    def _move(
        self, prior: PatientKey, target: PatientKey, values: Mapping[str, str], row_id: int
    ) -> None:
        """The instances of ``prior`` to ``target``, each with a note of whose key it carries."""
        row = patient_row(self._connection, prior.patient_id, prior.issuer)
        if row is None:
            self._rewrite(target, values)
            return
        recorded = schema.recorded_patient
        moved = instances_under(row["id"])
        unnoted = sa.select(moved.subquery().c.id, sa.literal(row_id, recorded.c.corrected_fk.type))
        unnoted = unnoted.where(
            ~sa.exists().where(recorded.c.instance_fk == unnoted.selected_columns[0])
        )
        self._connection.execute(
            sa.insert(recorded).from_select(["instance_fk", "corrected_fk"], unnoted)
        )
        target_row = write_patient(
            self._connection, target.patient_id, target.issuer, columns_of(values)
        )
        relocate(self._connection, moved, target_row)

    def unmerge(
        self, prior: PatientKey, own: Mapping[str, str], others: Mapping[str, str]
    ) -> Correction | None:
        """``own`` and ``others``: what the instances say of ``prior`` and of those that stay."""
        found = self._book.find(prior)
        if found is None or found.into is None:
            return None
        into = found.into
        if self._book.current(into) != into:
            raise CorrectionRefused(
                "the patient it was merged into is itself merged into another; unmerge that first"
            )
        persons = self._links.group(into) | {prior}
        merge = self._book.correction(found.number)
        before = self._demographics(into)
        after = _taken_back(before, merge)
        correction = self._add(CorrectionKind.UNMERGE, prior, into, before, after)
        demographics = found.demographics
        row_id = self._book.write(
            prior, into=None, demographics=demographics, number=correction.number
        )
        self._book.write(into, into=None, demographics=after, number=correction.number)
        self._part(prior, row_id, {**own, **demographics})
        self._rewrite(into, {**dict.fromkeys(COLUMN_OF, ""), **others, **after})
        self._links.settle(persons, correction.number)
        return correction

    def link(self, one: PatientKey, other: PatientKey) -> Correction | None:
        """See `Patients.link`. Raises `CorrectionRefused`."""
        one, other = self._two(one, other)
        if self._links.is_declared(one, other):
            return None
        persons = self._links.group(one) | self._links.group(other)
        if len(persons) > _MOST_LINKED:
            raise CorrectionRefused(
                f"more than {_MOST_LINKED} patients would be linked as one person"
            )
        correction = self._add(CorrectionKind.LINK, one, other, {}, {})
        for key in (one, other):
            if self._book.find(key) is None:
                self._book.write(key, into=None, demographics={}, number=correction.number)
        self._links.add(one, other, correction.number)
        self._links.settle(persons, correction.number)
        return correction

    def unlink(self, one: PatientKey, other: PatientKey) -> Correction | None:
        """See `Patients.unlink`. Raises `CorrectionRefused`."""
        one, other = self._two(one, other)
        persons = self._links.group(one)
        pairs = self._links.between(one, other)
        if not pairs and other in persons:
            raise CorrectionRefused(
                "the two are linked by way of others alone; unlink one of them from those"
            )
        if not pairs:
            return None
        correction = self._add(CorrectionKind.UNLINK, one, other, {}, {})
        self._links.remove(pairs)
        self._links.settle(persons, correction.number)
        return correction

    def _two(self, one: PatientKey, other: PatientKey) -> tuple[PatientKey, PatientKey]:
        """Whom the keys mean now. Raises `CorrectionRefused` where that is one patient."""
        first, second = self._book.current(one), self._book.current(other)
        if first != second:
            return first, second
        if one == other:
            raise CorrectionRefused("a patient is not linked with itself; name two")
        raise CorrectionRefused(
            "the two were merged, so they are one patient; unmerge them where they are not"
        )

    def _part(self, prior: PatientKey, row_id: int, values: Mapping[str, str]) -> None:
        rows = {row_id, *(each.row_id for each in self._book.merged_into(prior))}
        moved = instances_recorded(rows)
        if self._connection.execute(moved.limit(1)).first() is not None:
            target = write_patient(
                self._connection, prior.patient_id, prior.issuer, columns_of(values)
            )
            relocate(self._connection, moved, target)
        recorded = schema.recorded_patient
        self._connection.execute(sa.delete(recorded).where(recorded.c.corrected_fk == row_id))

    def _hold(
        self, key: PatientKey, demographics: Mapping[str, str], correction: Correction
    ) -> None:
        """Make ``demographics`` what holds of a patient, in the index as well."""
        self._book.write(key, into=None, demographics=demographics, number=correction.number)
        self._rewrite(key, demographics)

    def _rewrite(self, key: PatientKey, values: Mapping[str, str]) -> None:
        if patient_row(self._connection, key.patient_id, key.issuer) is not None:
            write_patient(self._connection, key.patient_id, key.issuer, columns_of(values))

    def _demographics(self, key: PatientKey) -> dict[str, str]:
        found = self._book.find(key)
        return dict(found.demographics) if found is not None else {}

    def _pinned(self, key: PatientKey) -> dict[str, str]:
        """The corrected values of a key that the index has columns for, by keyword."""
        corrected = self._demographics(key)
        return {keyword: text for keyword, text in corrected.items() if keyword in COLUMN_OF}

    def _add(
        self,
        kind: CorrectionKind,
        patient: PatientKey,
        into: PatientKey | None,
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> Correction:
        label = self._label
        draft = Draft(
            kind=kind,
            patient=patient,
            into=into,
            by=label.by,
            reason=label.reason,
            before=before,
            after=after,
        )
        return self._book.add(draft, label.origin)


def _taken_back(now: Mapping[str, str], merge: Correction) -> dict[str, str]:
    """Corrected values without those that ``merge`` brought and nobody corrected since."""
    result = dict(now)
    for keyword, text in merge.after.items():
        if result.get(keyword) != text or merge.before.get(keyword) == text:
            continue
        if keyword in merge.before:
            result[keyword] = merge.before[keyword]
        else:
            del result[keyword]
    return result


def columns_of(values: Mapping[str, str]) -> dict[str, str]:
    """Of values by keyword those that the index has columns for, by column."""
    return {COLUMN_OF[k]: text for k, text in values.items() if k in COLUMN_OF}
