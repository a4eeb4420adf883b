"""``pacs hl7 messages``: what came in, and another try."""

from __future__ import annotations

from typing import Any

import click

from pacs_framework.app import App
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_hl7.acknowledging import Outcome
from pacs_hl7.commands.shown import readable
from pacs_hl7.faults import Code
from pacs_hl7.handling import Handler
from pacs_hl7.journal import Entry, Journal
from pacs_hl7.settings import Hl7Settings
from pacs_hl7.tables import NAME

__all__ = ["messages"]

_COLUMNS = ("ID", "RECEIVED", "CODE", "KIND", "CONTROL ID", "SENDER", "REASON")


@click.group("messages")
def messages() -> None:
    """Messages that came in: list them, show one, try one again.

    \b
    Example:
        pacs hl7 messages list --rejected
        pacs hl7 messages replay 7
    """


@messages.command("list")
@archive_options
@click.option("--rejected", is_flag=True, help="Only those that were not accepted.")
@click.option("--kind", default="", help="Only of this kind: ADT^A08.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Most messages to list; 0 for all.",
)
@json_option
def list_(choice: ArchiveChoice, rejected: bool, kind: str, limit: int, as_json: bool) -> None:
    """List the messages that are kept, newest first.

    \b
    Example:
        pacs hl7 messages list --rejected --json
    """
    with choice.configured().open_tables() as tables:
        entries = Journal(tables(NAME)).latest(most=limit, rejected=rejected, kind=kind)
    if as_json:
        print_json([_facts(entry) for entry in entries])
    else:
        print_table(_COLUMNS, [_row(entry) for entry in entries])


@messages.command("show")
@archive_options
@click.argument("number", type=click.IntRange(min=1))
@json_option
def show(choice: ArchiveChoice, number: int, as_json: bool) -> None:
    """Print the message NUMBER as it came, and what became of it.

    \b
    Example:
        pacs hl7 messages show 7
    """
    with choice.configured().open_tables() as tables:
        entry = Journal(tables(NAME)).get(number)
    if as_json:
        print_json(_facts(entry) | {"message": readable(entry.arrival.data)})
    else:
        click.echo(f"message {entry.id}, {_said(entry.outcome)}")
        click.echo(readable(entry.arrival.data).replace("\r", "\n"))


@messages.command("replay")
@archive_options
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(min=1))
@json_option
@click.pass_context
def replay(
    context: click.Context, choice: ArchiveChoice, numbers: tuple[int, ...], as_json: bool
) -> None:
    """Carry out the messages NUMBERS once more, in this order, also ones that were accepted.

    Nobody is answered. Exit code 0 when all were accepted, 1 when any was not.

    \b
    Example:
        pacs hl7 messages replay 7 8
    """
    configured = choice.configured()
    settings = (
        next((p.settings for p in configured.plugins.active if p.name == NAME), None)
        or Hl7Settings()
    )
    assert isinstance(settings, Hl7Settings)
    results: list[dict[str, Any]] = []
    with App(configured, listen=False, feed=False) as app:
        handler = Handler(app.archive, settings)
        for entry in [handler.journal.get(number) for number in numbers]:
            outcome = handler.replay(entry)
            results.append({"id": entry.id, "code": outcome.code.value, "reason": outcome.reason})
            if not as_json:
                click.echo(f"message {entry.id}: {_said(outcome)}")
    if as_json:
        print_json(results)
    if any(result["code"] != Code.ACCEPT.value for result in results):
        context.exit(1)


def _said(outcome: Outcome) -> str:
    return f"{outcome.code.value} {outcome.reason}".strip()


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "received": entry.received.isoformat(),
        "kind": entry.arrival.kind,
        "control_id": entry.arrival.control_id,
        "sender": entry.arrival.sender,
        "address": entry.arrival.address,
        "code": entry.outcome.code.value,
        "error": entry.outcome.error,
        "location": entry.outcome.location,
        "reason": entry.outcome.reason,
        "attempts": entry.attempts,
        "bytes": len(entry.arrival.data),
    }


def _row(entry: Entry) -> tuple[str, ...]:
    received = entry.received.astimezone()
    return (
        str(entry.id),
        f"{received:%Y-%m-%d %H:%M:%S}",
        entry.outcome.code.value,
        entry.arrival.kind,
        entry.arrival.control_id,
        entry.arrival.sender,
        entry.outcome.reason,
    )
