"""``pacs commitment``: ask peers for storage commitment, and see what was asked and answered."""

from __future__ import annotations

from pathlib import Path

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_framework.cli.peer import Call, peer_options
from pacs_framework.errors import PacsError

__all__ = ["commitment"]

_AWAITED = 3
_STATES = ("checking", "reporting", "reported", "given up", "asked", "committed", "refused")


@click.group()
def commitment() -> None:
    """Storage commitment: who answers for which instances."""


@commitment.command("list")
@archive_options
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(min=1), help="At most so many."
)
@json_option
def list_(choice: ArchiveChoice, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List transactions, the newest first: asked of us by peers, and of peers by us.

    \b
    Example:
        pacs commitment list --state reporting --json
    """
    from pacs_storage_commitment.listing import open_book, print_transactions, row  # noqa: PLC0415
    from pacs_storage_commitment.model import State  # noqa: PLC0415

    with open_book(choice) as book:
        found = book.latest(limit, map(State, states))
    if as_json:
        print_json([row(each) for each in found])
    else:
        print_transactions(found)


@commitment.command()
@click.argument("transaction_uid")
@archive_options
@json_option
def show(choice: ArchiveChoice, transaction_uid: str, as_json: bool) -> None:
    """Show the transaction TRANSACTION_UID with each of its instances.

    \b
    Example:
        pacs commitment show 2.25.1234 --json
    """
    from pacs_storage_commitment.listing import open_book, print_details, row  # noqa: PLC0415

    with open_book(choice) as book:
        found = [(each, book.results(each.id)) for each in book.by_uid(transaction_uid)]
    if not found:
        raise click.ClickException(f"there is no transaction {transaction_uid!r}")
    if as_json:
        print_json([row(each, results) for each, results in found])
    else:
        print_details(found)


@commitment.command()
@click.argument("transaction_uid")
@archive_options
def retry(choice: ArchiveChoice, transaction_uid: str) -> None:
    """Have the report of TRANSACTION_UID sent again, now or when the archive runs.

    \b
    Example:
        pacs commitment retry 2.25.1234
    """
    from pacs_storage_commitment.listing import retried, ring_archive  # noqa: PLC0415

    number = retried(choice, transaction_uid)
    if not number:
        raise click.ClickException(
            f"there is no report under {transaction_uid!r} to send: `pacs commitment list` tells "
            "what there is, and requests of our own are made anew by `pacs commitment request`"
        )
    ring_archive(choice)
    click.echo(f"the report of {transaction_uid} is due")


@commitment.command()
@peer_options
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--study", "studies", multiple=True, help="Study Instance UID of stored instances.")
@click.option(
    "--wait",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds to wait for the report.",
)
@archive_options
@json_option
@click.pass_context
def request(
    context: click.Context,
    call: Call,
    paths: tuple[Path, ...],
    studies: tuple[str, ...],
    wait: float,
    choice: ArchiveChoice,
    as_json: bool,
) -> None:
    """Ask the peer at HOST PORT to answer for the files at PATHS, or for stored studies.

    Its report may come on this association, or later to the archive under the AE title --aet:
    `pacs commitment show` then has it. Exit code 0: the peer answers for all instances; 1: not for
    all, or it did not take the request; 3: no report yet.

    \b
    Example:
        pacs commitment request 127.0.0.1 4242 --aec ORTHANC --aet PACS --study 1.2.3
    """
    from pacs_storage_commitment.asking import ask, find_references  # noqa: PLC0415
    from pacs_storage_commitment.listing import print_details, row  # noqa: PLC0415
    from pacs_storage_commitment.model import State  # noqa: PLC0415

    if not paths and not studies:
        raise click.UsageError("give PATHS or --study")
    try:
        found = ask(choice, call, lambda archive: find_references(archive, paths, studies), wait)
    except (OSError, PacsError) as error:
        raise click.ClickException(f"{call.called_aet} was not asked: {error}") from None
    if as_json:
        print_json(row(*found))
    else:
        print_details([found])
    state = found[0].state
    if state is State.ASKED:
        context.exit(_AWAITED)
    if state is not State.COMMITTED:
        context.exit(1)
