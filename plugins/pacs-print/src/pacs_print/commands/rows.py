"""Jobs as rows for a person, and as JSON for a program."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from pacs_framework.cli.output import print_json, print_table
from pacs_print.queue.model import Job

__all__ = ["as_row", "print_job", "print_jobs"]

_COLUMNS = ("uid", "printer", "originator", "label", "state", "info", "films", "copies", "made")


def as_row(job: Job) -> dict[str, Any]:
    """Plain values; moments in UTC."""
    return {
        "uid": job.uid,
        "printer": job.printer,
        "originator": job.originator,
        "label": job.label,
        "priority": job.priority.name,
        "state": job.state.value,
        "info": job.info,
        "held": job.held,
        "films": job.films,
        "copies": job.copies,
        "attempts": job.attempts,
        "error": job.error,
        "made": _moment(job.made),
        "due": _moment(job.due),
        "ended": _moment(job.ended),
    }


def _moment(moment: dt.datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")


def print_jobs(jobs: list[Job], *, as_json: bool) -> None:
    """All of them, as a table or as a list."""
    rows = [as_row(job) for job in jobs]
    if as_json:
        print_json(rows)
    elif rows:
        titles = [name.upper() for name in _COLUMNS]
        print_table(titles, [[str(row[name]) for name in _COLUMNS] for row in rows])
    else:
        click.echo("there are no such print jobs", err=True)


def print_job(job: Job, done: str, *, as_json: bool) -> None:
    """What was done to one."""
    if as_json:
        print_json(as_row(job))
    else:
        click.echo(f"{done}: {job.uid} ({job.state}, {job.info})")
