"""``pacs anonymize pseudonyms``: the table of pseudonyms that a site gives itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pacs_anonymize.commands.vault_options import VaultChoice, reason_option, vault_options
from pacs_framework.cli.files import overwrite_option
from pacs_framework.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from pacs_anonymize.engine.patients import Assigned

__all__ = ["command"]

_CSV = click.Path(dir_okay=False, path_type=Path)


@click.group("pseudonyms")
def command() -> None:
    """Look after the table of pseudonyms in the vault: which patient is called what.

    A table may as well be a CSV file, named in the configuration or by --pseudonyms; `check` looks
    at one.

    \b
    Example:
        pacs anonymize pseudonyms import patients.csv --map trial-7.vault --vault-key vault.key
    """


@command.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_command(file: Path) -> None:
    """Look whether the CSV file FILE can be used as a table; exit code 1 where not.

    Its first line names the columns: patient_id, issuer, pseudonym, name, days. The issuer * stands
    for any; days are added to the patient's dates.

    \b
    Example:
        pacs anonymize pseudonyms check patients.csv
    """
    # Not above: `--help` needs none of it.
    from pacs_anonymize.pseudonyms.csv_file import read_file  # noqa: PLC0415

    click.echo(f"{file}: {len(read_file(file))} patients, no findings")


@command.command("import")
@vault_options
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_command(vault: VaultChoice, file: Path) -> None:
    """Add the rows of the CSV file FILE to the table in the vault, all of them or none.

    A patient keeps the pseudonym that was given once. Running archives know the rows at once.

    \b
    Example:
        pacs anonymize pseudonyms import patients.csv --map trial-7.vault --vault-key vault.key
    """
    # Not above: `--help` needs no database.
    from pacs_anonymize.pseudonyms.csv_file import read_file  # noqa: PLC0415
    from pacs_anonymize.pseudonyms.tables import import_rows  # noqa: PLC0415
    from pacs_anonymize.vault.trail import Act, this_user  # noqa: PLC0415

    rows = read_file(file)
    act = Act(who=this_user(), action="import pseudonyms", subject=f"{len(rows)} rows")
    new = import_rows(vault.opened(), rows, act)
    click.echo(f"{new} added, {len(rows) - new} were there")


@command.command("export")
@vault_options
@click.option("-o", "--output", required=True, type=_CSV, help="CSV file to write, for you alone.")
@overwrite_option
@reason_option
def export_command(vault: VaultChoice, output: Path, overwrite: bool, reason: str) -> None:
    """Write the table in the vault as CSV.

    \b
    Example:
        pacs anonymize pseudonyms export -o patients.csv --reason "copy for the trial office"
    """
    # Not above: `--help` needs no database.
    from pacs_anonymize.commands.vault_commands import write_private  # noqa: PLC0415
    from pacs_anonymize.pseudonyms.csv_file import write_rows  # noqa: PLC0415

    rows = _noted_rows(vault, "export pseudonyms", reason)
    write_private(output, write_rows(rows), overwrite)
    click.echo(f"{len(rows)} rows written to {output}")


@command.command("list")
@vault_options
@reason_option
@json_option
def list_command(vault: VaultChoice, reason: str, as_json: bool) -> None:
    """List the table in the vault.

    \b
    Example:
        pacs anonymize pseudonyms list --reason "who is TRIAL-7-003"
    """
    columns = ("patient_id", "issuer", "pseudonym", "name", "days")
    rows = [
        {column: getattr(row, column) for column in columns}
        for row in _noted_rows(vault, "list pseudonyms", reason)
    ]
    if as_json:
        print_json(rows)
        return
    texts = [["" if row[c] is None else str(row[c]) for c in columns] for row in rows]
    print_table(tuple(map(str.upper, columns)), texts)


def _noted_rows(vault: VaultChoice, action: str, reason: str) -> list[Assigned]:
    """The table, after it was written down who reads it and why."""
    # Not above: `--help` needs no database.
    from pacs_anonymize.pseudonyms.tables import rows_of  # noqa: PLC0415
    from pacs_anonymize.vault.trail import Act, this_user  # noqa: PLC0415

    opened = vault.opened()
    opened.note([Act(who=this_user(), action=action, subject="all rows", reason=reason)])
    return rows_of(opened)
