"""``pacs ai review``."""

from __future__ import annotations

import click

from pacs_ai.book import Verdict
from pacs_ai.commands.opening import opened
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_framework.errors import PacsError

__all__ = ["review"]

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

    Nothing is deleted by it, and earlier verdicts stay. That a run found NOTHING may be
    judged, too.

    \b
    Example:
        pacs ai review 2.25.3298007 reject --by "Dr. Who" --note "left lung leaks into the bowel"
    """
    with opened(choice) as local:
        record = local.book.find(uid)
        if not record.state.went_well:
            raise PacsError(f"run {record.uid!r} is {record.state}: it has no results to review")
        local.book.judge(record, _VERDICTS[verdict], reviewer=by, note=note)
    row = {"run": record.uid, "verdict": _VERDICTS[verdict].value, "by": by, "note": note}
    if as_json:
        print_json(row)
    else:
        click.echo(f"{row['verdict']} run {record.uid}")
