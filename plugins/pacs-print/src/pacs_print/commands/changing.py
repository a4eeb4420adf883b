"""``pacs print cancel``, ``hold``, ``release`` and ``reprint``."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option
from pacs_print.commands.opening import opened
from pacs_print.commands.rows import print_job

__all__ = ["cancel", "hold", "release", "reprint"]


@click.command("cancel")
@archive_options
@click.argument("uid")
@json_option
def cancel(choice: ArchiveChoice, uid: str, as_json: bool) -> None:
    """Cancel a print job that is not over; its client is told FAILURE.

    One that is being printed ends before its next film.

    \b
    Example:
        pacs print cancel 1.2.826.0.1.3680043.8.498.1
    """
    with opened(choice) as local:
        print_job(local.book.cancel(uid), "canceled", as_json=as_json)


@click.command("hold")
@archive_options
@click.argument("uid")
@json_option
def hold(choice: ArchiveChoice, uid: str, as_json: bool) -> None:
    """Keep a print job that waits from being printed until it is released.

    \b
    Example:
        pacs print hold 1.2.826.0.1.3680043.8.498.1
    """
    with opened(choice) as local:
        print_job(local.book.hold(uid), "held", as_json=as_json)


@click.command("release")
@archive_options
@click.argument("uid")
@json_option
def release(choice: ArchiveChoice, uid: str, as_json: bool) -> None:
    """Print a job that is held, or that waits for another attempt, now.

    \b
    Example:
        pacs print release 1.2.826.0.1.3680043.8.498.1
    """
    with opened(choice) as local:
        print_job(local.book.let_go(uid), "released", as_json=as_json)


@click.command("reprint")
@archive_options
@click.argument("uid")
@click.option("--copies", type=click.IntRange(1, 9999), help="How many.  [default: as before]")
@json_option
def reprint(choice: ArchiveChoice, uid: str, copies: int | None, as_json: bool) -> None:
    """Print the films of a job that is over again, as a new job.

    \b
    Example:
        pacs print reprint 1.2.826.0.1.3680043.8.498.1 --copies 2
    """
    with opened(choice) as local:
        print_job(local.book.reprint(uid, copies), "queued", as_json=as_json)
