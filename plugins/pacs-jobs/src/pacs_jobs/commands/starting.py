"""``pacs jobs start`` and ``kinds``."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import click

from pacs_framework.app import App
from pacs_framework.cli.options import archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.errors import PacsError
from pacs_framework.jobs import JobOrder
from pacs_framework.tables import now
from pacs_jobs.commands.watching import follow
from pacs_jobs.queue import TableQueue

if TYPE_CHECKING:
    from pacs_framework.cli.options import ArchiveChoice

__all__ = ["kinds", "start"]


@click.command("start")
@archive_options
@click.argument("kind")
@click.option("--study", default="", metavar="UID", help="The same as -p study=UID.")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Something that the work is told, as text; may be given again.",
)
@click.option("--payload", default="{}", metavar="JSON", help="All that it is told, as JSON.")
@click.option("--key", default="", help="A job of this key is not made twice.")
@click.option("--lane", default="", help="Jobs of one lane are not run side by side.")
@click.option("--priority", type=click.IntRange(-1000, 1000), default=0, help="Higher comes first.")
@click.option(
    "--in", "minutes", type=click.FloatRange(min=0), default=0.0, help="Not before, in minutes."
)
@click.option("--held", is_flag=True, help="Not before it is released.")
@click.option("--watch", "watching", is_flag=True, help="Show how far it is until it is over.")
@json_option
@click.pass_context
def start(
    context: click.Context,
    choice: ArchiveChoice,
    kind: str,
    study: str,
    parameters: tuple[str, ...],
    payload: str,
    key: str,
    lane: str,
    priority: int,
    minutes: float,
    held: bool,
    watching: bool,
    as_json: bool,
) -> None:
    """Put in a job of KIND, which a running archive does; print its id.

    With --watch the exit code is 1 when it fails or is canceled.

    \b
    Example:
        pacs jobs start verify --study 1.2.840.1 --watch
        pacs jobs start verify --in 600 --key nightly
    """
    order = JobOrder(
        kind=kind,
        payload=_told(payload, parameters, study),
        key=key,
        lane=lane,
        priority=priority,
        not_before=now() + dt.timedelta(minutes=minutes) if minutes else None,
        held=held,
    )
    with App(choice.configured(), listen=False, feed=False) as app:
        (enqueued,) = app.archive.jobs.enqueue([order])
        if watching:
            follow(context, app.archive.jobs, enqueued.id, as_json=as_json)
        elif as_json:
            print_json({"id": enqueued.id, "new": enqueued.new})
        else:
            click.echo(enqueued.id)
            if not enqueued.new:
                click.echo(f"the key {key!r} was known: this is the job that it made", err=True)


def _told(payload: str, parameters: tuple[str, ...], study: str) -> dict[str, Any]:
    try:
        told = json.loads(payload)
    except ValueError as error:
        raise click.UsageError(f"--payload is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise click.UsageError('--payload is no JSON object, such as \'{"study": "1.2"}\'')
    for each in parameters:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise click.UsageError(f"-p {each!r} is not NAME=VALUE")
        told[name] = value
    return {**told, "study": study} if study else told


@click.command("kinds")
@archive_options
@json_option
def kinds(choice: ArchiveChoice, as_json: bool) -> None:
    """List the kinds of jobs that the active plugins do, and their limits.

    \b
    Example:
        pacs jobs kinds --json
    """
    with App(choice.configured(), listen=False, feed=False) as app:
        queue = app.archive.jobs
        if not isinstance(queue, TableQueue) or queue.kinds is None:
            raise PacsError("the queue of this archive is that of another plugin")
        rows = [
            {
                "kind": kind.name,
                "plugin": queue.kinds.plugin_of(kind.name),
                "at_once": kind.at_once,
                "everywhere": kind.everywhere,
                "attempts": kind.attempts,
                "time_limit": kind.time_limit,
                "description": kind.description,
            }
            for kind in sorted(queue.kinds, key=lambda each: each.name)
        ]
    if as_json:
        print_json(rows)
        return
    titles = [name.replace("_", " ").upper() for name in rows[0]]
    print_table(titles, [[str(value) for value in row.values()] for row in rows])
