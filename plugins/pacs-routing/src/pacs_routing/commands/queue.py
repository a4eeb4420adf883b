"""``pacs routing queue``, ``retry`` and ``send``: what is on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from pydicom import Dataset

from pacs_framework.archive.query_keys import Root
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.dicom.attributes import Level
from pacs_framework.jobs import JobFilter, JobOrder, JobState
from pacs_routing.arrivals import order_by_hand
from pacs_routing.commands.opening import beside, chosen
from pacs_routing.settings import Priority
from pacs_routing.terms import kind_of, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import Job
    from pacs_routing.settings import RoutingSettings

__all__ = ["queue", "retry", "send"]

_OPEN = (JobState.WAITING, JobState.HELD, JobState.RUNNING, JobState.FAILED)
_COLUMNS = ("DESTINATION", "STATE", "SINCE", "ATTEMPTS", "NEXT", "RULE", "INSTANCE", "ERROR")
_PAGE = 500


def _kinds(settings: RoutingSettings, names: tuple[str, ...]) -> list[str]:
    found = [kind_of(each.name) for each in chosen(settings, names)]
    if not found:
        raise click.ClickException("there is no [[plugin.routing.destination]]")
    return found


@click.command("queue")
@archive_options
@click.argument("names", nargs=-1)
@click.option("--failed", is_flag=True, help="Only what was given up.")
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=click.IntRange(min=1, max=100_000),
    help="Most instances to list.",
)
@json_option
def queue(
    choice: ArchiveChoice, names: tuple[str, ...], failed: bool, limit: int, as_json: bool
) -> None:
    """List what has not arrived at the destinations called NAMES, or at any; the newest first.

    \b
    Example:
        pacs routing queue reading --failed --json
    """
    with beside(choice) as (archive, settings):
        states = (JobState.FAILED,) if failed else _OPEN
        which = JobFilter(kinds=_kinds(settings, names), states=states)
        found = list(archive.jobs.find(which, most=limit))
    if as_json:
        print_json([_facts(job) for job in found])
    else:
        print_table(_COLUMNS, [_row(job) for job in found])


def _facts(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "destination": name_of(job.kind),
        "state": str(job.state),
        "since": job.created.isoformat(timespec="seconds"),
        "attempts": job.attempts,
        "due": job.due and job.due.isoformat(timespec="seconds"),
        "rule": job.payload.get("rule", ""),
        "study_instance_uid": job.payload.get("study", ""),
        "sop_instance_uid": job.payload.get("instance", ""),
        "error": job.error,
    }


def _row(job: Job) -> tuple[str, ...]:
    facts = _facts(job)
    columns = ("destination", "state", "since", "attempts", "due", "rule", "sop_instance_uid")
    return (*(str(facts[name] or "") for name in columns), facts["error"])


@click.command("retry")
@archive_options
@click.argument("names", nargs=-1)
@json_option
def retry(choice: ArchiveChoice, names: tuple[str, ...], as_json: bool) -> None:
    """Have sent now what waits for the destinations called NAMES, or for any, or was given up.

    \b
    Example:
        pacs routing retry reading
    """
    with beside(choice) as (archive, settings):
        kinds = _kinds(settings, names)
        states = (JobState.WAITING, JobState.FAILED)
        count = archive.jobs.retry(JobFilter(kinds=kinds, states=states))
        for kind in kinds:
            archive.jobs.resume(kind)
    if as_json:
        print_json({"due": count})
    else:
        click.echo(f"due now: {count}")


@click.command("send")
@click.argument("study")
@click.argument("names", nargs=-1, required=True)
@archive_options
@click.option(
    "--priority",
    type=click.Choice([str(each) for each in Priority]),
    default=str(Priority.HIGH),
    show_default=True,
    help="What goes first.",
)
@json_option
def send(
    choice: ArchiveChoice, study: str, names: tuple[str, ...], priority: str, as_json: bool
) -> None:
    """Have the study with Study Instance UID STUDY sent to the destinations called NAMES.

    All of it, whatever the rules say and whether it was sent before. It is queued, not waited for.

    \b
    Example:
        pacs routing send 1.2.840.99.1 reading
    """
    with beside(choice) as (archive, settings):
        wanted = [each.name for each in chosen(settings, names)]
        orders = list(_orders(archive, study, wanted, Priority(priority)))
        if not orders:
            raise click.ClickException(f"there is no study {study!r} in the archive")
        for first in range(0, len(orders), _PAGE):
            archive.jobs.enqueue(orders[first : first + _PAGE])
    if as_json:
        print_json({"queued": len(orders)})
    else:
        click.echo(f"queued: {len(orders)}")


def _orders(
    archive: Archive, study: str, names: list[str], priority: Priority
) -> Iterator[JobOrder]:
    identifier = Dataset()
    identifier.StudyInstanceUID = study
    for stored in archive.retrieve.locate(Level.STUDY, Root.STUDY, identifier):
        for name in names:
            yield order_by_hand(name, study, stored.sop_instance_uid, priority)
