"""``pacs print test-pattern``."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option
from pacs_framework.errors import PacsError
from pacs_print.commands.opening import opened
from pacs_print.commands.rows import print_job
from pacs_print.queue.book import NewFilm, NewJob
from pacs_print.queue.records import recorded
from pacs_print.terms import FilmError

__all__ = ["test_pattern"]


@click.command("test-pattern")
@archive_options
@click.argument("name", type=click.Choice(["SMPTE", "TG18-QC"], case_sensitive=False))
@click.option("--printer", default="", metavar="AET", help="Which one.  [default: the only one]")
@click.option("--film", "size_id", default="", help="Film Size ID.  [default: the printer's]")
@click.option("--copies", type=click.IntRange(1, 99), default=1, show_default=True)
@json_option
def test_pattern(
    choice: ArchiveChoice, name: str, printer: str, size_id: str, copies: int, as_json: bool
) -> None:
    """Print a film by which a printer of this archive is judged or calibrated.

    \b
    Example:
        pacs print test-pattern SMPTE --printer FILM1
        pacs print test-pattern TG18-QC --film 14INX17IN
    """
    from pacs_print.patterns import pattern_film  # noqa: PLC0415 - NumPy

    with opened(choice) as local:
        found = local.printer(printer)
        try:
            film = pattern_film(name, found, size_id or None)
        except FilmError as error:
            raise PacsError(str(error)) from None
        record, pixels = recorded(film)
        new = NewJob(
            printer=found.ae_title,
            originator="",
            label=f"test pattern {name}",
            copies=copies,
            films=[NewFilm(record=record, pixels=lambda position: [pixels[position]])],
        )
        print_job(local.book.take_in(new, found.limits.queue), "queued", as_json=as_json)
