"""``pacs print series``."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError
from pacs_print.commands.opening import Local, opened
from pacs_print.commands.ordering import Layout
from pacs_print.stored.errand import Errand
from pacs_print.stored.waiting import Waiting, WaitingSeries
from pacs_print.terms import Orientation

__all__ = ["series"]


@click.command("series")
@archive_options
@click.option("--study", default="", metavar="UID", help="Print a stored study.")
@click.option("--series", "number", default="", metavar="UID", help="Print a stored series.")
@click.option("--printer", default="", metavar="AET", help="On this printer of the archive.")
@click.option("--peer", default="", metavar="AET", help="On this printer in [peers].")
@click.option("--layout", type=Layout(), default="1x1", show_default=True, help="COLUMNSxROWS.")
@click.option("--film", default="", help="Film Size ID.")
@click.option(
    "--orientation",
    type=click.Choice([str(each) for each in Orientation], case_sensitive=False),
    default="PORTRAIT",
    show_default=True,
    help="Film Orientation.",
)
@click.option("--copies", type=click.IntRange(1, 99), default=1, show_default=True)
@click.option("--bits", type=click.Choice(["8", "12"]), default="8", show_default=True)
@click.option("--colour", is_flag=True, help="Print in colours.")
@click.option("--label", default="", help="Film Session Label.")
@json_option
@click.pass_context
def series(
    context: click.Context,
    choice: ArchiveChoice,
    study: str,
    number: str,
    printer: str,
    peer: str,
    layout: str,
    film: str,
    orientation: str,
    copies: int,
    bits: str,
    colour: bool,
    label: str,
    as_json: bool,
) -> None:
    """Have the running archive print what it has stored, or list what waits for that.

    Without --study and --series it lists the series that wait, also those of rules.

    \b
    Example:
        pacs print series --series 1.2.3 --printer FILM1 --layout 4x5
        pacs print series --json
    """
    with opened(choice) as local:
        waiting = Waiting(local.store, local.ring)
        if study or number:
            if not (local.settings.printers or local.settings.rules):
                raise PacsError("this archive does not print: add [[plugin.print.printers]]")
            if any(uid and not is_valid_uid(uid) for uid in (study, number)):
                raise click.UsageError("--study and --series take a UID", context)
            title = "" if peer else _printer(local, printer)
            errand = Errand(
                printer=title,
                peer=peer,
                layout=layout,
                film=film,
                orientation=Orientation(orientation),
                copies=copies,
                bits=12 if bits == "12" else 8,
                colour=colour,
                label=label,
            )
            waiting.add(errand, study, number)
        rows = [_row(each) for each in waiting.listed()]
    if as_json:
        print_json(rows)
    elif rows:
        print_table([name.upper() for name in rows[0]], [[*map(str, row.values())] for row in rows])
    else:
        click.echo("no series waits to be printed", err=True)


def _printer(local: Local, title: str) -> str:
    return local.printer(title).ae_title


def _row(found: WaitingSeries) -> dict[str, object]:
    return {
        "study": found.study_instance_uid,
        "series": found.series_instance_uid,
        "where": found.errand.printer or found.errand.peer,
        "attempts": found.attempts,
        "due": "given up" if found.due is None else found.due.isoformat(timespec="seconds"),
        "error": found.error,
    }
