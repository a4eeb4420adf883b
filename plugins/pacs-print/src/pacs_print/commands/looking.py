"""``pacs print queue``, ``show`` and ``printers``."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_print.commands.opening import opened
from pacs_print.commands.rows import as_row, print_jobs
from pacs_print.queue.model import OVER, State
from pacs_print.queue.watching import name_of, printer_status

__all__ = ["printers", "queue", "show"]


@click.command("queue")
@archive_options
@click.option("--printer", default="", metavar="AET", help="Only jobs of this printer.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only jobs in this state; may be given again.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="The newest jobs; 0 for all.",
)
@json_option
def queue(
    choice: ArchiveChoice, printer: str, states: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """List print jobs, oldest first.

    \b
    Example:
        pacs print queue --state PENDING --state PRINTING
        pacs print queue --printer FILM1 --json
    """
    with opened(choice) as local:
        jobs = local.book.listed(printer=printer, states=[State(s) for s in states], most=limit)
    print_jobs(jobs, as_json=as_json)


@click.command("show")
@archive_options
@click.argument("uid")
@json_option
def show(choice: ArchiveChoice, uid: str, as_json: bool) -> None:
    """Show a print job: its state, why it failed, and what is on its films.

    \b
    Example:
        pacs print show 1.2.826.0.1.3680043.8.498.1
    """
    with opened(choice) as local:
        job = local.book.get(uid)
        films = local.book.films(job)
    facts = as_row(job)
    if as_json:
        print_json(facts | {"films": [film.model_dump(mode="json") for film in films]})
        return
    for name, value in facts.items():
        if value != "":
            click.echo(f"{name}: {value}")
    for number, film in enumerate(films, 1):
        size = film.size_id or "default size"
        kind = "colour" if film.colour else "grayscale"
        click.echo(
            f"film {number}: {film.display_format}, {size}, {film.orientation}, {kind}, "
            f"{len(film.images)} images"
        )


@click.command("printers")
@archive_options
@json_option
def printers(choice: ArchiveChoice, as_json: bool) -> None:
    """List the printers of the configuration, their status and how many jobs they have.

    \b
    Example:
        pacs print printers --json
    """
    rows = []
    with opened(choice) as local:
        for printer in local.settings.printers:
            status, info = printer_status(printer, local.book)
            waiting = [state for state in State if state not in OVER]
            rows.append(
                {
                    "ae_title": printer.ae_title,
                    "name": name_of(printer),
                    "status": status,
                    "info": str(info),
                    "jobs": len(local.book.listed(printer=printer.ae_title, states=waiting)),
                    "dpi": printer.dpi,
                    "bits": printer.bits,
                    "sizes": list(printer.sizes),
                    "media": [medium.value for medium in printer.media],
                    "outputs": [str(output["to"]) for output in printer.outputs],
                }
            )
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("there is no printer: add [[plugin.print.printers]]", err=True)
        return
    columns = ("ae_title", "name", "status", "info", "jobs", "dpi", "outputs")
    cells = [
        [", ".join(v) if isinstance(v := row[name], list) else str(v) for name in columns]
        for row in rows
    ]
    print_table([name.upper() for name in columns], cells)
