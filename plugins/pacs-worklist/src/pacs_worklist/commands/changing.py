"""``pacs worklist add``, ``update`` and ``cancel``."""

from __future__ import annotations

from collections.abc import Sequence

import click
from pydicom import Dataset

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_worklist.api import Item, State
from pacs_worklist.commands.opening import opened
from pacs_worklist.commands.printing import as_json as item_as_json
from pacs_worklist.commands.values import ATTRIBUTE, MOMENT, number_argument, set_attribute
from pacs_worklist.items import ItemError
from pacs_worklist.steps import STEPS, step_of

__all__ = ["add", "cancel", "update"]

_set_option = click.option(
    "--set",
    "attributes",
    type=ATTRIBUTE,
    multiple=True,
    help="An attribute, such as PatientSex=M; several values with \\ between; may be given again.",
)


@click.command("add")
@archive_options
@click.option("--patient-id", required=True, help="Patient ID.")
@click.option("--patient-name", required=True, help="Patient's Name: Doe^John.")
@click.option("--modality", required=True, help="CT, MR, US …")
@click.option("--station", required=True, multiple=True, help="AE title that may do it; again.")
@click.option("--start", type=MOMENT, required=True, help="Date and time: 20261121T1030.")
@click.option("--accession", default="", help="Accession Number.")
@click.option("--description", default="", help="Scheduled Procedure Step Description.")
@click.option("--order", "order_key", default="", help="Your own name of it, to change it by.")
@_set_option
@json_option
def add(
    choice: ArchiveChoice,
    patient_id: str,
    patient_name: str,
    modality: str,
    station: tuple[str, ...],
    start: tuple[str, str],
    accession: str,
    description: str,
    order_key: str,
    attributes: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Plan a step; with the --order of one that is there, that one is changed.

    Study Instance UID, Requested Procedure ID and Scheduled Procedure Step ID are made where --set
    does not give them.

    \b
    Example:
        pacs worklist add --patient-id P1 --patient-name Doe^John --modality CT \\
            --station CT1 --start 20261121T1030 --set PatientSex=M
    """
    dataset, step = Dataset(), Dataset()
    named = {
        "PatientID": patient_id,
        "PatientName": patient_name,
        "AccessionNumber": accession,
        "Modality": modality,
        "ScheduledStationAETitle": "\\".join(station),
        "ScheduledProcedureStepStartDate": start[0],
        "ScheduledProcedureStepStartTime": start[1],
        "ScheduledProcedureStepDescription": description,
    }
    given = [(keyword, text) for keyword, text in named.items() if text]
    _set_all(dataset, step, [*given, *attributes])
    if description and "RequestedProcedureDescription" not in dataset:
        dataset.RequestedProcedureDescription = description  # 1C: there, or a code is
    setattr(dataset, STEPS, [step])
    with opened(choice) as worklist:
        _tell(worklist.put(dataset, order_key=order_key), "planned", as_json=as_json)


@click.command("update")
@archive_options
@number_argument
@_set_option
@click.option(
    "--state",
    type=click.Choice([state.value for state in State]),
    help="How far it has come; completed and discontinued are for good.",
)
@json_option
def update(
    choice: ArchiveChoice,
    number: int,
    attributes: tuple[tuple[str, str], ...],
    state: str | None,
    as_json: bool,
) -> None:
    """Change attributes or the state of the step NUMBER.

    \b
    Example:
        pacs worklist update 17 --set ScheduledProcedureStepStartTime=1130
        pacs worklist update 17 --state completed
    """
    if not attributes and state is None:
        raise click.UsageError("nothing to change: give --set or --state")

    def change(dataset: Dataset) -> None:
        _set_all(dataset, step_of(dataset), attributes)

    wanted = None if state is None else State(state)
    with opened(choice) as worklist:
        if wanted is not None and not attributes:
            item = worklist.change_state(number, wanted)
        else:
            item = worklist.update(number, change, state=wanted)
    _tell(item, "changed", as_json=as_json)


@click.command("cancel")
@archive_options
@number_argument
@json_option
def cancel(choice: ArchiveChoice, number: int, as_json: bool) -> None:
    """Discontinue the step NUMBER: it stays in the database and is offered no more.

    \b
    Example:
        pacs worklist cancel 17
    """
    with opened(choice) as worklist:
        item = worklist.change_state(number, State.DISCONTINUED)
    _tell(item, "cancelled", as_json=as_json)


def _set_all(dataset: Dataset, step: Dataset, attributes: Sequence[tuple[str, str]]) -> None:
    """Raises `ItemError` for a value that the attribute cannot have."""
    for keyword, text in attributes:
        try:
            set_attribute(dataset, step, keyword, text)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ItemError(f"{keyword} cannot have this value: {error}") from None


def _tell(item: Item, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(item_as_json(item))
    else:
        click.echo(f"{done}: step {item.id}, {item.state.value}")
