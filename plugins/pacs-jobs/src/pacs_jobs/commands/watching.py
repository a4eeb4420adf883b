"""``pacs jobs watch``: how far jobs are, as it happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pacs_framework.cli.options import archive_options
from pacs_framework.cli.output import json_option
from pacs_framework.errors import PacsError
from pacs_framework.jobs import JobFilter, JobState
from pacs_jobs.commands.opening import filter_options, opened
from pacs_jobs.commands.printing import job_as_json, print_job, progress_text
from pacs_jobs.queue import TableQueue

if TYPE_CHECKING:
    from pacs_framework.cli.options import ArchiveChoice
    from pacs_framework.jobs import Job, JobQueue

__all__ = ["follow", "watch"]

_MOST = 40  # jobs on a screen
_ENDED_ILL = frozenset({JobState.FAILED, JobState.CANCELED})

_Show = Callable[[Sequence["Job"]], None]


@click.command("watch")
@archive_options
@filter_options
@json_option
@click.pass_context
def watch(context: click.Context, choice: ArchiveChoice, which: JobFilter, as_json: bool) -> None:
    """Show how far jobs are, until all are over that are there now; Ctrl-C ends it before.

    A terminal gets a table that is kept up to date, anything else a line for each change; with
    --json a JSON object for each. Exit code 1 where one of them failed or was canceled.

    \b
    Example:
        pacs jobs watch 17
        pacs jobs watch --kind verify --json
    """
    with opened(choice) as queue:
        found = queue.find(which, most=_MOST)
        missing = sorted(set(which.ids) - {each.id for each in found})
        if missing:
            raise PacsError(f"there is no job {missing[0]}; `pacs jobs list` shows those there are")
        alive = [each.id for each in found if which.ids or not each.state.is_over]
        if not alive:
            click.echo("no such job is under way", err=True)
            return
        ended = _watched(queue, alive, as_json=as_json)
    if any(each.state in _ENDED_ILL for each in ended):
        context.exit(1)


def follow(context: click.Context, queue: JobQueue, job_id: str, *, as_json: bool) -> None:
    """Show how far one job is, then the whole of it; exit code 1 unless it is done."""
    ended = _watched(queue, [job_id], as_json=as_json)
    if not as_json:
        for job in ended:
            print_job(job, queue.log_lines(job.id), as_json=False)
    if any(each.state in _ENDED_ILL for each in ended):
        context.exit(1)


def _watched(queue: JobQueue, ids: Sequence[str], *, as_json: bool) -> list[Job]:
    """The jobs when all are over; those that were deleted meanwhile are left out."""
    if isinstance(queue, TableQueue) and queue.nobody_works():
        click.echo("no archive is running here; jobs wait until one is", err=True)
    with queue.news() as news, _shown(as_json=as_json) as show:
        while True:
            news.wait(None)
            found = sorted(queue.find(JobFilter(ids=ids), most=len(ids)), key=lambda j: int(j.id))
            show(found)
            if all(each.state.is_over for each in found):
                return found


@contextmanager
def _shown(*, as_json: bool) -> Iterator[_Show]:
    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield _lines(as_json=as_json)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda jobs: live.update(_table(jobs), refresh=True)


def _lines(*, as_json: bool) -> _Show:
    """A line for each job of which something is new."""
    last: dict[str, str] = {}

    def show(jobs: Sequence[Job]) -> None:
        for job in jobs:
            line = json.dumps(job_as_json(job), ensure_ascii=False) if as_json else _line(job)
            if last.get(job.id) != line:
                last[job.id] = line
                click.echo(line)

    return show


def _line(job: Job) -> str:
    return f"{job.id} {job.kind} {job.state} {progress_text(job.progress)} {job.error}".rstrip()


def _table(jobs: Sequence[Job]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ID", "KIND", "STATE", "", "PROGRESS", "REASON"):
        table.add_column(column)
    for job in jobs:
        bar = ProgressBar(total=job.progress.total or None, completed=job.progress.done, width=20)
        note = Text(progress_text(job.progress))
        table.add_row(job.id, job.kind, job.state.value, bar, note, Text(job.error))
    return table
