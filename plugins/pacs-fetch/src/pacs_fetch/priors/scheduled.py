"""Who comes soon: scheduled procedure steps of our own worklist, and of peers that have one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityWorklistInformationFind,
)

from pacs_fetch.datasets import text_of
from pacs_fetch.sources import caller_of
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status, is_pending
from pacs_framework.errors import ConfigurationError, PluginError
from pacs_framework.moving.old_archive import SYNTAXES, Refused
from pacs_framework.network import scu
from pacs_framework.network.decisions import ProposedContext
from pacs_worklist.api import offered_steps

if TYPE_CHECKING:
    from pacs_fetch.priors.regions import Regions
    from pacs_fetch.settings import Priors
    from pacs_framework.archive.archive import Archive

__all__ = ["WORKLIST", "Step", "check_worklists", "patients_of", "scheduled_steps", "step_from"]

WORKLIST = str(ModalityWorklistInformationFind)

_STEPS = "ScheduledProcedureStepSequence"
_OTHERS = "OtherPatientIDsSequence"
_ASKED = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "StudyInstanceUID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
    _OTHERS,
)
_ASKED_OF_STEP = (
    "Modality",
    "ScheduledProcedureStepID",
    "ScheduledProcedureStepStartTime",
    "ScheduledProcedureStepDescription",
    "ScheduledProtocolCodeSequence",
)
_TEXTS = ("RequestedProcedureDescription", "ScheduledProcedureStepDescription", "BodyPartExamined")
_CODES = ("RequestedProcedureCodeSequence", "ScheduledProtocolCodeSequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A scheduled procedure step. ``others`` are further Patient IDs of its patient, ``start`` is
    date and time as the worklist has them, ``regions`` those of the body that it names.
    """

    patient: PatientKey
    others: tuple[PatientKey, ...] = ()
    birth_date: str = ""
    study: str = ""
    number: str = ""
    start: str = ""
    modality: str = ""
    description: str = ""
    regions: frozenset[str] = frozenset()


def check_worklists(archive: Archive, settings: Priors) -> None:
    """Raise `ConfigurationError` where nobody could say who comes."""
    for aet in settings.worklist_peers:
        caller_of(archive, aet, "worklist")
    if not settings.worklist_peers and not _asks_own(archive, settings):
        raise ConfigurationError(
            "[plugin.fetch.priors] has sources, and no worklist to know patients by: install "
            "pacs-worklist, or name worklist_peers"
        )


def scheduled_steps(
    archive: Archive, settings: Priors, regions: Regions, first: str, last: str
) -> list[Step]:
    """The steps that start on the days from ``first`` to ``last``, each once, sorted by patient.

    Raises `PluginError` where a source of our own worklist fails, and as `OldArchive.find` does.
    """
    found: dict[object, Step] = {}
    for dataset in _datasets(archive, settings, first, last):
        step = step_from(dataset, regions)
        named = step.study and step.number
        found.setdefault((step.study, step.number) if named else len(found), step)
    return sorted(found.values(), key=lambda step: (step.patient.patient_id, step.start))


def _asks_own(archive: Archive, settings: Priors) -> bool:
    if not settings.own_worklist:
        return False
    try:
        archive.hooks.implementers("worklist_items")
    except PluginError:
        return False
    return True


def _datasets(archive: Archive, settings: Priors, first: str, last: str) -> Iterator[Dataset]:
    if _asks_own(archive, settings):
        yield from offered_steps(archive, first, last)
    for aet in settings.worklist_peers:
        yield from _told_by(archive, aet, f"{first}-{last}")


def _told_by(archive: Archive, aet: str, days: str) -> Iterator[Dataset]:
    """What a peer answers to C-FIND (PS3.4 K.4.1), one data set for each step."""
    context = ProposedContext(context_id=1, abstract_syntax=WORKLIST, transfer_syntaxes=SYNTAXES)
    with caller_of(archive, aet, "worklist")([context], None) as association:
        accepted = association.context_for(WORKLIST)
        if accepted is None:
            raise Refused(f"{aet} has no modality worklist")
        identifier = encode_identifier(_identifier(days), accepted.transfer_syntax)
        for response in scu.c_find(association, context=accepted, identifier=identifier):
            if is_pending(response.status) and response.dataset is not None:
                yield decode_identifier(response.dataset, accepted.transfer_syntax)
            elif response.status != Status.SUCCESS:
                raise Refused(
                    f"the worklist of {aet} ended with status {response.status:04X}: it is not "
                    "known who else comes"
                )


def _identifier(days: str) -> Dataset:
    step, identifier = Dataset(), Dataset()
    step.ScheduledProcedureStepStartDate = days
    for target, keywords in ((step, _ASKED_OF_STEP), (identifier, _ASKED)):
        for keyword in keywords:
            setattr(target, keyword, None)
    setattr(identifier, _STEPS, [step])
    return identifier


def step_from(dataset: Dataset, regions: Regions) -> Step:
    """Of the first item, as a C-FIND tells steps one by one."""
    steps = dataset.get(_STEPS)
    step = steps[0] if steps else Dataset()
    both = (dataset, step)
    texts = [text_of(each, keyword) for keyword in _TEXTS for each in both]
    codes = [
        text_of(code, "CodeMeaning")
        for keyword in _CODES
        for each in both
        for code in each.get(keyword) or ()
    ]
    start = (text_of(step, f"ScheduledProcedureStepStart{part}") for part in ("Date", "Time"))
    modality = text_of(step, "Modality")
    return Step(
        patient=_key(dataset),
        others=tuple(_key(item) for item in dataset.get(_OTHERS) or ()),
        birth_date=text_of(dataset, "PatientBirthDate"),
        study=text_of(dataset, "StudyInstanceUID"),
        number=text_of(step, "ScheduledProcedureStepID"),
        start=" ".join(start).strip(),
        modality=modality,
        description=next(filter(None, [*texts, *codes]), ""),
        regions=regions.of([*texts, *codes], [modality]),
    )


def _key(dataset: Dataset) -> PatientKey:
    return PatientKey(
        patient_id=text_of(dataset, "PatientID"), issuer=text_of(dataset, "IssuerOfPatientID")
    )


def patients_of(steps: Iterable[Step]) -> dict[PatientKey, list[Step]]:
    """The steps by patient, in their order; those without a Patient ID under an empty one."""
    found: dict[PatientKey, list[Step]] = {}
    for step in steps:
        found.setdefault(step.patient, []).append(step)
    return found
