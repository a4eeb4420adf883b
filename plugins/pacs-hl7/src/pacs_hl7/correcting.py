"""Patient updates carried out in the archive and in the worklist (IHE PIR)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.incoming import Origin
from pacs_worklist.api import Worklist

if TYPE_CHECKING:
    from pacs_framework.archive.patients import Patients
    from pacs_hl7.patients import PatientChange

__all__ = ["Corrections"]

_DOOR = "hl7"


class Corrections:
    """Corrects patients. What the archive refuses is refused before the worklist is touched.

    Images often have a Patient ID without an issuer. Such an ID means the patient of
    ``local_issuers``, of any issuer when that is empty, and is corrected with that.
    """

    def __init__(
        self, patients: Patients, worklist: Worklist, local_issuers: Sequence[str]
    ) -> None:
        self._patients = patients
        self._worklist = worklist
        self._local = frozenset(local_issuers)

    def update(self, changes: Sequence[PatientChange], by: str, reason: str, address: str) -> None:
        """Correct demographics of all or of none. Raises `CorrectionRefused` and
        `IndexUnavailable`.
        """
        origin = Origin(door=_DOOR, address=address)
        changes = [each for each in changes if each.demographics]
        with self._patients.together(by=by, reason=reason, origin=origin) as together:
            for change in changes:
                for key in self._keys(change.patient):
                    together.update(key, change.demographics)
        for change in changes:
            for key in self._keys(change.patient):
                self._write(self._patients.current(key), change)

    def merge(
        self,
        changes: Sequence[PatientChange],
        by: str,
        reason: str,
        address: str,
        *,
        anew: bool = False,
    ) -> None:
        """Make prior patients one with others, or give them new identifiers (``anew``).

        All of them or none. Raises `CorrectionRefused` and `IndexUnavailable`.
        """
        origin = Origin(door=_DOOR, address=address)
        with self._patients.together(by=by, reason=reason, origin=origin) as together:
            correct = together.change_id if anew else together.merge
            for change in changes:
                for prior, patient in self._pairs(change):
                    correct(prior, patient, change.demographics)
        for change in changes:
            for prior, _ in self._pairs(change):
                self._write(prior, change)

    def link(
        self,
        pair: tuple[PatientKey, PatientKey],
        by: str,
        reason: str,
        address: str,
        *,
        apart: bool = False,
    ) -> None:
        """Declare two patients to be one person, or no longer so (``apart``).

        Each under every key that it is known by: all of them or none. Raises `CorrectionRefused`
        and `IndexUnavailable`.
        """
        origin = Origin(door=_DOOR, address=address)
        with self._patients.together(by=by, reason=reason, origin=origin) as together:
            correct = together.unlink if apart else together.link
            for one, other in product(*map(self._keys, pair)):
                if one != other:
                    correct(one, other)

    def _keys(self, key: PatientKey) -> list[PatientKey]:
        """The patient as named, and as images without an issuer name it."""
        if not key.issuer or (self._local and key.issuer not in self._local):
            return [key]
        return [key, PatientKey(patient_id=key.patient_id)]

    def _pairs(self, change: PatientChange) -> list[tuple[PatientKey, PatientKey]]:
        """Who becomes whom: with issuers, and without."""
        assert change.prior is not None
        prior, patient = change.prior, change.patient
        # MRG-1 often leaves the issuer out that PID-3 has: then it is the same one.
        named = PatientKey(patient_id=prior.patient_id, issuer=prior.issuer or patient.issuer)
        pairs = [(named, patient)]
        if len(self._keys(named)) > 1 and len(self._keys(patient)) > 1:
            bare = (PatientKey(patient_id=k.patient_id) for k in (named, patient))
            pairs.append((next(bare), next(bare)))
        return [(old, new) for old, new in pairs if old != new]

    def _write(self, key: PatientKey, change: PatientChange) -> None:
        """The same in the steps of the worklist."""
        attributes = Dataset()
        for keyword, text in change.demographics.items():
            setattr(attributes, keyword, text)
        if change.prior is not None:
            attributes.PatientID = change.patient.patient_id
            if key.issuer:
                attributes.IssuerOfPatientID = change.patient.issuer
        self._worklist.change_patient(key.patient_id, attributes, issuer_of_patient_id=key.issuer)
