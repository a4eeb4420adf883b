"""Jobs as rows for a person, and as JSON for a program."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pacs_framework.cli.output import print_json, print_table

if TYPE_CHECKING:
    from pacs_framework.jobs import Job, JobLogLine, Progress

__all__ = ["job_as_json", "moment", "print_job", "print_jobs", "progress_text"]

_COLUMNS = ("ID", "KIND", "STATE", "PROGRESS", "ATTEMPTS", "CREATED", "DUE", "KEY", "REASON")


def job_as_json(job: Job) -> dict[str, Any]:
    """Plain values; moments in ISO 8601, in UTC."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state.value,
        "key": job.key,
        "lane": job.lane,
        "priority": job.priority,
        "payload": dict(job.payload),
        "created": moment(job.created),
        "due": moment(job.due),
        "started": moment(job.started),
        "ended": moment(job.ended),
        "attempts": job.attempts,
        "error": job.error,
        "progress": {
            "done": job.progress.done,
            "total": job.progress.total,
            "note": job.progress.note,
        },
        "result": job.result,
        "runner": job.runner,
        "canceling": job.canceling,
    }


def print_jobs(jobs: Sequence[Job], *, as_json: bool) -> None:
    """All of them, as a table or as a list."""
    if as_json:
        print_json([job_as_json(job) for job in jobs])
    elif jobs:
        print_table(_COLUMNS, [_row(job) for job in jobs])
    else:
        click.echo("there are no such jobs", err=True)


def print_job(job: Job, lines: Sequence[JobLogLine], *, as_json: bool) -> None:
    """One of them, with its log."""
    facts = job_as_json(job)
    if as_json:
        log = [
            {"at": moment(each.at), "attempt": each.attempt, "text": each.text} for each in lines
        ]
        print_json({**facts, "log": log})
        return
    facts["progress"] = progress_text(job.progress)
    for name, value in facts.items():
        if value not in ("", None, False, {}):
            click.echo(f"{name + ':':<11}{value}")
    for each in lines:
        click.echo(f"{moment(each.at)}  attempt {each.attempt}  {each.text}")


def progress_text(progress: Progress) -> str:
    """``3/10 instances``, as far as it is known."""
    count = f"{progress.done:g}" if progress.done or progress.total else ""
    count += f"/{progress.total:g}" if progress.total else ""
    return f"{count} {progress.note}".strip()


def moment(value: dt.datetime | None) -> str:
    """In UTC to the second; empty for none."""
    return "" if value is None else value.isoformat(timespec="seconds")


def _row(job: Job) -> tuple[str, ...]:
    return (
        job.id,
        job.kind,
        "canceling" if job.canceling else job.state.value,
        progress_text(job.progress),
        str(job.attempts),
        moment(job.created),
        moment(job.due),
        job.key,
        job.error,
    )
