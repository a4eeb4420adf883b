"""What an anonymizer did to an instance, as entries of a vault, written before the answer goes on.

It is found by comparing what went in with what came out, so it holds for every anonymizer, those of
other plugins too. Only what was changed is kept: names in other places are not looked for.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag, Tag

from pacs_anonymize.vault.entries import Entry, Kind, identity_of
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet, data_set_of
from pacs_framework.anonymizers.uids import is_of_an_instance
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import NotAnonymized

__all__ = ["PATIENT_ATTRIBUTES", "STUDY_ATTRIBUTES", "Recording", "Remembering"]

PATIENT_ATTRIBUTES = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "TypeOfPatientID"),
    *("IssuerOfPatientIDQualifiersSequence", "PatientBirthDate", "PatientBirthTime", "PatientSex"),
    *("OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "PatientBirthName"),
)
"""Who somebody is (PS3.3 C.7.1.1), and no more than that."""

STUDY_ATTRIBUTES = (
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription"),
    *("AccessionNumber", "IssuerOfAccessionNumberSequence", "ReferringPhysicianName"),
    *("PatientAge", "PatientSize", "PatientWeight"),
)
"""What a study is known by (PS3.3 C.7.2.1, C.7.2.2)."""

_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate")
_CHARACTER_SET = Tag("SpecificCharacterSet")
_TAGS = {
    keyword: Tag(keyword)
    for keyword in (
        *("SpecificCharacterSet", "PatientIdentityRemoved"),
        *("LongitudinalTemporalInformationModified", *_DATES),
        *(*PATIENT_ATTRIBUTES, *STUDY_ATTRIBUTES),
    )
}

Element: TypeAlias = DataElement | RawDataElement
Place: TypeAlias = tuple[tuple[int, int, int], ...]
"""Where an element stands: the tag of each sequence, which item of how many; its own tag last."""


class Keep(Protocol):
    """Takes entries, which are durable when it returns, or raises.

    What it knows already need not be put together again with all its facts.
    """

    def __call__(self, entries: Sequence[Entry], /) -> None: ...

    def knows(self, entry: Entry, /) -> bool:
        """Whether an entry was kept before."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What an instance said before it was de-identified, still encoded where it was."""

    held: dict[BaseTag, Element]
    uids: dict[Place, str]

    @classmethod
    def of(cls, dataset: Dataset) -> Recording:
        """Look at ``dataset``, whose elements are not decoded for it."""
        return cls(_held(dataset), dict(_uids(dataset)))

    def entries(self, answer: Dataset, knows: Callable[[Entry], bool]) -> list[Entry]:
        """What leads from ``answer`` back to this. Raises `NotAnonymized` where nothing would.

        An entry that ``knows`` comes without its facts.
        """
        after = _held(answer)
        pseudonym = _text(after, "PatientID")
        uids = list(self._changed_uids(answer))
        anonymous = _text(self.held, "PatientIdentityRemoved") == "YES"
        if anonymous and pseudonym == _text(self.held, "PatientID"):
            return uids  # it has been through before; who it is, is known from then
        if not pseudonym:
            raise NotAnonymized(
                "there is no way back from what the anonymizer made: it has no Patient ID"
            )
        patient = self._patient(pseudonym)
        if not knows(patient):
            patient = replace(patient, facts=json.dumps(self._model(PATIENT_ATTRIBUTES)))
        study = self._study(_text(after, "StudyInstanceUID"))
        if not knows(study):
            study = replace(study, facts=self._study_facts(pseudonym))
        return [patient, study, *uids, *self._days(pseudonym, after)]

    def _patient(self, pseudonym: str) -> Entry:
        issuer, identifier = _text(self.held, "IssuerOfPatientID"), _text(self.held, "PatientID")
        if not identifier:  # without one, it is the study that tells patients apart
            identifier, issuer = f"study {_text(self.held, 'StudyInstanceUID')}", ""
        identity = identity_of(issuer, identifier)
        return Entry(kind=Kind.PATIENT, pseudonym=pseudonym, original=identity)

    def _study(self, new_uid: str) -> Entry:
        old_uid = _text(self.held, "StudyInstanceUID")
        return Entry(kind=Kind.STUDY, pseudonym=new_uid, original=old_uid)

    def _study_facts(self, pseudonym: str) -> str:
        patient, study = self._model(PATIENT_ATTRIBUTES), self._model(STUDY_ATTRIBUTES)
        return json.dumps({"pseudonym": pseudonym, "patient": patient, "study": study})

    def _model(self, keywords: Sequence[str]) -> dict[str, Any]:
        """Attributes by the DICOM JSON model (PS3.18 F.2), without the empty ones."""
        part = _part(self.held, keywords)
        model: dict[str, Any] = part.to_json_dict(suppress_invalid_tags=True)
        model.pop(f"{_CHARACTER_SET:08X}", None)  # the model is in Unicode
        return {tag: value for tag, value in model.items() if "Value" in value}

    def _changed_uids(self, answer: Dataset) -> Iterator[Entry]:
        found: dict[str, str] = {}
        for place, after in _uids(answer):
            before = self.uids.get(place, after)
            if before == after or not is_of_an_instance(keyword_for_tag(place[-1][0]), before):
                continue
            if found.setdefault(after, before) != before:
                raise NotAnonymized(
                    "there is no way back from what the anonymizer made: it gives two UIDs one"
                )
        for after, before in found.items():
            yield Entry(kind=Kind.UID, pseudonym=after, original=before)

    def _days(self, pseudonym: str, after: dict[BaseTag, Element]) -> Iterator[Entry]:
        """By how much the dates were moved, where the answer says that they were."""
        if _text(after, "LongitudinalTemporalInformationModified") != "MODIFIED":
            return
        for name in _DATES:
            first, second = _day(_text(self.held, name)), _day(_text(after, name))
            if first is not None and second is not None:
                days = str((second - first).days)
                yield Entry(kind=Kind.DAYS, pseudonym=pseudonym, original=days)
                return


class Remembering(Anonymizer):
    """An anonymizer whose answers are given when the way back from them is kept."""

    def __init__(self, anonymizer: Anonymizer, keep: Keep) -> None:
        self.anonymizer = anonymizer
        self._keep = keep
        self.description = anonymizer.description
        self.keeps_uids = anonymizer.keeps_uids

    def anonymize(self, dataset: Dataset) -> Dataset | AnonymousDataSet:
        """What the anonymizer makes of it. Raises `NotAnonymized`, and `VaultError` where the way
        back cannot be kept.
        """
        try:
            before = Recording.of(dataset)
        except PYDICOM_FAILURES as error:
            raise NotAnonymized(
                f"what leads back to the instance cannot be read: {type(error).__name__}"
            ) from None
        answer = self.anonymizer.anonymize(dataset)
        self._keep(before.entries(data_set_of(answer), self._keep.knows))
        return answer


def _held(dataset: Dataset) -> dict[BaseTag, Element]:
    """The elements that matter, as they are now: ``dataset`` may be changed in its place."""
    found: dict[BaseTag, Element] = {}
    for tag in _TAGS.values():
        if tag in dataset:
            element = dataset.get_item(tag)
            found[tag] = element if element.is_raw else deepcopy(element)
    return found


def _part(held: dict[BaseTag, Element], keywords: Iterable[str]) -> Dataset:
    part = Dataset()
    for tag in (_CHARACTER_SET, *(_TAGS[keyword] for keyword in keywords)):
        if tag in held:
            part[tag] = held[tag]
    return part


def _text(held: dict[BaseTag, Element], keyword: str) -> str:
    """A value as text."""
    element = held.get(_TAGS[keyword])
    value = None if element is None else element.value
    if isinstance(value, bytes):
        # As a rule it is plain, and decoding it for its character set takes a hundred times longer.
        plain = value.isascii() and b"\x1b" not in value
        value = value.decode() if plain else _part(held, [keyword])[_TAGS[keyword]].value
    return "" if value is None else str(value).strip(" \0")


def _uids(dataset: Dataset, above: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every UID, at every depth."""
    for tag in dataset.keys():  # noqa: SIM118 - values would decode each element
        element = dataset.get_item(tag)
        vr = element.VR or _known_vr(tag)
        if vr == "UI":
            value = element.value or ""
            text = value.decode("latin-1") if isinstance(value, bytes) else _joined(value)
            several = text.split("\\")
            for number, uid in enumerate(several):
                if each := uid.strip(" \0"):
                    yield (*above, (int(tag), number, len(several))), each
        elif vr == "SQ" and isinstance(items := dataset[tag].value, Items):
            for number, item in enumerate(items):
                yield from _uids(item, (*above, (int(tag), number, len(items))))


def _joined(value: Any) -> str:
    return str(value) if isinstance(value, str) else "\\".join(map(str, value))


def _known_vr(tag: BaseTag) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def _day(text: str) -> dt.date | None:
    try:
        return dt.datetime.strptime(text, "%Y%m%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return None
