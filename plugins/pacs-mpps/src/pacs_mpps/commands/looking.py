"""``pacs mpps list``, ``show`` and ``retry``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_mpps.book import Book, Recorded
from pacs_mpps.crew import ring
from pacs_mpps.model import StepStatus, instances_of
from pacs_mpps.outbox import Delivery, Outbox
from pacs_mpps.tables import NAME

__all__ = ["list_", "retry", "show"]

_COLUMNS = ("step", "status", "start", "station", "modality", "patient id", "accession", "study")


@contextmanager
def _opened(choice: ArchiveChoice) -> Iterator[tuple[Book, Outbox]]:
    """The steps of the archive, which may be running."""
    with choice.configured().open_tables() as tables:
        store = tables(NAME)
        yield Book(store), Outbox(store)


@click.command("list")
@archive_options
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([str(each) for each in StepStatus]),
    help="Only steps of this status; may be given again.",
)
@click.option("--study", default="", help="Study Instance UID.")
@click.option("--accession", default="", help="Accession Number.")
@click.option("--patient-id", default="", help="Patient ID.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(min=0), help="0 for all."
)
@json_option
def list_(
    choice: ArchiveChoice,
    statuses: tuple[str, ...],
    study: str,
    accession: str,
    patient_id: str,
    limit: int,
    as_json: bool,
) -> None:
    """List performed procedure steps, the newest first.

    \b
    Example:
        pacs mpps list --status "IN PROGRESS" --json
    """
    with _opened(choice) as (book, _):
        found = book.find(
            statuses=[StepStatus(each) for each in statuses],
            study_instance_uid=study,
            accession_number=accession,
            patient_id=patient_id,
            most=limit + 1 if limit else 0,
        )
    if limit and len(found) > limit:
        click.echo(f"only the newest {limit} steps are listed; --limit 0 lists all", err=True)
        found = found[:limit]
    if as_json:
        print_json([_facts(each) for each in found])
    else:
        print_table(_COLUMNS, [_cells(each) for each in found])


@click.command("show")
@click.argument("uid")
@archive_options
@json_option
def show(choice: ArchiveChoice, uid: str, as_json: bool) -> None:
    """Print all of the step UID, what it still waits for, and who is still to hear of it.

    \b
    Example:
        pacs mpps show 1.2.840.99.7 --json
    """
    with _opened(choice) as (book, outbox):
        found = book.get(uid)
        if found is None:
            raise click.ClickException(f"there is no step {uid!r}; `pacs mpps list` shows all")
        lanes = [uid, *(each.study_instance_uid for each in found.step.scheduled)]
        waiting = outbox.waiting(lanes)
    if as_json:
        more = {
            "awaited": list(found.awaited),
            "deliveries": [_told(each) for each in waiting],
            "dataset": found.step.dataset.to_json_dict(),
        }
        print_json(_facts(found) | more)
        return
    print_table(_COLUMNS, [_cells(found)])
    click.echo(str(found.step.dataset))
    for instance in found.awaited:
        click.echo(f"not stored yet: {instance}")
    for each in waiting:
        told = _told(each)
        click.echo(
            f"to {told['receiver']}: {told['event']}, {told['attempts']} attempts, "
            f"{told['due'] or 'given up'} {told['error']}".rstrip()
        )


@click.command("retry")
@click.argument("uid")
@archive_options
def retry(choice: ArchiveChoice, uid: str) -> None:
    """Have all that is still to be told of the step or study UID told now.

    \b
    Example:
        pacs mpps retry 1.2.840.99.7
    """
    with _opened(choice) as (_, outbox):
        rows = outbox.retry(uid)
    if not rows:
        raise click.ClickException(f"nothing is left to be told of {uid!r}")
    ring(choice.settings().archive.data)
    click.echo(f"due now: {rows}")


def _facts(found: Recorded) -> dict[str, Any]:
    step = found.step
    return {
        "sop_instance_uid": step.sop_instance_uid,
        "status": str(step.status),
        "start": found.start,
        "station_aet": step.station_aet,
        "modality": step.modality,
        "patient_id": step.patient_id,
        "patient_name": step.patient_name,
        "scheduled": [
            {
                "study_instance_uid": each.study_instance_uid,
                "accession_number": each.accession_number,
                "requested_procedure_id": each.requested_procedure_id,
                "scheduled_procedure_step_id": each.scheduled_procedure_step_id,
            }
            for each in step.scheduled
        ],
        "instances": len(instances_of(step.dataset)),
        "peer_aet": found.peer_aet,
        "created": found.created.isoformat(timespec="seconds"),
        "changed": found.changed.isoformat(timespec="seconds"),
    }


def _cells(found: Recorded) -> tuple[str, ...]:
    step = found.step
    return (
        step.sop_instance_uid,
        str(step.status),
        found.start.partition(".")[0],
        step.station_aet,
        step.modality,
        step.patient_id,
        " ".join(each.accession_number for each in step.scheduled),
        " ".join(each.study_instance_uid for each in step.scheduled),
    )


def _told(row: Delivery) -> dict[str, Any]:
    return {
        "kind": str(row.kind),
        "receiver": row.receiver,
        "event": row.event,
        "attempts": row.attempts,
        "due": row.due and row.due.isoformat(timespec="seconds"),
        "error": row.error,
    }
