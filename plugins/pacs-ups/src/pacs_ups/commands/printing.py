"""Steps as rows for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pacs_framework.cli.output import print_json, print_table
from pacs_ups.commands.places import StepAt
from pacs_ups.state.datasets import text_of
from pacs_ups.state.model import Code, Result

__all__ = ["COLUMNS", "print_result", "print_steps", "step_as_json"]

COLUMNS = {
    "start": "ScheduledProcedureStepStartDateTime",
    "priority": "ScheduledProcedureStepPriority",
    "worklist": "WorklistLabel",
    "label": "ProcedureStepLabel",
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "input": "InputReadinessState",
}
"""What a list shows of a step besides its UID and state."""


def step_as_json(step: StepAt, *, whole: bool = False) -> dict[str, Any]:
    """Plain values; with the data set in the DICOM JSON model (PS3.18 Annex F) if wanted."""
    facts: dict[str, Any] = {"uid": step.uid, "state": step.state.value}
    facts |= {name: text_of(step.dataset, keyword) for name, keyword in COLUMNS.items()}
    return facts | {"dataset": step.dataset.to_json_dict()} if whole else facts


def print_steps(steps: Sequence[StepAt], *, as_json: bool) -> None:
    """All of them, as a table or as a list."""
    if as_json:
        print_json([step_as_json(step) for step in steps])
        return
    if not steps:
        click.echo("there are no such steps", err=True)
        return
    titles = [name.replace("_", " ").upper() for name in ("uid", "state", *COLUMNS)]
    print_table(titles, [[str(value) for value in step_as_json(step).values()] for step in steps])


def print_result(uid: str, done: str, result: Result, *, as_json: bool, **more: str) -> None:
    """What was done; a warning is told, too."""
    if as_json:
        status = f"{result.code:04X}"
        print_json({"uid": uid, "status": status, "meaning": result.code.name.lower(), **more})
        return
    click.echo(f"{done}: {uid}")
    for name, value in more.items():
        click.echo(f"{name.replace('_', ' ')}: {value}")
    if result.code is not Code.SUCCESS:
        words = result.code.name.replace("_", " ").lower()
        click.echo(f"warning {result.code:04X}H: {words}", err=True)
