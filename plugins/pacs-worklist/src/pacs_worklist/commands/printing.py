"""Steps as rows for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pacs_framework.cli.output import print_json, print_table
from pacs_worklist.items import Item

__all__ = ["as_json", "print_items"]

_COLUMNS = {
    "START": ("ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime"),
    "STATION": ("ScheduledStationAETitle",),
    "MODALITY": ("Modality",),
    "PATIENT ID": ("PatientID",),
    "PATIENT NAME": ("PatientName",),
    "ACCESSION": ("AccessionNumber",),
    "STEP": ("ScheduledProcedureStepID",),
    "DESCRIPTION": ("ScheduledProcedureStepDescription",),
}


def as_json(item: Item, *, whole: bool = False) -> dict[str, Any]:
    """Plain values; with the whole data set in the DICOM JSON model (PS3.18 Annex F) if wanted."""
    facts: dict[str, Any] = {
        "id": item.id,
        "state": item.state.value,
        "order_key": item.order_key,
        "start": _start(item),
        "station_aet": [aet for aet in item.text("ScheduledStationAETitle").split("\\") if aet],
        "modality": item.text("Modality"),
        "patient_id": item.text("PatientID"),
        "patient_name": item.text("PatientName"),
        "accession_number": item.text("AccessionNumber"),
        "study_instance_uid": item.text("StudyInstanceUID"),
        "requested_procedure_id": item.text("RequestedProcedureID"),
        "scheduled_procedure_step_id": item.text("ScheduledProcedureStepID"),
        "description": item.text("ScheduledProcedureStepDescription"),
    }
    return facts | {"dataset": item.dataset.to_json_dict()} if whole else facts


def print_items(items: Sequence[Item], *, json: bool) -> None:
    """All of them, as a table or as a list."""
    if json:
        print_json([as_json(item) for item in items])
    else:
        rows = [(str(item.id), item.state.value, *_cells(item)) for item in items]
        print_table(("ID", "STATE", *_COLUMNS), rows)


def _cells(item: Item) -> list[str]:
    return [" ".join(filter(None, map(item.text, keywords))) for keywords in _COLUMNS.values()]


def _start(item: Item) -> str:
    return "".join(map(item.text, _COLUMNS["START"]))
