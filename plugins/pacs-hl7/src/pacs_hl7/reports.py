"""Messages that tell what became of an order: ORU^R01 and ORM^O01 (HL7 4.3, 7.3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_hl7.acknowledging import new_control_id, stamp
from pacs_hl7.message import Separators

if TYPE_CHECKING:
    from pacs_hl7.settings import Hl7Settings, ReceiverSettings

__all__ = ["Report", "order_status", "study_result"]

_SEPARATORS = Separators()
_VERSION = "2.5.1"
_CHARSET = "UNICODE UTF-8"
_NAME_PARTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is told of one order: identifiers as DICOM has them, each may be empty.

    ``status`` is the order's (HL7 table 0038): IP, CM, DC.
    """

    status: str
    at: dt.datetime
    patient_id: str
    issuer: str
    patient_name: str
    placer: str
    filler: str
    accession_number: str
    requested_procedure_id: str
    study_instance_uid: str
    modality: str


def study_result(
    report: Report, settings: Hl7Settings, receiver: ReceiverSettings
) -> tuple[str, bytes]:
    """ORU^R01: the images of a study are stored; OBR-25 is R, stored and not yet verified.

    The study is named in an OBX by its Study Instance UID (113014, DICOM Study). Returns the
    control ID and the message.
    """
    obx = ["OBX", "1", "ST", _components("113014", "DICOM Study", "DCM"), ""]
    obx += [_text(report.study_instance_uid), *[""] * 5, "R", "", "", stamp(report.at)]
    obr = _obr(report)
    obr += [""] * (26 - len(obr))
    obr[22], obr[24], obr[25] = stamp(report.at), _text(report.modality), "R"
    return _message(
        "ORU^R01^ORU_R01", [_pid(report), _orc(report, "RE"), obr, obx], settings, receiver
    )


def order_status(
    report: Report, settings: Hl7Settings, receiver: ReceiverSettings
) -> tuple[str, bytes]:
    """ORM^O01 with ORC-1 SC and the status in ORC-5. Returns the control ID and the message."""
    segments = [_pid(report), _orc(report, "SC"), _obr(report)]
    if report.study_instance_uid:
        study = _components(report.study_instance_uid, "", "Application", "DICOM")
        segments.append(["ZDS", study])
    return _message("ORM^O01^ORM_O01", segments, settings, receiver)


def _message(
    kind: str,
    segments: Sequence[Sequence[str]],
    settings: Hl7Settings,
    receiver: ReceiverSettings,
) -> tuple[str, bytes]:
    control_id = new_control_id()
    names = (settings.application, settings.facility, receiver.application, receiver.facility)
    msh = ["MSH", _SEPARATORS.encoding, *map(_text, names), stamp(), "", kind, control_id]
    msh += ["P", _VERSION, *[""] * 5, _CHARSET]
    lines = ["|".join(fields).rstrip("|") for fields in [msh, *segments]]
    return control_id, "".join(f"{line}\r" for line in lines).encode("utf-8")


def _pid(report: Report) -> list[str]:
    identifier = _components(
        report.patient_id, "", "", report.issuer, "MR" if report.issuer else ""
    )
    return ["PID", "1", "", identifier, "", _name(report.patient_name)]


def _name(name: str) -> str:
    """XPN of a PN: each component group is a repetition with its representation (XPN.8)."""
    names = []
    for group, representation in zip(name.split("="), "AIP", strict=False):
        parts = [*group.split("^"), *[""] * _NAME_PARTS][:_NAME_PARTS]
        family, given, middle, prefix, suffix = parts
        if any(parts):
            ordered = (family, given, middle, suffix, prefix, "", "L", representation)
            names.append(_components(*ordered))
    return "~".join(names)


def _orc(report: Report, control: str) -> list[str]:
    order = [_number(report.placer), _number(report.filler)]
    return ["ORC", control, *order, "", report.status, "", "", "", stamp(report.at)]


def _obr(report: Report) -> list[str]:
    obr = ["OBR", "1", _number(report.placer), _number(report.filler)]
    procedure = report.requested_procedure_id or report.accession_number
    obr += [_components(procedure, "")]
    obr += [""] * (18 - len(obr))
    return [*obr, _text(report.accession_number), _text(report.requested_procedure_id)]


def _number(text: str) -> str:
    """An entity identifier; the namespace that was read with it is part of its text."""
    return _components(*text.split("^"))


def _components(*texts: str) -> str:
    return "^".join(map(_text, texts)).rstrip("^")


def _text(text: str) -> str:
    return _SEPARATORS.escaped(text)
