"""``pacs ai review`` and ``compare``."""

from __future__ import annotations

from dataclasses import asdict

import click

from pacs_ai.book import State, Verdict
from pacs_ai.commands.opening import opened
from pacs_ai.comparing import compare as compared
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.errors import PacsError

__all__ = ["compare", "review"]

_VERDICTS = {
    "accept": Verdict.ACCEPTED,
    "modify": Verdict.MODIFIED,
    "reject": Verdict.REJECTED,
}


@click.command("review")
@archive_options
@click.argument("uid")
@click.argument("verdict", type=click.Choice(list(_VERDICTS)))
@click.option("--by", required=True, metavar="NAME", help="Who says so.")
@click.option("--note", default="", help="Why, or what was changed.")
@json_option
def review(
    choice: ArchiveChoice, uid: str, verdict: str, by: str, note: str, as_json: bool
) -> None:
    """Record what a person says of the run UID, or of the one that made the instance UID.

    Nothing is deleted by it, and earlier verdicts stay.

    \b
    Example:
        pacs ai review 2.25.3298007 reject --by "Dr. Who" --note "left lung leaks into the bowel"
    """
    with opened(choice) as local:
        record = local.book.find(uid)
        if record.state is not State.DONE:
            raise PacsError(f"run {record.uid!r} is {record.state}: it has no results to review")
        local.book.judge(record, _VERDICTS[verdict], reviewer=by, note=note)
    row = {"run": record.uid, "verdict": _VERDICTS[verdict].value, "by": by, "note": note}
    if as_json:
        print_json(row)
    else:
        click.echo(f"{row['verdict']} run {record.uid}")


@click.command("compare")
@archive_options
@click.argument("first")
@click.argument("second")
@json_option
def compare(choice: ArchiveChoice, first: str, second: str, as_json: bool) -> None:
    """Compare two segmentations, each a SOP Instance UID or a file: volumes, Dice coefficients.

    Segments are matched by what they are of (Segmented Property Type).

    \b
    Example:
        pacs ai compare 2.25.3298007 2.25.4117008 --json
        pacs ai compare 2.25.3298007 look-first/2.25.5500123.dcm
    """
    with opened(choice) as local:
        rows = [asdict(each) for each in compared(local.archive, first, second)]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("segment", "first (ml)", "second (ml)", "dice"),
        [
            (
                row["kind"],
                f"{row['first_ml']:.3f}",
                f"{row['second_ml']:.3f}",
                f"{row['dice']:.4f}",
            )
            for row in rows
        ],
    )
