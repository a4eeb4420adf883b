"""``pacs anonymize restore``: what came back with pseudonyms, put back to its patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pacs_anonymize.commands.vault_options import VaultChoice, reason_option, vault_options
from pacs_framework.cli.files import file_tasks, overwrite_option
from pacs_framework.cli.output import json_option, print_json, progress

if TYPE_CHECKING:
    from pacs_anonymize.restoring.files import Restored

__all__ = ["command"]


@click.command("restore")
@vault_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the new files, which are called like the old ones.",
)
@reason_option
@overwrite_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    vault: VaultChoice,
    paths: tuple[Path, ...],
    output: Path,
    reason: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write copies of the DICOM files at PATHS in which the vault has put back who it is about.

    For results that were made of de-identified instances, and for such instances themselves.
    Patient, study, accession number, dates that were moved and the UIDs that the vault knows are
    put back; other UIDs stay. A file whose patient is not in the vault is not written. Each file
    is a line in the audit trail. Exit code 0 when every file was written, else 1.

    \b
    Example:
        pacs anonymize restore results -o identified --map trial-7.vault \\
            --vault-key vault.key --reason "results for the record"
    """
    # Not above: `--help` needs no database.
    from pacs_anonymize.restoring.files import restore_file  # noqa: PLC0415
    from pacs_anonymize.restoring.restoring import Restorer  # noqa: PLC0415
    from pacs_anonymize.vault.trail import this_user  # noqa: PLC0415

    restorer = Restorer(vault.opened(), who=this_user(), reason=reason)
    tasks = list(file_tasks(paths, output))
    done = (restore_file(restorer, task, overwrite=overwrite) for task in tasks)
    results = list(progress(done, "putting back", total=len(tasks)))
    if as_json:
        print_json([_row(each) for each in results])
    else:
        _print(results)
    if not results or any(each.error for each in results):
        context.exit(1)


def _row(each: Restored) -> dict[str, str]:
    return {
        "path": str(each.path),
        "output": "" if each.error else str(each.output),
        "sop_instance_uid": each.sop_instance_uid,
        "error": each.error,
    }


def _print(results: Sequence[Restored]) -> None:
    for each in results:
        if each.error:
            click.echo(f"failed: {each.path}: {each.error}", err=True)
    failed = sum(bool(each.error) for each in results)
    click.echo(f"{len(results) - failed} written, {failed} failed")
