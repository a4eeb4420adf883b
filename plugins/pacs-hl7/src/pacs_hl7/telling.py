"""What pacs-mpps tells of steps and studies, queued for the receivers.

Its objects are taken as they come, by their attributes: pacs-mpps need not be installed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.waking import ring
from pacs_hl7.merged import survivor
from pacs_hl7.outbox import Outbox
from pacs_hl7.reports import Report, order_status, study_result
from pacs_hl7.tables import NAME
from pacs_worklist.api import Worklist

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_framework.archive.archive import Archive
    from pacs_hl7.settings import Hl7Settings

__all__ = ["bell_of", "step_changed", "study_completed"]

_STATUS = {"IN PROGRESS": "IP", "DISCONTINUED": "DC"}
_COMPLETED = "COMPLETED"


def study_completed(study: Any, archive: Archive, settings: Hl7Settings) -> None:
    """Queue the result of each order of a study, and its status. Doing it twice is once."""
    worklist = Worklist(archive.tables("worklist"))
    event = f"study {study.study_instance_uid} {study.number}"
    orders: dict[tuple[str, str, str], Report] = {}
    for step in (each for each in study.steps if str(each.status) == _COMPLETED):
        for report in _reports(step, "CM", study.completed, study.study_instance_uid, worklist):
            key = (report.placer, report.filler, report.accession_number)
            orders.setdefault(key, report)
    for key, report in orders.items():
        told = f"{event} {'/'.join(key)}"
        _queue(archive, settings, "ORU^R01", f"result {told}", report)
        _queue(archive, settings, "ORM^O01", f"status {told}", report)


def step_changed(step: Any, archive: Archive, settings: Hl7Settings) -> None:
    """Queue the status of the orders of a step that begins or is discontinued."""
    status = _STATUS.get(str(step.status))
    if status is None:  # of completed ones the study is told
        return
    worklist = Worklist(archive.tables("worklist"))
    for place, report in enumerate(_reports(step, status, dt.datetime.now(dt.UTC), "", worklist)):
        event = f"step {step.sop_instance_uid} {status} {place}"
        _queue(archive, settings, "ORM^O01", event, report)


def _reports(
    step: Any, status: str, at: dt.datetime, study: str, worklist: Worklist
) -> Iterable[Report]:
    """One for each scheduled step that was done in it."""
    for scheduled in step.scheduled:
        if study and scheduled.study_instance_uid != study:
            continue
        report = Report(
            status=status,
            at=at,
            patient_id=step.patient_id,
            issuer=step.issuer_of_patient_id,
            patient_name=step.patient_name,
            placer=scheduled.placer_order_number,
            filler=scheduled.filler_order_number,
            accession_number=scheduled.accession_number,
            requested_procedure_id=scheduled.requested_procedure_id,
            study_instance_uid=scheduled.study_instance_uid,
            modality=step.modality,
        )
        report = _completed(report, scheduled.scheduled_procedure_step_id, worklist)
        if report.placer or report.filler or report.accession_number:
            yield report  # of what nobody ordered, there is nobody to be told


def _completed(report: Report, step_id: str, worklist: Worklist) -> Report:
    """With the numbers of the order, which modalities often leave out, from the worklist."""
    if (report.placer and report.filler and report.accession_number) or not step_id:
        return report
    uid = report.study_instance_uid
    found = worklist.find(scheduled_procedure_step_id=step_id, study_instance_uid=uid, most=1)
    if not found:
        return report
    [item] = found
    return replace(
        report,
        placer=report.placer or item.text("PlacerOrderNumberImagingServiceRequest"),
        filler=report.filler or item.text("FillerOrderNumberImagingServiceRequest"),
        accession_number=report.accession_number or item.text("AccessionNumber"),
    )


def _queue(archive: Archive, settings: Hl7Settings, kind: str, event: str, report: Report) -> None:
    make = study_result if kind == "ORU^R01" else order_status
    report = _of_survivor(archive, report)
    outbox = Outbox(archive.tables(NAME))
    for name, receiver in settings.receivers.items():
        if kind in receiver.messages:
            outbox.put(name, event, kind, *make(report, settings, receiver))
    ring(bell_of(archive.data))


def _of_survivor(archive: Archive, report: Report) -> Report:
    """Of the patient as the receiver knows it, when it was merged since the step began."""
    key = PatientKey(patient_id=report.patient_id, issuer=report.issuer)
    patient = survivor(archive.patients, key)
    if patient is None:
        return report
    name = patient.corrected.get("PatientName", report.patient_name)
    who = patient.key
    return replace(report, patient_id=who.patient_id, issuer=who.issuer, patient_name=name)


def bell_of(data: Path) -> Path:
    """Where the process that sends is woken, in the folder of the archive's data."""
    return data / "hl7.bell"
