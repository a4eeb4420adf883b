"""Correcting patients: other demographics, another Patient ID, two that are one (IHE PIR).

What was stored stays as it came. A correction is a row of its own; the index follows in the same
transaction, whatever is retrieved from then on carries what holds now, and instances that arrive
later under the old key are filed under the new one (`pacs_framework.index.filing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from pacs_framework.archive.correcting_together import CorrectionsTogether
from pacs_framework.archive.corrections import Correction, PatientKey, stripped
from pacs_framework.archive.incoming import Origin
from pacs_framework.index import schema
from pacs_framework.index.correcting import Correcting
from pacs_framework.index.correction_book import Book, CorrectionLabel
from pacs_framework.index.known_patients import (
    Patient,
    known_keys,
    known_patient,
    parted_instances,
)
from pacs_framework.index.links import Links
from pacs_framework.index.queries import reading
from pacs_framework.index.what_holds import what_holds

if TYPE_CHECKING:
    from pacs_framework.archive.recorded_values import FirstValues
    from pacs_framework.index.database import Database

__all__ = ["Patients"]

_ORIGIN = Origin(door="patients")

_log = structlog.get_logger(__name__)


class Patients:
    """The corrections of one archive. Safe to use from many threads, processes and nodes.

    Each correction is one transaction and durable when it returns. It is a `Correction`, or None
    where everything was so already. Raises `CorrectionRefused` and `IndexUnavailable`; then
    nothing was changed.
    """

    def __init__(
        self, database: Database, first_values: FirstValues, on_commit: Callable[[], None]
    ) -> None:
        self._database = database
        self._first_values = first_values
        self._on_commit = on_commit

    def update(
        self,
        key: PatientKey,
        changes: Mapping[str, str],
        *,
        by: str,
        reason: str,
        origin: Origin = _ORIGIN,
    ) -> Correction | None:
        """Correct demographics, by keyword (see `CORRECTABLE`); empty text empties an attribute.

        A key that was merged means the patient that it was merged into. The patient need not have
        instances yet.
        """
        with self.together(by=by, reason=reason, origin=origin) as corrections:
            return corrections.update(key, changes)

    def merge(
        self,
        prior: PatientKey,
        into: PatientKey,
        changes: Mapping[str, str] | None = None,
        *,
        by: str,
        reason: str,
        origin: Origin = _ORIGIN,
    ) -> Correction | None:
        """Make ``prior`` one with ``into``, whose demographics stay, corrected by ``changes``.

        What is unknown of ``into`` it takes from ``prior``. Refused in a circle, and where
        ``prior`` was merged into another already.
        """
        with self.together(by=by, reason=reason, origin=origin) as corrections:
            return corrections.merge(prior, into, changes)

    def change_id(
        self,
        prior: PatientKey,
        new: PatientKey,
        changes: Mapping[str, str] | None = None,
        *,
        by: str,
        reason: str,
        origin: Origin = _ORIGIN,
    ) -> Correction | None:
        """Give ``prior`` another key. Refused where ``new`` is a patient already: `merge` those."""
        with self.together(by=by, reason=reason, origin=origin) as corrections:
            return corrections.change_id(prior, new, changes)

    def unmerge(
        self, prior: PatientKey, *, by: str, reason: str, origin: Origin = _ORIGIN
    ) -> Correction | None:
        """Take ``prior`` out of the patient that it was merged into, with all that names it.

        What the merge corrected of the other goes back, unless it was corrected since. Both get
        the values of their own instances, of which one in each series is read in the storage; so it
        raises `StorageError` too.
        """
        prior = stripped(prior)
        with reading(self._database) as connection:
            pair = parted_instances(connection, prior)
        if pair is None:
            return None
        own, others = (self._first_values(instances) for instances in pair)
        with self.together(by=by, reason=reason, origin=origin) as corrections:
            return corrections.unmerge(prior, own, others)

    def link(
        self, one: PatientKey, other: PatientKey, *, by: str, reason: str, origin: Origin = _ORIGIN
    ) -> Correction | None:
        """Declare two patients to be one person; both keep their identifiers and their instances.

        Links of links count: whoever is connected is one person. What is retrieved of one has the
        others in Other Patient IDs Sequence (0010,1002), and so have answers to queries that ask
        for it. A key that was merged means whom it was merged into. Neither need have instances
        yet. Refused where both are one patient already.
        """
        with self.together(by=by, reason=reason, origin=origin) as corrections:
            return corrections.link(one, other)

    def unlink(
        self, one: PatientKey, other: PatientKey, *, by: str, reason: str, origin: Origin = _ORIGIN
    ) -> Correction | None:
        """Take a link back; who is connected with both by other links goes on being so.

        None where they are not linked at all; refused where they are by way of others alone.
        """
        with self.together(by=by, reason=reason, origin=origin) as corrections:
            return corrections.unlink(one, other)

    def linked(self, key: PatientKey) -> tuple[PatientKey, ...]:
        """The other patients who are the same person as the one that ``key`` means now, sorted."""
        with reading(self._database) as connection:
            current = Book(connection).current(stripped(key))
            return Links(connection).others(current)

    def current(self, key: PatientKey) -> PatientKey:
        """The patient that ``key`` means now."""
        with reading(self._database) as connection:
            return Book(connection).current(stripped(key))

    def find(self, key: PatientKey) -> Patient | None:
        """The patient that ``key`` means now; None where nothing is known of it."""
        with reading(self._database) as connection:
            current = Book(connection).current(stripped(key))
            return known_patient(connection, current)

    def carried_by(self, sop_instance_uid: str) -> PatientKey | None:
        """The key in an instance itself where that patient was merged into another."""
        with reading(self._database) as connection:
            holds = what_holds(connection, sop_instance_uid)
        return holds.carried if holds is not None else None

    def keys_of(self, patient_id: str) -> list[PatientKey]:
        """Every key with this Patient ID that has instances or corrections, sorted by issuer."""
        patient_id = stripped(PatientKey(patient_id=patient_id)).patient_id
        issuers: set[str] = set()
        with reading(self._database) as connection:
            for table in (schema.patient, schema.corrected_patient):
                c = table.c
                statement = sa.select(c.issuer_of_patient_id).where(c.patient_id == patient_id)
                issuers.update(connection.scalars(statement))
        return [PatientKey(patient_id=patient_id, issuer=issuer) for issuer in sorted(issuers)]

    def known(self, *, limit: int, corrected: bool = False) -> list[Patient]:
        """The first ``limit`` patients by Patient ID and issuer; only the ``corrected`` ones."""
        with reading(self._database) as connection:
            keys = known_keys(connection, limit, corrected=corrected)
            found = (known_patient(connection, key) for key in keys)
            return [patient for patient in found if patient is not None]

    def history(self, key: PatientKey | None = None) -> list[Correction]:
        """The corrections that made a patient what it is, oldest first; all of them for None."""
        with reading(self._database) as connection:
            book = Book(connection)
            if key is None:
                return list(book.history())
            key = stripped(key)
            current = book.current(key)
            merged = [each.key for each in book.merged_into(current)]
            return list(book.history({key, current, *merged}))

    @contextmanager
    def together(
        self, *, by: str, reason: str, origin: Origin = _ORIGIN
    ) -> Iterator[CorrectionsTogether]:
        """Several corrections in one transaction: all of them when the block ends, or none when it
        raises. Nobody sees some without the others. Be quick: all else that is written waits.
        """
        label = CorrectionLabel(by=_storable(by), reason=_storable(reason), origin=origin)
        done: list[Correction] = []
        with self._database.writing() as connection:
            yield CorrectionsTogether(Correcting(connection, label), done)
        self._on_commit()
        for correction in done:
            _tell(correction)


def _storable(text: str) -> str:
    """``text`` without what UTF-8 or PostgreSQL cannot carry."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _tell(correction: Correction) -> None:
    """The audit line; the patient's values are in the database, not in the log."""
    _log.info(
        "a patient was corrected",
        number=correction.number,
        kind=correction.kind.value,
        by=correction.by,
    )
