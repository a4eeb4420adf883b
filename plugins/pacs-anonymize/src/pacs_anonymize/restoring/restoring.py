"""De-identified instances, and results that were made of them, put back to their patients.

What comes back is one of two: an instance that went out, or something new that refers to such ones
(a segmentation, a report, a series). Both get the patient, the study and every UID that the vault
knows. What it does not know is new, and stays: the UIDs of a result are its own.

Dates: those of the study come from the vault. Where the dates of a patient were moved, those of an
instance that went out all move back; of a result only those that speak of the acquisition, since
when it was made itself is true already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from pacs_anonymize.engine.dates import shifted_date, shifted_datetime
from pacs_anonymize.vault.entries import Entry, Kind
from pacs_anonymize.vault.recording import PATIENT_ATTRIBUTES, STUDY_ATTRIBUTES
from pacs_anonymize.vault.trail import Act
from pacs_anonymize.vault.vault import Vault
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import PacsError

__all__ = ["NotRestored", "Restorer"]

_STATEMENT = (
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
)
_LONGITUDINAL = "LongitudinalTemporalInformationModified"
_NEVER_ABSENT = frozenset(
    (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
        *("AccessionNumber", "StudyID", "ReferringPhysicianName"),
    )
)
"""Of type 2 in Patient and General Study (PS3.3 C.7.1.1, C.7.2.1)."""

_OF_ACQUISITION = frozenset(
    (
        *("AcquisitionDate", "AcquisitionDateTime", "FrameAcquisitionDateTime"),
        *("FrameReferenceDateTime", "RadiopharmaceuticalStartDateTime"),
        *("RadiopharmaceuticalStopDateTime", "DateOfLastCalibration", "DateTimeOfLastCalibration"),
        *("LastMenstrualDate", "DateOfSecondaryCapture"),
    )
)
_TEXTS = frozenset(("LO", "LT", "SH", "ST", "UC", "UT"))


class NotRestored(PacsError):
    """An instance cannot be put back to its patient. Its message holds no patient data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the vault says of one instance."""

    pseudonym: str
    patient: Dataset
    study: Dataset | None
    uids: dict[str, str]
    days: int | None


class Restorer:
    """Puts instances back to their patients; who does so and why goes into the trail first."""

    def __init__(self, vault: Vault, *, who: str, reason: str) -> None:
        self._vault = vault
        self._who = who
        self._reason = reason

    def restore(self, dataset: Dataset) -> Dataset:
        """``dataset``, a header without pixel data, changed in place.

        Raises `NotRestored` where its patient is not in the vault, and `VaultError`.
        """
        try:
            known = self._look_up(dataset)
            _restore(dataset, known)
        except PYDICOM_FAILURES as error:
            raise NotRestored(f"the data set cannot be followed: {type(error).__name__}") from None
        return dataset

    def _look_up(self, dataset: Dataset) -> _Known:
        pseudonym = str(dataset.get("PatientID") or "")
        if not pseudonym:
            raise NotRestored("it has no Patient ID (0010,0020) to be found by")
        subject = f"{pseudonym} {dataset.get('SOPInstanceUID', '')}".strip()
        self._vault.note(
            [Act(who=self._who, action="restore", subject=subject, reason=self._reason)]
        )
        patient = self._vault.by_pseudonym(Kind.PATIENT, [pseudonym]).get(pseudonym)
        if patient is None:
            raise NotRestored(
                "its Patient ID is no pseudonym of this vault: it was de-identified without "
                "--map, with another vault, or never"
            )
        days = self._vault.by_pseudonym(Kind.DAYS, [pseudonym]).get(pseudonym)
        links = self._vault.by_pseudonym(Kind.UID, {uid for _, uid in _uids(dataset)})
        facts = self._study_facts(dataset, pseudonym)
        return _Known(
            pseudonym=pseudonym,
            patient=Dataset.from_json(facts["patient"] if facts else patient.facts),
            study=Dataset.from_json(facts["study"]) if facts else None,
            uids={link.pseudonym: link.original for link in links.values()},
            days=None if days is None else int(days.original),
        )

    def _study_facts(self, dataset: Dataset, pseudonym: str) -> dict[str, Any] | None:
        uid = str(dataset.get("StudyInstanceUID") or "")
        study: Entry | None = self._vault.by_pseudonym(Kind.STUDY, [uid]).get(uid)
        if study is None:
            return None
        facts: dict[str, Any] = json.loads(study.facts)
        if facts["pseudonym"] != pseudonym:
            raise NotRestored("its study is one of another patient: nothing of it can be trusted")
        return facts


def _restore(dataset: Dataset, known: _Known) -> None:
    went_out = str(dataset.get("SOPInstanceUID")) in known.uids
    modified = dataset.get(_LONGITUDINAL)
    if known.days is not None and (modified == "MODIFIED" or (not modified and not went_out)):
        _move_dates(dataset, -known.days, None if went_out else _OF_ACQUISITION)
    _replace_pseudonym(dataset, known)
    _put(dataset, PATIENT_ATTRIBUTES, known.patient)
    if known.study is not None:
        _put(dataset, STUDY_ATTRIBUTES, known.study)
    for element, uid in list(_uids(dataset)):
        if uid in known.uids:
            _exchange(element, known.uids.get)
    _take_back_statement(dataset, went_out=went_out)


def _take_back_statement(dataset: Dataset, *, went_out: bool) -> None:
    """It says of nobody any more that they are not to be known (PS3.15 E.1.2).

    Dates that were removed from an instance are not there again, so that stays said.
    """
    for keyword in _STATEMENT:
        if keyword in dataset:
            delattr(dataset, keyword)
    if _LONGITUDINAL in dataset and not (went_out and dataset[_LONGITUDINAL].value == "REMOVED"):
        delattr(dataset, _LONGITUDINAL)


def _put(dataset: Dataset, keywords: tuple[str, ...], known: Dataset) -> None:
    """Replace attributes by what was known of them; those of type 2 stay, empty."""
    for keyword in keywords:
        if keyword in known:
            dataset[keyword] = known[keyword]
        elif keyword in _NEVER_ABSENT:
            setattr(dataset, keyword, None)
        elif keyword in dataset:
            delattr(dataset, keyword)


def _replace_pseudonym(dataset: Dataset, known: _Known) -> None:
    """The pseudonym where else it stands, as in the subject of a report (PS3.16 TID 1007)."""
    identifier = str(known.patient.get("PatientID") or "")
    name = known.patient.get("PatientName")
    for element in _elements(dataset):
        if element.is_empty or known.pseudonym not in _values(element):
            continue
        if element.VR == "PN":
            element.value = name or identifier
        elif element.VR in _TEXTS:
            _exchange(element, {known.pseudonym: identifier}.get)


def _move_dates(dataset: Dataset, days: int, only: frozenset[str] | None) -> None:
    for element in _elements(dataset):
        move = {"DA": shifted_date, "DT": shifted_datetime}.get(element.VR)
        if move is None or element.is_empty or (only is not None and element.keyword not in only):
            continue
        _exchange(element, lambda value, move=move: move(value, days))  # type: ignore[misc]


def _exchange(element: DataElement, new: Callable[[str], str | None]) -> None:
    """Replace each value for which there is a new one."""
    values = [new(value) or value for value in _values(element)]
    element.value = values if len(values) > 1 else values[0]


def _values(element: DataElement) -> list[str]:
    value = element.value
    return [str(each) for each in (value if isinstance(value, MultiValue) else [value])]


def _uids(dataset: Dataset) -> Iterator[tuple[DataElement, str]]:
    for element in _elements(dataset):
        if element.VR == "UI" and not element.is_empty:
            yield from ((element, value) for value in _values(element))


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    """Every element that is no sequence, at every depth."""
    for element in dataset:
        if isinstance(element.value, Sequence):
            for item in element.value:
                yield from _elements(item)
        else:
            yield element
