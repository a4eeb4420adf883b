"""Structured reports read: the header, and the content tree item by item (PS3.3 C.17.2, C.17.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydicom import Dataset
from pydicom.uid import UID

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of, numbers_of, text_of
from pacs_framework.rendering.reports.content import ContentItem, Reference, Report
from pacs_framework.rendering.reports.values import (
    code_of,
    date_of,
    meaning_of,
    name_of,
    time_of,
    value_in_words,
)

__all__ = ["is_report", "read_report"]

_MOST_ITEMS = 100_000
_EVIDENCE = (
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
    "PredecessorDocumentsSequence",
)
_ENDS = (
    " SR Storage",
    "Key Object Selection Document Storage",
    "Procedure Log Storage",
    "Thickness and Volume Report Storage",
)
_Places = Mapping[str, tuple[str, str]]  # SOP instance → study and series


def is_report(sop_class_uid: str) -> bool:
    """Whether instances of a SOP class have a content tree."""
    name = UID(sop_class_uid).name
    return name.endswith(_ENDS)


def read_report(dataset: Dataset) -> Report:
    """What a report says. Raises `UnreadableInstance`, also for one of too many items."""
    if not text_of(dataset, "ValueType"):
        raise UnreadableInstance("the report has no content: there is no Value Type")
    places = dict(_places(dataset))
    title = meaning_of(dataset, "ConceptNameCodeSequence")
    return Report(
        title=title or UID(text_of(dataset, "SOPClassUID")).name,
        facts=[(label, value) for label, value in _facts(dataset) if value],
        items=list(_walk(dataset, places)),
        predecessors=[
            _reference(document, places)
            for series in _series_in(dataset, "PredecessorDocumentsSequence")
            for document in items_of(series[1], "ReferencedSOPSequence")
        ],
    )


def _walk(root: Dataset, places: _Places) -> Iterator[ContentItem]:
    """Each item before those below it. A stack, so that a deep tree is none of calls."""
    waiting: list[tuple[tuple[int, ...], Dataset]] = [((1,), root)]
    count = 0
    while waiting:
        position, item = waiting.pop()
        count += 1
        if count > _MOST_ITEMS:
            raise UnreadableInstance(f"a report of more than {_MOST_ITEMS} items is not rendered")
        yield _item(position, item, places)
        below = items_of(item, "ContentSequence")
        waiting += [((*position, number), each) for number, each in enumerate(below, 1)][::-1]


def _item(position: tuple[int, ...], item: Dataset, places: _Places) -> ContentItem:
    value_type = text_of(item, "ValueType")
    referenced = items_of(item, "ReferencedSOPSequence")
    if value_type not in ("COMPOSITE", "IMAGE", "WAVEFORM"):
        referenced = ()
    return ContentItem(
        position=position,
        relationship=text_of(item, "RelationshipType"),
        value_type=value_type,
        name=meaning_of(item, "ConceptNameCodeSequence"),
        value=value_in_words(item, value_type),
        code=code_of(item, "ConceptCodeSequence") if value_type == "CODE" else "",
        references=tuple(_reference(each, places) for each in referenced),
        target=tuple(int(each) for each in numbers_of(item, "ReferencedContentItemIdentifier")),
        observed=date_of(item, "ObservationDateTime"),
        continuous=text_of(item, "ContinuityOfContent") == "CONTINUOUS",
    )


def _reference(item: Dataset, places: _Places) -> Reference:
    instance = text_of(item, "ReferencedSOPInstanceUID")
    study, series = places.get(instance, ("", ""))
    states = items_of(item, "ReferencedSOPSequence")[:1]
    return Reference(
        sop_class_uid=text_of(item, "ReferencedSOPClassUID"),
        sop_instance_uid=instance,
        study_instance_uid=study,
        series_instance_uid=series,
        frames=tuple(int(each) for each in numbers_of(item, "ReferencedFrameNumber")),
        others=_other_parts(item),
        by=_state(states[0], places) if states else None,
    )


def _other_parts(item: Dataset) -> str:
    """Segments, and waveform channels as group/channel (PS3.3 C.18.5)."""
    segments = [f"{number:g}" for number in numbers_of(item, "ReferencedSegmentNumber")]
    pairs = numbers_of(item, "ReferencedWaveformChannels")
    channels = [f"{group:g}/{one:g}" for group, one in zip(pairs[::2], pairs[1::2], strict=False)]
    said = (("segments", segments), ("channels", channels))
    return ", ".join(f"{word} {', '.join(each)}" for word, each in said if each)


def _state(item: Dataset, places: _Places) -> Reference:
    """A presentation state beside an image; what lies below it is nobody's."""
    instance = text_of(item, "ReferencedSOPInstanceUID")
    study, series = places.get(instance, ("", ""))
    return Reference(
        sop_class_uid=text_of(item, "ReferencedSOPClassUID"),
        sop_instance_uid=instance,
        study_instance_uid=study,
        series_instance_uid=series,
    )


def _places(dataset: Dataset) -> Iterator[tuple[str, tuple[str, str]]]:
    """Where the evidence of a report says that instances are: items name no study and series."""
    for keyword in _EVIDENCE:
        for study, series in _series_in(dataset, keyword):
            for each in items_of(series, "ReferencedSOPSequence"):
                place = study, text_of(series, "SeriesInstanceUID")
                yield text_of(each, "ReferencedSOPInstanceUID"), place


def _series_in(dataset: Dataset, keyword: str) -> Iterator[tuple[str, Dataset]]:
    for study in items_of(dataset, keyword):
        for series in items_of(study, "ReferencedSeriesSequence"):
            yield text_of(study, "StudyInstanceUID"), series


def _facts(dataset: Dataset) -> Iterator[tuple[str, str]]:
    yield "Patient", name_of(dataset, "PatientName")
    yield "Patient ID", text_of(dataset, "PatientID")
    yield "Born", date_of(dataset, "PatientBirthDate")
    yield "Sex", text_of(dataset, "PatientSex")
    yield "Study", text_of(dataset, "StudyDescription")
    yield "Study date", date_of(dataset, "StudyDate")
    yield "Accession number", text_of(dataset, "AccessionNumber")
    yield "Referring physician", name_of(dataset, "ReferringPhysicianName")
    yield "Series", text_of(dataset, "SeriesDescription")
    yield "Institution", text_of(dataset, "InstitutionName")
    content = date_of(dataset, "ContentDate"), time_of(dataset, "ContentTime")
    yield "Content", " ".join(filter(None, content))
    completed = text_of(dataset, "CompletionFlag"), text_of(dataset, "CompletionFlagDescription")
    yield "Completion", ": ".join(filter(None, completed))
    yield "Preliminary", text_of(dataset, "PreliminaryFlag")
    yield "Verification", text_of(dataset, "VerificationFlag")
    for observer in items_of(dataset, "VerifyingObserverSequence"):
        yield "Verified", _verified(observer)


def _verified(observer: Dataset) -> str:
    when = date_of(observer, "VerificationDateTime")
    who = (name_of(observer, "VerifyingObserverName"), text_of(observer, "VerifyingOrganization"))
    return " - ".join(filter(None, (when, ", ".join(filter(None, who)))))
