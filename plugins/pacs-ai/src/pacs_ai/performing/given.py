"""What a step is about: the Input Information Sequence, held against what the archive has."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import PacsError
from pacs_framework.rendering.attributes import items_of, text_of

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["FAILED", "INCOMPLETE", "UNSUPPORTED", "Input", "NotPerformed", "input_of"]

INCOMPLETE, UNSUPPORTED, FAILED, MISTAKEN = "110523", "110522", "110501", "110514"
"""Object Set incomplete, Object Types not supported, Equipment failure, Incorrect worklist entry
selected (PS3.16 CID 9300)."""

_WAIT = "send them, or schedule the step with Input Readiness State INCOMPLETE until they are there"


class NotPerformed(PacsError):
    """A step that no attempt could perform; ``code`` is of PS3.16 CID 9300."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Whole series of one study."""

    study: str
    series: tuple[str, ...]


def input_of(archive: Archive, step: Dataset) -> Input:
    """What the step names, all of which is in the archive. Raises `NotPerformed`."""
    named: dict[tuple[str, str], set[str]] = {}
    for study, series, instances in _named(step):
        named.setdefault((study, series), set()).update(instances)
    if not named:
        raise NotPerformed("its Input Information Sequence names no instances", INCOMPLETE)
    studies = {study for study, _ in named}
    if len(studies) > 1:
        raise NotPerformed(f"its input is of {len(studies)} studies, and not of one", UNSUPPORTED)
    for (study, series), instances in named.items():
        stored = _stored(archive, study, series)
        _check_patient(archive, step, stored)
        _check_there(series, instances, stored)
    return Input(study=studies.pop(), series=tuple(series for _, series in named))


def _named(step: Dataset) -> Iterator[tuple[str, str, set[str]]]:
    for item in items_of(step, "InputInformationSequence"):
        study, series = text_of(item, "StudyInstanceUID"), text_of(item, "SeriesInstanceUID")
        if not (study and series):
            raise NotPerformed(
                "its input names instances without their study or series", INCOMPLETE
            )
        references = items_of(item, "ReferencedSOPSequence")
        yield study, series, {text_of(each, "ReferencedSOPInstanceUID") for each in references}


def _stored(archive: Archive, study: str, series: str) -> set[str]:
    keys = Dataset()
    keys.StudyInstanceUID, keys.SeriesInstanceUID = study, series
    return {
        each.sop_instance_uid for each in archive.retrieve.locate(Level.SERIES, Root.STUDY, keys)
    }


def _check_patient(archive: Archive, step: Dataset, stored: Collection[str]) -> None:
    """Who may schedule for one patient alone is not to have another one's series worked on."""
    wanted = PatientKey(
        patient_id=text_of(step, "PatientID"), issuer=text_of(step, "IssuerOfPatientID")
    )
    found = archive.lookup.instance(min(stored)) if stored else None
    if not wanted.patient_id or found is None:
        return
    known = {each.patient_id for each in (archive.patients.current(wanted), wanted)}
    known.update(each.patient_id for each in archive.patients.linked(wanted))
    if found.patient_id not in known:
        raise NotPerformed("its input is of another patient than the step", MISTAKEN)


def _check_there(series: str, named: Collection[str], stored: Collection[str]) -> None:
    missing = sorted(set(named) - set(stored))
    if missing:
        raise NotPerformed(
            f"of {len(named)} instances of series {series} in its input, {len(missing)} are not in "
            f"the archive, such as {missing[0]}; {_WAIT}",
            INCOMPLETE,
        )
    if more := len(set(stored) - set(named)):
        raise NotPerformed(
            f"its input leaves out {more} instances of series {series}, and models run on whole "
            "series",
            INCOMPLETE,
        )
