"""``pacs worklist list`` and ``show``."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_worklist.api import State
from pacs_worklist.commands.opening import opened
from pacs_worklist.commands.printing import as_json as item_as_json
from pacs_worklist.commands.printing import print_items
from pacs_worklist.commands.values import DAYS, number_argument

__all__ = ["list_", "show"]


@click.command("list")
@archive_options
@click.option("--day", "days", type=DAYS, default="-", help="A day, or a range: 20261121-20261123.")
@click.option("--station", default="", help="AE title of the modality.")
@click.option("--modality", default="", help="CT, MR, US …")
@click.option("--patient-id", default="", help="Patient ID.")
@click.option("--accession", default="", help="Accession Number.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only steps in this state; may be given again.  [default: scheduled, started]",
)
@click.option("--all", "every", is_flag=True, help="Steps in every state.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Most steps to list; 0 for all.",
)
@json_option
def list_(
    choice: ArchiveChoice,
    days: tuple[str, str],
    station: str,
    modality: str,
    patient_id: str,
    accession: str,
    states: tuple[str, ...],
    every: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List the steps of the database, earliest start first.

    Those in folders of files, and those of other plugins, are not among them.

    \b
    Example:
        pacs worklist list --day 20261121 --station CT1 --json
    """
    if every and states:
        raise click.UsageError("--all and --state exclude each other")
    wanted = [State(state) for state in states] or [s for s in State if every or not s.final]
    with opened(choice) as worklist:
        items = worklist.find(
            days=days,
            station_aet=station,
            modality=modality,
            patient_id=patient_id,
            accession_number=accession,
            states=wanted,
            most=limit + 1 if limit else 0,
        )
    if limit and len(items) > limit:
        click.echo(f"only the first {limit} steps are listed; --limit 0 lists all", err=True)
        items = items[:limit]
    print_items(items, json=as_json)


@click.command("show")
@archive_options
@number_argument
@json_option
def show(choice: ArchiveChoice, number: int, as_json: bool) -> None:
    """Print all of the step NUMBER, as a modality gets it.

    \b
    Example:
        pacs worklist show 17
    """
    with opened(choice) as worklist:
        item = worklist.get(number)
    if as_json:
        print_json(item_as_json(item, whole=True))
    else:
        click.echo(f"step {item.id}, {item.state.value}, order {item.order_key}")
        click.echo(str(item.dataset))
