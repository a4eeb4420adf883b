"""Patients of messages: their identifiers, and what ADT messages correct (IHE RAD TF-2 4.12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.archive.corrections import CORRECTABLE, PatientKey
from pacs_hl7.attributes import texts
from pacs_hl7.faults import ErrorCode, Fault
from pacs_hl7.paths import NOTHING

if TYPE_CHECKING:
    from pacs_hl7.mapping import MessageMapping
    from pacs_hl7.message import Message, Segment
    from pacs_hl7.paths import Path

__all__ = ["PatientChange", "identifier_in", "read_pair", "read_patients"]

_PAIR = 2

_ISSUER = 4  # component of a CX: namespace ID, or else universal ID of the authority (HD.1, HD.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientChange:
    """What a message says of one patient; ``prior`` is who that was, of a merge."""

    patient: PatientKey
    demographics: dict[str, str]
    prior: PatientKey | None = None


def identifier_in(
    message: Message, paths: Sequence[Path], segments: Sequence[Segment]
) -> PatientKey:
    """Patient ID and assigning authority (CX.1, CX.4.1). Raises `Fault` where there is none."""
    for path in paths:
        found = path.find(message, segments)
        if found is not None and found.text(path.component or 1) != NOTHING:
            return PatientKey(
                patient_id=found.text(path.component or 1),
                issuer=found.text(_ISSUER) or found.text(_ISSUER, 2),
            )
    names = " nor ".join(dict.fromkeys(str(path) for path in paths))
    first = paths[0]
    number = next((each.number for each in segments if each.name == first.segment), 1)
    raise Fault(
        f"the patient has no identifier: {names} has none",
        error=ErrorCode.REQUIRED,
        location=f"{first.segment}^{number}^{first.field}",
    )


def read_patients(
    message: Message, mapping: MessageMapping, *, merged: bool
) -> list[PatientChange]:
    """Every patient of a message, checked; with who they were where they are ``merged``.

    Raises `Fault`.
    """
    changes = [_change(message, mapping, each, merged=merged) for each in _groups(message.segments)]
    if not changes:
        raise Fault("there is no PID segment", error=ErrorCode.SEQUENCE, location="PID^1")
    return changes


def read_pair(message: Message, mapping: MessageMapping) -> tuple[PatientKey, PatientKey]:
    """The two patients that a message links, or links no longer (HL7 v2.5.1 3.3.24, 3.3.37).

    Each has a PID of its own. What those say besides is not about the link: A08 changes that.
    Raises `Fault`.
    """
    found = [identifier_in(message, mapping.identifier, each) for each in _groups(message.segments)]
    if len(found) != _PAIR:
        raise Fault(
            f"a link is between two patients, and there are {len(found)} PID segments",
            error=ErrorCode.SEQUENCE,
            location=f"PID^{min(len(found), _PAIR) + 1}",
        )
    if found[0] == found[1]:
        raise Fault(
            "the patient is linked with itself: PID-3 is the same in both",
            error=ErrorCode.DUPLICATE_KEY,
            location="PID^2^3",
        )
    return found[0], found[1]


def _groups(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    places = [place for place, segment in enumerate(segments) if segment.name == "PID"]
    for begin, end in zip(places, [*places[1:], len(segments)], strict=False):
        yield list(segments[begin:end])


def _change(
    message: Message, mapping: MessageMapping, segments: list[Segment], *, merged: bool
) -> PatientChange:
    attributes = [each for each in mapping.attributes["patient"] if each.keyword in CORRECTABLE]
    change = PatientChange(
        patient=identifier_in(message, mapping.identifier, segments),
        demographics=texts(attributes, message, segments),
        prior=identifier_in(message, mapping.prior, segments) if merged else None,
    )
    if change.prior == change.patient:
        raise Fault(
            "the patient is to be merged into itself: MRG-1 and PID-3 are the same",
            error=ErrorCode.DUPLICATE_KEY,
            location="MRG^1^1",
        )
    if change.demographics.get("PatientName") == "":
        raise Fault(
            "the name of the patient is to be deleted", error=ErrorCode.REQUIRED, location="PID^1^5"
        )
    return change
