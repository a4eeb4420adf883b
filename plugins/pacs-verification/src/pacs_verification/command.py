"""``pacs echo``: ask a peer whether it listens."""

from __future__ import annotations

import time

import click
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pacs_framework.cli.peer import Call, peer_options
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import PacsError
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.scu import c_echo

__all__ = ["echo"]


@click.command()
@peer_options
def echo(call: Call) -> None:
    """Ask the peer at HOST PORT whether it listens (C-ECHO).

    \b
    Example:
        pacs echo 127.0.0.1 11112 --aec PACS
    """
    context = ProposedContext(
        context_id=1,
        abstract_syntax=Verification,
        transfer_syntaxes=tuple(sorted(UNCOMPRESSED)),
    )
    begin = time.perf_counter()
    try:
        with call.open([context]) as association:
            status = c_echo(association)
    except (OSError, PacsError) as error:
        raise click.ClickException(f"{call.host}:{call.port} did not answer: {error}") from None
    if status != Status.SUCCESS:
        raise click.ClickException(f"{call.called_aet} answered with status {status:#06x}")
    milliseconds = (time.perf_counter() - begin) * 1000
    click.echo(f"{call.called_aet} at {call.host}:{call.port} answered in {milliseconds:.1f} ms")
