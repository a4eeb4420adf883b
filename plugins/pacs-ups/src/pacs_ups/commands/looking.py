"""``pacs ups list`` and ``show``."""

from __future__ import annotations

import click
from pydicom import Dataset

from pacs_framework.cli.output import json_option, print_json
from pacs_ups.commands.opening import Where, where_options
from pacs_ups.commands.printing import COLUMNS, print_steps, step_as_json
from pacs_ups.state.model import State

__all__ = ["list_", "show"]


@click.command("list")
@where_options
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only steps in this state; may be given again.",
)
@click.option("--worklist", default="", help="Worklist Label; * and ? are wild cards.")
@click.option("--label", default="", help="Procedure Step Label; * and ? are wild cards.")
@click.option("--patient-id", default="", help="Patient ID.")
@click.option("--start", default="", help="Scheduled start, or a range: 20261121-20261123.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Most steps to list; 0 for all.",
)
@json_option
def list_(
    where: Where,
    states: tuple[str, ...],
    worklist: str,
    label: str,
    patient_id: str,
    start: str,
    limit: int,
    as_json: bool,
) -> None:
    """List steps, oldest first.

    \b
    Example:
        pacs ups list --state SCHEDULED --worklist AI --json
        pacs ups list --peer 10.0.0.9 104 --aec WORKLIST
    """
    keys = Dataset()
    for keyword in COLUMNS.values():
        setattr(keys, keyword, "")
    keys.ProcedureStepState = list(states) or ""
    keys.WorklistLabel = worklist
    keys.ProcedureStepLabel = label
    keys.PatientID = patient_id
    keys.ScheduledProcedureStepStartDateTime = start
    with where.open() as place:
        found = place.find(keys)
    if limit and len(found) > limit:
        click.echo(f"only the first {limit} steps are listed; --limit 0 lists all", err=True)
        found = found[:limit]
    print_steps(found, as_json=as_json)


@click.command("show")
@click.argument("uid")
@where_options
@json_option
def show(where: Where, uid: str, as_json: bool) -> None:
    """Print all of the step UID, as N-GET gives it.

    \b
    Example:
        pacs ups show 2.25.1234 --json
    """
    with where.open() as place:
        step = place.get(uid)
    if as_json:
        print_json(step_as_json(step, whole=True))
    else:
        click.echo(f"step {step.uid}, {step.state}")
        click.echo(str(step.dataset))
