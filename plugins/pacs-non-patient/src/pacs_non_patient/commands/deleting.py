"""``pacs non-patient delete``."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_non_patient.commands.opening import opened

__all__ = ["delete"]


@click.command("delete")
@archive_options
@click.argument("uids", nargs=-1, required=True)
@json_option
@click.pass_context
def delete(
    context: click.Context, choice: ArchiveChoice, uids: tuple[str, ...], as_json: bool
) -> None:
    """Delete the instances with these SOP Instance UIDS, for good.

    Exit code 0 when all of them were there, 1 when any was not.

    \b
    Example:
        pacs non-patient delete 1.2.840.10008.1.5.1
    """
    with opened(choice) as collection:
        missing = [uid for uid in dict.fromkeys(uids) if not collection.delete(uid)]
    deleted = [uid for uid in dict.fromkeys(uids) if uid not in missing]
    if as_json:
        print_json({"deleted": deleted, "missing": missing})
    else:
        for uid in missing:
            click.echo(f"no non-patient instance {uid!r}", err=True)
        click.echo(f"{len(deleted)} deleted")
    if missing:
        context.exit(1)
