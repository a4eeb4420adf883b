"""``pacs hl7 queue``: what is to be sent."""

from __future__ import annotations

from typing import Any

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.waking import ring
from pacs_hl7.commands.shown import readable
from pacs_hl7.outbox import QUEUED, REFUSED, SENT, Outbox, Outgoing
from pacs_hl7.tables import NAME
from pacs_hl7.telling import bell_of

__all__ = ["queue"]

_COLUMNS = ("ID", "MADE", "RECEIVER", "STATE", "KIND", "CONTROL ID", "ATTEMPTS", "ERROR")


@click.group("queue")
def queue() -> None:
    """Messages for receivers: list them, send one again.

    \b
    Example:
        pacs hl7 queue list --state refused
        pacs hl7 queue retry 3
    """


@queue.command("list")
@archive_options
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([QUEUED, SENT, REFUSED]),
    help="Only in this state; may be given again.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Most messages to list; 0 for all.",
)
@json_option
def list_(choice: ArchiveChoice, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List messages that are to be sent, were sent or were refused, newest first.

    \b
    Example:
        pacs hl7 queue list --state queued --json
    """
    with choice.configured().open_tables() as tables:
        found = Outbox(tables(NAME)).latest(most=limit, states=states)
    if as_json:
        print_json([_facts(each) for each in found])
    else:
        print_table(_COLUMNS, [_row(each) for each in found])


@queue.command("retry")
@archive_options
@click.argument("number", type=click.IntRange(min=1))
@json_option
def retry(choice: ArchiveChoice, number: int, as_json: bool) -> None:
    """Have the message NUMBER sent again now, by the archive that runs.

    \b
    Example:
        pacs hl7 queue retry 3
    """
    configured = choice.configured()
    with configured.open_tables() as tables:
        found = Outbox(tables(NAME)).retry(number)
    ring(bell_of(configured.data))
    if as_json:
        print_json(_facts(found))
    else:
        click.echo(f"queued: message {found.id} for {found.receiver}")


def _facts(each: Outgoing) -> dict[str, Any]:
    return {
        "id": each.id,
        "made": each.made.isoformat(),
        "receiver": each.receiver,
        "state": each.state,
        "kind": each.kind,
        "control_id": each.control_id,
        "attempts": each.attempts,
        "due": each.due.isoformat(),
        "error": each.error,
        "message": readable(each.data),
    }


def _row(each: Outgoing) -> tuple[str, ...]:
    made = f"{each.made.astimezone():%Y-%m-%d %H:%M:%S}"
    state = (each.state, each.kind, each.control_id, str(each.attempts), each.error)
    return (str(each.id), made, each.receiver, *state)
