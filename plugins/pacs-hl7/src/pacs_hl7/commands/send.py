"""``pacs hl7 send``: one message to anybody."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import click

from pacs_framework.cli.output import json_option, print_json
from pacs_framework.network.tls import client_context
from pacs_hl7.sending import NotDelivered, deliver

__all__ = ["send"]


@click.command("send")
@click.argument("host")
@click.argument("port", type=click.IntRange(1, 65535))
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--tls", is_flag=True, help="Connect by TLS.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with the authority of the receiver's certificate.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds to wait for an acknowledgement.",
)
@json_option
@click.pass_context
def send(
    context: click.Context,
    host: str,
    port: int,
    files: tuple[Path, ...],
    tls: bool,
    ca: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Send each of FILES, one message in each, to HOST at PORT by MLLP, and print the answers.

    Line ends become carriage returns. Exit code 0 when all were accepted (AA, CA), 1 when any was
    not.

    \b
    Example:
        pacs hl7 send 127.0.0.1 2575 order.hl7
    """
    context_of_tls = client_context(ca=ca) if tls or ca is not None else None
    results = []
    for path in files:
        data = re.sub(rb"\r?\n", b"\r", path.read_bytes().strip()) + b"\r"
        try:
            answer = asyncio.run(deliver(host, port, data, seconds=timeout, tls=context_of_tls))
        except NotDelivered as error:
            results.append({"file": str(path), "code": "", "text": str(error), "accepted": False})
        else:
            said = {"code": answer.code, "text": answer.text, "accepted": answer.accepted}
            results.append({"file": str(path), **said})
        if not as_json:
            last = results[-1]
            click.echo(f"{last['code']} {last['text']}".strip(), err=not last["code"])
    if as_json:
        print_json(results)
    if not all(result["accepted"] for result in results):
        context.exit(1)
