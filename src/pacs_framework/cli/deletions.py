"""``pacs deletions``: what was deleted, by whom and why."""

from __future__ import annotations

import click

from pacs_framework.archive.deletions import Deletion
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.cli.subjects import beside

__all__ = ["command"]

_FEW = 100


@click.command("deletions")
@click.option(
    "--limit", type=click.IntRange(1), default=_FEW, show_default=True, help="So many at most."
)
@archive_options
@json_option
def command(choice: ArchiveChoice, limit: int, as_json: bool) -> None:
    """List what was deleted, newest first: when, by whom, why, how much.

    \b
    Example:
        pacs deletions --limit 20 --json
    """
    with beside(choice) as archive:
        found = archive.deleting.history(limit)
    if as_json:
        print_json([_json(each) for each in found])
        return
    columns = ("NUMBER", "AT", "BY", "DOOR", "WHAT", "INSTANCES", "BYTES", "REASON")
    print_table(columns, (_row(each) for each in found))


def _json(each: Deletion) -> dict[str, object]:
    patient = each.target.patient
    return {
        "number": each.number,
        "at": each.at.isoformat(),
        "by": each.by,
        "reason": each.reason,
        "door": each.door,
        "patient": {"patient_id": patient.patient_id, "issuer": patient.issuer}
        if patient
        else None,
        **{name: each.target.uids.get(name, "") for name in ("study", "series", "instance")},
        "studies": each.studies,
        "series_count": each.series,
        "instances": each.instances,
        "size": each.size,
    }


def _row(each: Deletion) -> tuple[str, ...]:
    patient = each.target.patient
    named = [f"patient {patient.patient_id}"] if patient else []
    named += [f"{name} {uid}" for name, uid in each.target.uids.items()]
    return (
        str(each.number),
        each.at.isoformat(timespec="seconds"),
        each.by,
        each.door,
        ", ".join(named),
        str(each.instances),
        str(each.size),
        each.reason,
    )
