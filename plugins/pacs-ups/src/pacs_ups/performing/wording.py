"""What a step says of its performance: progress, results, and why there are none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.sr.codedict import codes

from pacs_framework.dicom.packed import deep_copy
from pacs_ups.state.datasets import moment, text_of

if TYPE_CHECKING:
    from pacs_ups.api import Output

__all__ = ["CANCELED", "EXPIRED", "FAILED", "performed", "progress", "reasons", "why"]

CANCELED, FAILED, EXPIRED = "110513", "110501", "110533"
"""Codes of PS3.16 CID 9300: Discontinued for unspecified reason, Equipment failure, Workitem
expired."""

_KNOWN = [getattr(codes.cid9300, name) for name in codes.cid9300.dir()]
_MEANINGS = {each.value: each.meaning for each in _KNOWN if each.scheme_designator == "DCM"}
_PROGRESS = "ProcedureStepProgressInformationSequence"
_RETRIEVAL = "DICOMRetrievalSequence"


def progress(lock: str, percent: int, note: str) -> Dataset:
    """How far it is (PS3.3 C.30.1), as modifications of the step."""
    item = Dataset()
    item.ProcedureStepProgress = str(percent)
    if note:
        item.ProcedureStepProgressDescription = note
    return _modifications(lock, _PROGRESS, item)


def reasons(lock: str, reason: str, code: str) -> Dataset:
    """Why it is to be canceled, as modifications of the step."""
    return _modifications(lock, _PROGRESS, why(reason, code))


def why(reason: str, code: str) -> Dataset:
    """The same as who asks for a cancellation says it (PS3.4 Table CC.2.2-1)."""
    said = Dataset()
    said.ReasonForCancellation = reason
    code = code if code in _MEANINGS else CANCELED
    coded = _coded(code, "DCM", _MEANINGS[code])
    said.ProcedureStepDiscontinuationReasonCodeSequence = [coded]
    return said


def performed(
    lock: str,
    step: Dataset,
    outputs: Sequence[Output],
    *,
    station: str,
    retrieve_aet: str,
    begun: dt.datetime,
    ended: dt.datetime,
) -> Dataset:
    """What was done and made, as modifications of the step (PS3.4 Table CC.2.5-3).

    ``station`` is who did it where the step names no station, or no procedure, itself.
    """
    item = Dataset()
    ours = [_coded(station[:16], "99PACS", station)]
    for kind in ("StationName", "Workitem"):
        scheduled = step.get(f"Scheduled{kind}CodeSequence") or ours
        setattr(item, f"Performed{kind}CodeSequence", [deep_copy(scheduled[0])])
    item.PerformedProcedureStepStartDateTime = moment(begun)
    item.PerformedProcedureStepEndDateTime = moment(ended)
    aet = retrieve_aet or _known_aet(step)
    item.OutputInformationSequence = [_series(each, aet) for each in _by_series(outputs)]
    return _modifications(lock, "UnifiedProcedureStepPerformedProcedureSequence", item)


def _modifications(lock: str, keyword: str, item: Dataset) -> Dataset:
    changes = Dataset()
    changes.TransactionUID = lock
    setattr(changes, keyword, [item])
    return changes


def _by_series(outputs: Iterable[Output]) -> list[list[Output]]:
    found: dict[tuple[str, str], list[Output]] = {}
    for each in outputs:
        found.setdefault((each.study_instance_uid, each.series_instance_uid), []).append(each)
    return list(found.values())


def _series(outputs: Sequence[Output], aet: str) -> Dataset:
    """Where the instances of one series are (PS3.3 Table 10-3b)."""
    item = Dataset()
    item.TypeOfInstances = "DICOM"
    item.StudyInstanceUID = outputs[0].study_instance_uid
    item.SeriesInstanceUID = outputs[0].series_instance_uid
    item.ReferencedSOPSequence = [_reference(each) for each in outputs]
    if aet:
        place = Dataset()
        place.RetrieveAETitle = aet
        item.DICOMRetrievalSequence = [place]
    return item


def _reference(output: Output) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = output.sop_class_uid
    item.ReferencedSOPInstanceUID = output.sop_instance_uid
    return item


def _known_aet(step: Dataset) -> str:
    """Who scheduled the step says by which AE title the archive is asked for the input."""
    for item in step.get("InputInformationSequence") or ():
        for place in item.get(_RETRIEVAL) or ():
            if aet := text_of(place, "RetrieveAETitle"):
                return aet
    return ""


def _coded(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
