"""``pacs print send``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_framework.cli.peer import Call, peer_options
from pacs_print.commands.ordering import order_options
from pacs_print.scu.order import Order

if TYPE_CHECKING:
    from pacs_framework.codecs.transcoding import Decoder
    from pacs_print.film import FilmImage
    from pacs_print.scu.client import Printed
    from pacs_print.scu.preparing import Look

__all__ = ["send"]


@click.command("send")
@peer_options
@archive_options
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@order_options
@click.option(
    "--bits",
    type=click.Choice(["8", "12"]),
    default="8",
    show_default=True,
    help="Of greys that are sent.",
)
@click.option("--frame", type=click.IntRange(min=1), help="One frame of each file.  [default: all]")
@click.option(
    "--window",
    nargs=2,
    type=float,
    metavar="CENTER WIDTH",
    help="Window in modality values.  [default: as the headers say]",
)
@click.option("--no-overlays", is_flag=True, help="Leave out overlay planes.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait so long for the printer to be done.",
)
@json_option
@click.pass_context
def send(
    context: click.Context,
    call: Call,
    choice: ArchiveChoice,
    files: tuple[Path, ...],
    order: Order,
    bits: str,
    frame: int | None,
    window: tuple[float, float] | None,
    no_overlays: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Print the DICOM images in FILES on the printer at HOST PORT, in this order.

    Images are drawn as their headers say. Films are as many as are needed. Exit code 1 where the
    printer refuses something, or where a job ends in FAILURE while it is waited for, or is not
    over by then.

    \b
    Example:
        pacs print send 10.0.0.9 104 *.dcm --aec PRINTER --layout 3x4 --film 14INX17IN
        pacs print send 10.0.0.9 104 chest.dcm --aec PRINTER --bits 12 --copies 2 --wait 60
    """
    from pacs_framework.codecs.isolated import IsolatedCodecs  # noqa: PLC0415 - only this draws
    from pacs_framework.rendering.drawing import View  # noqa: PLC0415 - NumPy
    from pacs_framework.rendering.voi import Window  # noqa: PLC0415 - NumPy
    from pacs_print.scu.preparing import Look  # noqa: PLC0415 - NumPy

    if order.colour and bits == "12":
        raise click.UsageError("--bits is for greys: colours have 8", context)
    try:
        chosen = None if window is None else Window(*window)
    except ValueError as error:
        raise click.BadParameter(str(error), context, param_hint="--window") from error
    view = View(window=chosen, overlays=not no_overlays, square_pixels=False)
    look = Look(bits=int(bits), colour=order.colour, view=view)
    with closing(IsolatedCodecs(choice.configured().codec_registry(), most=1)) as codecs:
        images = _images(files, codecs, look, frame)
        printed = _print(call, order, images, wait)
    _tell(printed, as_json=as_json)
    if wait and any(state != "DONE" for state in printed.jobs.values()):
        context.exit(1)


def _images(
    files: tuple[Path, ...], decoder: Decoder, look: Look, frame: int | None
) -> Iterator[FilmImage]:
    from pacs_print.scu.preparing import prepared  # noqa: PLC0415 - NumPy

    for path in files:
        with path.open("rb") as file:
            yield from prepared(file, decoder, look, frame)


def _print(call: Call, order: Order, images: Iterator[FilmImage], wait: float) -> Printed:
    from pacs_print.scu.client import Printer, proposal  # noqa: PLC0415 - the wire
    from pacs_print.scu.events import Events  # noqa: PLC0415 - the wire

    events = Events()
    services = Printer.services(events)
    with call.open(proposal(colour=order.colour), services) as association:
        printer = Printer(association, colour=order.colour, events=events)
        printed = printer.print(order, images)
        if wait and printed.jobs:
            printer.wait(wait)
    return printed


def _tell(printed: Printed, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "films": printed.films,
                "images": printed.images,
                "jobs": printed.jobs,
                "warnings": printed.warnings,
            }
        )
        return
    click.echo(f"films: {printed.films}\nimages: {printed.images}")
    for uid, state in printed.jobs.items():
        click.echo(f"job: {uid} ({state})")
    for warning in printed.warnings:
        click.echo(f"warning: {warning}", err=True)
