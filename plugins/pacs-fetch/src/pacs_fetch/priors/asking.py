"""What a source has of a patient: one query for the studies, one more for each that says little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from pacs_fetch.datasets import number_of, text_of, texts_of
from pacs_fetch.identity import strange
from pacs_fetch.priors.relevance import Earlier
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.moving.old_archive import Refused

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_fetch.priors.regions import Regions
    from pacs_fetch.sources import OtherArchive
    from pacs_framework.archive.corrections import PatientKey

__all__ = ["Answered", "studies_of"]

_MOST_SERIES_QUERIES = 50  # the newest studies of a patient that are looked into
_ASKED = (
    "PatientBirthDate",
    "IssuerOfPatientID",
    "StudyInstanceUID",
    "StudyDate",
    "ModalitiesInStudy",
    "StudyDescription",
    "ProcedureCodeSequence",
    "NumberOfStudyRelatedInstances",
)
_ASKED_OF_SERIES = ("SeriesInstanceUID", "Modality", "BodyPartExamined", "SeriesDescription")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The studies that are of the patient, newest first, and why others were ``refused``: how many
    for each reason.
    """

    studies: Sequence[Earlier]
    refused: dict[str, int] = field(default_factory=dict)


def studies_of(peer: OtherArchive, key: PatientKey, birth_date: str, regions: Regions) -> Answered:
    """Ask ``peer`` for the studies of ``key``.

    An answer about somebody else is refused, and told. Raises as `OldArchive.find` does, and
    `Refused` for as many answers as the source gives at most.
    """
    found: dict[str, Earlier] = {}
    refused: Counter[str] = Counter()
    answers = 0
    for answer in peer.find("STUDY", dict.fromkeys(_ASKED, "") | {"PatientID": key.patient_id}):
        answers += 1
        reason = strange(answer, key, birth_date)
        uid = text_of(answer, "StudyInstanceUID")
        if not reason and not is_valid_uid(uid):
            reason = "no Study Instance UID"
        if reason:
            refused[reason] += 1
        else:
            found[uid] = _larger(found.get(uid), _study(uid, answer, regions))
    _refuse_limited(peer, answers)
    if refused:
        _log.warning("answers are refused", source=peer.name, reasons=dict(refused))
    newest = sorted(found.values(), key=lambda study: study.date, reverse=True)
    looked = [_looked_into(peer, each, regions) for each in newest[:_MOST_SERIES_QUERIES]]
    return Answered(studies=[*looked, *newest[_MOST_SERIES_QUERIES:]], refused=dict(refused))


def _refuse_limited(peer: OtherArchive, answers: int) -> None:
    limit = peer.settings.most_answers
    if limit and answers >= limit:
        raise Refused(f"{answers} studies of one patient, and most_answers is {limit}")


def _study(uid: str, answer: Dataset, regions: Regions) -> Earlier:
    modalities = frozenset(texts_of(answer, "ModalitiesInStudy"))
    description = text_of(answer, "StudyDescription")
    codes = [text_of(code, "CodeMeaning") for code in answer.get("ProcedureCodeSequence") or ()]
    return Earlier(
        uid=uid,
        date=text_of(answer, "StudyDate"),
        modalities=modalities,
        regions=regions.of([description, *codes], modalities),
        description=description,
        instances=number_of(answer, "NumberOfStudyRelatedInstances"),
    )


def _larger(one: Earlier | None, other: Earlier) -> Earlier:
    """Of two answers about one study the one that counts more instances."""
    if one is None or (other.instances or 0) > (one.instances or 0):
        return other
    return one


def _looked_into(peer: OtherArchive, study: Earlier, regions: Regions) -> Earlier:
    """What its series say, where it does not say modality and region itself."""
    if study.modalities and study.regions:
        return study
    keys = dict.fromkeys(_ASKED_OF_SERIES, "") | {"StudyInstanceUID": study.uid}
    series = list(peer.find("SERIES", keys))
    modalities = study.modalities or frozenset(
        filter(None, (text_of(s, "Modality") for s in series))
    )
    texts = [text_of(s, keyword) for s in series for keyword in _ASKED_OF_SERIES[2:]]
    found = study.regions or regions.of(texts, modalities)
    return replace(study, modalities=modalities, regions=found)
