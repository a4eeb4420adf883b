"""``pacs jobs``: work that is done later, by hand."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["jobs"]

_PLACES = {
    "list": "pacs_jobs.commands.looking:list_",
    "show": "pacs_jobs.commands.looking:show",
    "summary": "pacs_jobs.commands.looking:summary",
    "kinds": "pacs_jobs.commands.starting:kinds",
    "start": "pacs_jobs.commands.starting:start",
    "watch": "pacs_jobs.commands.watching:watch",
    "retry": "pacs_jobs.commands.changing:retry",
    "cancel": "pacs_jobs.commands.changing:cancel",
    "hold": "pacs_jobs.commands.changing:hold",
    "release": "pacs_jobs.commands.changing:release",
    "pause": "pacs_jobs.commands.changing:pause",
    "resume": "pacs_jobs.commands.changing:resume",
}


@click.group("jobs", cls=LazyGroup, places=_PLACES)
def jobs() -> None:
    """Jobs: work that is done later, with retries, limits and dead letters.

    \b
    Example:
        pacs jobs start verify --study 1.2.840.1 --watch
        pacs jobs list --state failed
        pacs jobs retry --state failed --kind verify
    """
