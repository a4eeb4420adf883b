"""``pacs dicomweb retrieve``."""

from __future__ import annotations

from pathlib import Path

import click

from pacs_dicomweb.client.retrieving import Retrieval, retrieve
from pacs_dicomweb.client.searching import path_for
from pacs_dicomweb.commands.reaching import server_options
from pacs_framework.cli.output import json_option, print_json, progress
from pacs_framework.dicomweb.server import Server, ServerError

__all__ = ["retrieve_"]


@click.command("retrieve")
@server_options
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--study", required=True, help="The study of this UID.")
@click.option("--series", default="", help="Only its series of this UID.")
@click.option("--instance", default="", help="Only the instance of this UID; needs --series.")
@click.option(
    "--transfer-syntax",
    default="*",
    show_default=True,
    help="The UID of the transfer syntax to ask for; * takes each as it is stored.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@json_option
def retrieve_(
    server: Server,
    folder: Path,
    study: str,
    series: str,
    instance: str,
    transfer_syntax: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Fetch a study from the DICOMweb server at URL into FOLDER (WADO-RS).

    Each instance becomes a file with its UID as name. Exit code 0 when all came, 1 when the server
    kept some back, or the answer broke off.

    \b
    Example:
        pacs dicomweb retrieve http://127.0.0.1:8042/dicom-web out --study 1.2.3
    """
    if instance and not series:
        raise click.UsageError("--instance needs --series")
    written: list[Retrieval] = []
    cause = ""
    with server.open() as client:
        coming = retrieve(
            client,
            path_for(study, series, instance),
            folder,
            transfer_syntax=transfer_syntax,
            overwrite=overwrite,
        )
        try:
            written.extend(progress(coming, "retrieving"))
        except (ServerError, OSError) as error:
            if not written:
                raise
            cause = str(error)
    if any(each.partial for each in written):
        cause = cause or "the server kept some of the instances back"
    if as_json:
        print_json(_facts(written, cause))
    else:
        size = sum(each.size for each in written)
        click.echo(f"{len(written)} instances, {size / 1e6:.1f} MB, in {folder}")
        if cause:
            click.echo(f"not all: {cause}", err=True)
    if cause:
        click.get_current_context().exit(1)


def _facts(written: list[Retrieval], cause: str) -> dict[str, object]:
    return {
        "retrieved": len(written),
        "bytes": sum(each.size for each in written),
        "complete": not cause,
        "reason": cause,
        "instances": [
            {"path": str(each.path), "sop_instance_uid": each.sop_instance_uid} for each in written
        ],
    }
