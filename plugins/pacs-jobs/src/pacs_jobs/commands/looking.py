"""``pacs jobs list``, ``show`` and ``summary``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pacs_framework.cli.options import archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.errors import PacsError
from pacs_jobs.commands.opening import JobId, filter_options, opened
from pacs_jobs.commands.printing import moment, print_job, print_jobs

if TYPE_CHECKING:
    from pacs_framework.cli.options import ArchiveChoice
    from pacs_framework.jobs import JobFilter

__all__ = ["list_", "show", "summary"]


@click.command("list")
@archive_options
@filter_options
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Most jobs to list."
)
@click.option("--after", type=JobId(), help="Only jobs older than this one: next page.")
@json_option
def list_(
    choice: ArchiveChoice, which: JobFilter, limit: int, after: str | None, as_json: bool
) -> None:
    """List jobs, the newest first. Those that are failed are the dead letters.

    \b
    Example:
        pacs jobs list --state failed --reason refused --json
    """
    with opened(choice) as queue:
        found = queue.find(which, most=limit + 1, after=after or "")
    if len(found) > limit:
        found = found[:limit]
        click.echo(f"only {limit} jobs are listed; next: --after {found[-1].id}", err=True)
    print_jobs(found, as_json=as_json)


@click.command("show")
@archive_options
@click.argument("job_id", metavar="ID", type=JobId())
@json_option
def show(choice: ArchiveChoice, job_id: str, as_json: bool) -> None:
    """Print the job ID, its result and what it wrote down.

    \b
    Example:
        pacs jobs show 17 --json
    """
    with opened(choice) as queue:
        found = queue.get(job_id)
        lines = queue.log_lines(job_id)
    if found is None:
        raise PacsError(f"there is no job {job_id}; `pacs jobs list` shows those that are there")
    print_job(found, lines, as_json=as_json)


@click.command("summary")
@archive_options
@json_option
@click.pass_context
def summary(context: click.Context, choice: ArchiveChoice, as_json: bool) -> None:
    """Count jobs by kind and state, and name the kinds that are paused.

    Exit code 1 where there are dead letters.

    \b
    Example:
        pacs jobs summary --json
    """
    with opened(choice) as queue:
        counts = queue.summary()
        pauses = queue.pauses()
    rows: list[dict[str, object]] = [
        {
            "kind": each.kind,
            "state": each.state.value,
            "count": each.count,
            "oldest": moment(each.oldest),
        }
        for each in counts
    ]
    waiting: list[dict[str, object]] = [
        {"kind": each.kind, "until": moment(each.until), "reason": each.reason} for each in pauses
    ]
    if as_json:
        print_json({"jobs": rows, "paused": waiting})
    else:
        _print(rows, "there are no jobs")
        for pause in waiting:
            until = f"until {pause['until']}" if pause["until"] else "until it is resumed"
            click.echo(f"{pause['kind']} is paused {until}: {pause['reason'] or 'no reason given'}")
    if any(row["state"] == "failed" for row in rows):
        context.exit(1)


def _print(rows: list[dict[str, object]], nothing: str) -> None:
    if not rows:
        click.echo(nothing, err=True)
        return
    print_table([name.upper() for name in rows[0]], [[str(v) for v in r.values()] for r in rows])
