"""``pacs fetch compare``: what a source and this archive have."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pacs_fetch.commands.opening import beside, range_options, source_of
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json, print_table

if TYPE_CHECKING:
    from pacs_fetch.syncing.comparing import Difference
    from pacs_framework.dicom.attributes import Level
    from pacs_framework.moving.listing import DateRange

__all__ = ["as_json_of", "compare"]

_COLUMNS = ("STUDY", "DATE", "STATE", "THERE", "HERE", "INSIDE")


@click.command("compare")
@archive_options
@click.argument("source")
@range_options
@click.option(
    "--limit",
    default=1000,
    show_default=True,
    type=click.IntRange(min=1, max=1_000_000),
    help="Most studies to list; all are counted.",
)
@json_option
@click.pass_context
def compare(
    context: click.Context,
    choice: ArchiveChoice,
    source: str,
    dates: DateRange,
    days: int,
    level: Level,
    limit: int,
    as_json: bool,
) -> None:
    """Compare what SOURCE has with what is here, by study date; nothing is changed.

    Exit code 0 when both have the same, 1 when not. Studies without a date are in no range.

    \b
    Example:
        pacs fetch compare old --study-date 20260101-20261231 --level instance --json
    """
    from pacs_fetch.sources import OtherArchive  # noqa: PLC0415 - `--help` needs no wire
    from pacs_fetch.syncing.comparing import compared  # noqa: PLC0415
    from pacs_fetch.syncing.work import Totals  # noqa: PLC0415

    totals = Totals()
    listed: list[Difference] = []
    with beside(choice) as (archive, settings), counting("comparing days") as told:
        peer = OtherArchive(archive, source_of(settings, source))
        all_days = (dates.last - dates.first).days + 1
        for part in compared(archive, peer, dates, days=days, level=level):
            totals.add(part)
            listed += part.differences[: limit - len(listed)]
            told((dates.last - part.dates.first).days + 1, all_days)
    numbers = totals.numbers
    if as_json:
        studies = [as_json_of(each) for each in listed]
        print_json({"source": source, "dates": str(dates), **numbers, "studies": studies})
    else:
        print_table(_COLUMNS, [_row(each) for each in listed])
        click.echo(
            f"{numbers['there']} studies there, {numbers['here']} here: "
            f"{numbers['only_there']} only there, {numbers['only_here']} only here, "
            f"{numbers['differs']} differ"
        )
    if totals.differences:
        context.exit(1)


def as_json_of(each: Difference) -> dict[str, Any]:
    """A difference as ``--json`` tells it."""
    return {
        "study_instance_uid": each.study,
        "study_date": each.date,
        "state": str(each.state),
        "there": each.there,
        "here": each.here,
        **asdict(each.inside),
    }


def _row(each: Difference) -> tuple[str, ...]:
    inside = [f"{one.series}: {one.there} there, {one.here} here" for one in each.inside.series]
    inside += [f"{uid} only there" for uid in each.inside.named_there]
    inside += [f"{uid} only here" for uid in each.inside.named_here]
    counts = (str(each.there), str(each.here))
    return each.study, each.date, str(each.state), *counts, "; ".join(inside)
