"""``pacs dicomweb forwards``: what is still to be forwarded."""

from __future__ import annotations

import click

from pacs_dicomweb.forward.outbox import Due, ForwardOutbox
from pacs_dicomweb.forward.selecting import bell_of
from pacs_dicomweb.tables import NAME
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.waking import ring

__all__ = ["forwards"]

_MOST_BELLS = 64


@click.group("forwards")
def forwards() -> None:
    """Instances that have yet to go to other servers: list them, try them again.

    \b
    Example:
        pacs dicomweb forwards list
        pacs dicomweb forwards retry cloud
    """


@forwards.command("list")
@archive_options
@click.argument("names", nargs=-1)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Most instances to list; 0 for all.",
)
@json_option
def list_(choice: ArchiveChoice, names: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List what has not arrived at the servers called NAMES, or at any; oldest first.

    \b
    Example:
        pacs dicomweb forwards list cloud --json
    """
    with choice.configured().open_tables() as tables:
        found = ForwardOutbox(tables(NAME)).waiting(names, limit=limit)
    if as_json:
        print_json([_facts(each) for each in found])
    else:
        columns = ("SERVER", "SINCE", "ATTEMPTS", "NEXT", "INSTANCE", "ERROR")
        print_table(columns, [_row(each) for each in found])


@forwards.command("retry")
@archive_options
@click.argument("names", nargs=-1)
@json_option
def retry(choice: ArchiveChoice, names: tuple[str, ...], as_json: bool) -> None:
    """Have everything for the servers called NAMES, or for all, sent again now.

    \b
    Example:
        pacs dicomweb forwards retry
    """
    configured = choice.configured()
    with configured.open_tables() as tables:
        count = ForwardOutbox(tables(NAME)).retry(names)
    for number in range(_MOST_BELLS):
        ring(bell_of(configured.data, number))
    if as_json:
        print_json({"due": count})
    else:
        click.echo(f"{count} instances are due now")


def _row(each: Due) -> tuple[str, ...]:
    following = "given up" if each.due is None else each.due.isoformat(timespec="seconds")
    since = each.created.isoformat(timespec="seconds")
    instance = each.sop_instance_uid
    return (each.target, since, str(each.attempts), following, instance, each.error)


def _facts(each: Due) -> dict[str, object]:
    return {
        "server": each.target,
        "since": each.created.isoformat(),
        "attempts": each.attempts,
        "due": None if each.due is None else each.due.isoformat(),
        "study_instance_uid": each.study_instance_uid,
        "sop_instance_uid": each.sop_instance_uid,
        "error": each.error,
    }
