"""``pacs jobs retry``, ``cancel``, ``hold``, ``release``, ``pause`` and ``resume``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from pacs_framework.cli.options import archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_framework.tables import now
from pacs_jobs.commands.opening import filter_options, opened
from pacs_jobs.rows import conditions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_framework.cli.options import ArchiveChoice
    from pacs_framework.jobs import JobFilter
    from pacs_jobs.queue import TableQueue

__all__ = ["cancel", "hold", "pause", "release", "resume", "retry"]


@click.command("retry")
@archive_options
@filter_options
@json_option
@click.pass_context
def retry(context: click.Context, choice: ArchiveChoice, which: JobFilter, as_json: bool) -> None:
    """Have jobs done again that failed or were canceled, all that are selected at once.

    Those that wait for another attempt or a later moment are due now. Exit code 1 where there were
    none.

    \b
    Example:
        pacs jobs retry 17
        pacs jobs retry --state failed --kind routing.send.pacs2
    """
    _change(context, choice, which, as_json, "due again", lambda queue: queue.retry(which))


@click.command("cancel")
@archive_options
@filter_options
@json_option
@click.pass_context
def cancel(context: click.Context, choice: ArchiveChoice, which: JobFilter, as_json: bool) -> None:
    """End jobs that wait, and tell those that run to end. Exit code 1 where there were none.

    \b
    Example:
        pacs jobs cancel 17
    """
    _change(context, choice, which, as_json, "canceled", lambda queue: queue.cancel(which))


@click.command("hold")
@archive_options
@filter_options
@json_option
@click.pass_context
def hold(context: click.Context, choice: ArchiveChoice, which: JobFilter, as_json: bool) -> None:
    """Keep waiting jobs from being begun until they are released. Exit code 1 for none.

    \b
    Example:
        pacs jobs hold --lane 1.2.840.1
    """
    _change(context, choice, which, as_json, "held", lambda queue: queue.hold(which))


@click.command("release")
@archive_options
@filter_options
@json_option
@click.pass_context
def release(context: click.Context, choice: ArchiveChoice, which: JobFilter, as_json: bool) -> None:
    """Have held jobs wait for their turn again. Exit code 1 where there were none.

    \b
    Example:
        pacs jobs release --lane 1.2.840.1
    """
    _change(context, choice, which, as_json, "released", lambda queue: queue.release(which))


@click.command("pause")
@archive_options
@click.argument("kind")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="No longer than this.")
@click.option("--reason", default="", help="Shown to whoever looks why jobs wait.")
def pause(choice: ArchiveChoice, kind: str, minutes: float | None, reason: str) -> None:
    """Begin no job of KIND on any node, until it is resumed; those that run go on.

    \b
    Example:
        pacs jobs pause verify --minutes 90 --reason "backup"
    """
    until = None if minutes is None else now() + dt.timedelta(minutes=minutes)
    with opened(choice) as queue:
        queue.pause(kind, until=until, reason=reason)
    click.echo(f"paused: {kind}")


@click.command("resume")
@archive_options
@click.argument("kind")
@click.pass_context
def resume(context: click.Context, choice: ArchiveChoice, kind: str) -> None:
    """End the pause of KIND. Exit code 1 where there was none.

    \b
    Example:
        pacs jobs resume verify
    """
    with opened(choice) as queue:
        ended = queue.resume(kind)
    click.echo(f"resumed: {kind}" if ended else f"{kind} was not paused", err=not ended)
    if not ended:
        context.exit(1)


def _change(
    context: click.Context,
    choice: ArchiveChoice,
    which: JobFilter,
    as_json: bool,
    done: str,
    change: Callable[[TableQueue], int],
) -> None:
    if not conditions(which):
        raise click.UsageError("say which jobs: by ID, --kind, --state, --key, --lane or --reason")
    with opened(choice) as queue:
        count = change(queue)
    if as_json:
        print_json({"jobs": count})
    else:
        click.echo(f"{count} jobs {done}" if count != 1 else f"1 job {done}", err=not count)
    if not count:
        context.exit(1)
