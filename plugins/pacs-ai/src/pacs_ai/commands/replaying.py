"""``pacs ai replay``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pacs_ai.catalogue import chosen
from pacs_ai.commands.opening import opened
from pacs_ai.replaying import Found, Replay, found_by, keys_of
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json
from pacs_framework.jobs import JobFilter, JobState

if TYPE_CHECKING:
    from pacs_framework.jobs import JobQueue

__all__ = ["replay"]

_AT_ONCE = 100


@click.command("replay")
@archive_options
@click.argument("model")
@click.option(
    "--query", required=True, metavar="KEYS", help="Keyword=value&…, with values as in C-FIND."
)
@click.option(
    "--shadow",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put results into this folder of the running archive instead of the archive.",
)
@click.option("--name", default="", help="Name of this round; another one runs on all once more.")
@click.option("--limit", type=click.IntRange(min=1), help="So many series at most.")
@click.option("--dry-run", is_flag=True, help="Only list the series.")
@click.option("--watch", is_flag=True, help="Show how far it is until all runs are over.")
@json_option
@click.pass_context
def replay(
    context: click.Context,
    choice: ArchiveChoice,
    model: str,
    query: str,
    shadow: Path | None,
    name: str,
    limit: int | None,
    dry_run: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Have a running archive run MODEL on all stored series that answer a query.

    Each series becomes a job; a series that has one already, of this version and round, gets no
    second one, so the command may be given again. With --watch the exit code is 1 when a run
    failed.

    \b
    Example:
        pacs ai replay lungs@2 --query "Modality=CT&StudyDate=20260101-20260131" --dry-run
        pacs ai replay lungs@2 --query "StudyDate=20260101-" --shadow /srv/lungs2 --watch
    """
    keys = keys_of(query)
    with opened(choice) as local:
        wanted = chosen(local.models(), model)
        round_ = Replay(model=wanted, name=name, shadow=shadow and shadow.resolve())
        found = islice(found_by(local.archive, keys, wanted), limit)
        if dry_run:
            _tell([asdict(each) for each in found], wanted.label, as_json=as_json)
            return
        rows = [row for block in _blocks(found) for row in _put(local.archive.jobs, round_, block)]
        _tell(rows, wanted.label, as_json=as_json)
        if watch and not _watched(local.archive.jobs, [str(row["job"]) for row in rows]):
            context.exit(1)


def _blocks(found: Iterator[Found]) -> Iterator[list[Found]]:
    while block := list(islice(found, _AT_ONCE)):
        yield block


def _put(jobs: JobQueue, round_: Replay, block: Sequence[Found]) -> Iterator[dict[str, object]]:
    enqueued = jobs.enqueue([round_.order(each) for each in block])
    for found, job in zip(block, enqueued, strict=True):
        yield {**asdict(found), "job": job.id, "new": job.new}


def _tell(rows: Sequence[dict[str, object]], label: str, *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        known = "" if row.get("new", True) else "  (has a job already)"
        about = row["series"] or row["study"]
        click.echo(f"{about} {row['modality']} {row['description']}{known}".rstrip())
    put = sum(row.get("new") is True for row in rows)
    jobs = f", {put} new jobs" if any("job" in row for row in rows) else ""
    click.echo(f"{label}: {len(rows)} series{jobs}")


def _watched(jobs: JobQueue, ids: Sequence[str]) -> bool:
    """Whether all went well, once all are over. Blocks are looked at one after the other, as jobs
    are begun in the order that they were put in.
    """
    well = True
    with jobs.news() as news, counting("runs") as bar:
        for start in range(0, len(ids), _AT_ONCE):
            which = JobFilter(ids=ids[start : start + _AT_ONCE])
            while True:
                states = [each.state for each in jobs.find(which, most=_AT_ONCE)]
                over = sum(state.is_over for state in states)
                bar(start + over, len(ids))
                if over == len(states):
                    break
                news.wait(None)
            well = well and set(states) <= {JobState.DONE}
    return well
