"""The commands of ``pacs anonymize vault``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydicom import Dataset

from pacs_anonymize.commands.vault_options import VaultChoice, reason_option, vault_options
from pacs_anonymize.engine.patients import Assigned
from pacs_anonymize.pseudonyms.csv_file import write_rows
from pacs_anonymize.vault.entries import Entry, Kind, identity_of, identity_parts
from pacs_anonymize.vault.trail import Act, this_user
from pacs_framework.cli.files import overwrite_option, sentence_of
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.config.keys import KeyReference
from pacs_framework.whole_file import whole_file

if TYPE_CHECKING:
    from pacs_anonymize.vault.vault import Vault

__all__ = [
    "audit_command",
    "change_key_command",
    "check_command",
    "create_command",
    "export_command",
    "list_command",
    "show_command",
]

_NAMES = {
    Kind.PATIENT: "patients",
    Kind.STUDY: "studies",
    Kind.UID: "uids",
    Kind.DAYS: "date_shifts",
    Kind.ASSIGNED: "assigned_pseudonyms",
}


@click.command("create")
@vault_options
def create_command(vault: VaultChoice) -> None:
    """Make an empty vault. What is there is never overwritten.

    Keep a copy of its key apart from it: without the key nobody reads the vault again.

    \b
    Example:
        pacs anonymize make-key vault.key
        pacs anonymize vault create --map trial-7.vault --vault-key vault.key
    """
    # Not above: `--help` needs no database.
    from pacs_anonymize.vault.vault import create_vault  # noqa: PLC0415

    made = create_vault(*vault.named(), Act(who=this_user(), action="create"))
    click.echo(f"{made.name}: a new vault")


@click.command("list")
@vault_options
@reason_option
@json_option
def list_command(vault: VaultChoice, reason: str, as_json: bool) -> None:
    """List the patients in the vault with their pseudonyms.

    \b
    Example:
        pacs anonymize vault list --map trial-7.vault --vault-key vault.key --reason "audit 2026"
    """
    opened = vault.opened()
    _note(opened, "list", "all patients", reason)
    rows = [_patient(entry) for entry in opened.all_of(Kind.PATIENT)]
    rows.sort(key=lambda row: row["pseudonym"])
    if as_json:
        print_json(rows)
        return
    columns = ("pseudonym", "patient_id", "issuer", "name")
    print_table(tuple(map(str.upper, columns)), [[row[c] for c in columns] for row in rows])


@click.command("show")
@vault_options
@click.option("--pseudonym", help="A Patient ID or UID of a de-identified instance.")
@click.option("--original", help="A Patient ID or UID as it was.")
@click.option("--issuer", default="", help="Issuer of the original Patient ID (0010,0021).")
@reason_option
@json_option
@click.pass_context
def show_command(
    context: click.Context,
    vault: VaultChoice,
    pseudonym: str | None,
    original: str | None,
    issuer: str,
    reason: str,
    as_json: bool,
) -> None:
    """Tell who a pseudonym stands for, or what stands for an original. Exit code 1 for unknown.

    \b
    Example:
        pacs anonymize vault show --pseudonym MZXW6YTBOI2DCNBS --reason "incidental finding"
    """
    if (pseudonym is None) == (original is None):
        raise click.UsageError("give one of --pseudonym and --original", context)
    opened = vault.opened()
    # The trail holds pseudonyms, which are known outside; an original is not written there.
    _note(opened, "show", pseudonym or "an original", reason)
    if pseudonym is not None:
        kinds = (Kind.PATIENT, Kind.STUDY, Kind.UID, Kind.DAYS)
        found = [e for kind in kinds for e in opened.by_pseudonym(kind, [pseudonym]).values()]
    else:
        assert original is not None
        asked = {Kind.PATIENT: identity_of(issuer, original), Kind.STUDY: original}
        asked[Kind.UID] = original
        found = [entry for kind, each in asked.items() for entry in opened.by_original(kind, each)]
    rows = [_shown(entry) for entry in found]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            for key, value in row.items():
                click.echo(f"{key}: {value}")
            click.echo()
    if not rows:
        click.echo("the vault does not know it", err=True)
        context.exit(1)


@click.command("export")
@vault_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file to write, which only you may read.",
)
@overwrite_option
@reason_option
def export_command(vault: VaultChoice, output: Path, overwrite: bool, reason: str) -> None:
    """Write the patients with their pseudonyms as CSV, as a table of pseudonyms has it.

    \b
    Example:
        pacs anonymize vault export -o patients.csv --reason "end of the trial"
    """
    opened = vault.opened()
    _note(opened, "export", "all patients", reason)
    days = {entry.pseudonym: int(entry.original) for entry in opened.all_of(Kind.DAYS)}
    rows = [_as_assigned(entry, days) for entry in opened.all_of(Kind.PATIENT)]
    write_private(output, write_rows(sorted(rows, key=lambda row: row.pseudonym)), overwrite)
    click.echo(f"{len(rows)} patients written to {output}")


@click.command("audit")
@vault_options
@json_option
def audit_command(vault: VaultChoice, as_json: bool) -> None:
    """Print the audit trail: who read what, when and why. Exit code 1 where it was tampered with.

    \b
    Example:
        pacs anonymize vault audit --map trial-7.vault --vault-key vault.key
    """
    lines = vault.opened().lines()
    rows = [
        {"line": str(line.line), "when": line.when, "who": line.act.who,
         "action": line.act.action, "subject": line.act.subject, "reason": line.act.reason}
        for line in lines
    ]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        columns = ("line", "when", "who", "action", "subject", "reason")
        print_table(tuple(map(str.upper, columns)), [[row[c] for c in columns] for row in rows])


@click.command("check")
@vault_options
@click.option(
    "--head", metavar="HEAD", help="The end of the trail that an earlier check told: it must be in."
)
@json_option
@click.pass_context
def check_command(
    context: click.Context, vault: VaultChoice, head: str | None, as_json: bool
) -> None:
    """Read every entry and the whole trail. Exit code 1 where something is not as it was written,
    and where an entry is missing.

    Keep the head that it prints apart from the vault: with --head, a vault that was put back to an
    older copy is found too.

    \b
    Example:
        pacs anonymize vault check --map trial-7.vault --vault-key vault.key
    """
    opened = vault.opened()
    counts = opened.check()
    now = opened.head()
    if head is not None and not opened.had(head):
        click.echo(f"the trail has no line {head}: the vault is an older copy", err=True)
        context.exit(1)
    told = {_NAMES[kind]: count for kind, count in counts.items()}
    if as_json:
        print_json({**told, "head": str(now)})
        return
    for name, count in told.items():
        click.echo(f"{name}: {count}")
    click.echo(f"head: {now}")


@click.command("change-key")
@vault_options
@click.option(
    "--new-key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the new key; `pacs anonymize make-key` writes one.",
)
def change_key_command(vault: VaultChoice, new_key: Path) -> None:
    """Encrypt the whole vault with another key, all of it or nothing.

    Archives that use the vault have to be told the new key, and stop taking instances until then.

    \b
    Example:
        pacs anonymize vault change-key --map trial-7.vault --vault-key old.key --new-key new.key
    """
    key = KeyReference(key_file=new_key).read_key()
    assert key is not None
    opened = vault.opened()
    opened.change_key(key, Act(who=this_user(), action="change key"))
    click.echo(f"{opened.name}: encrypted with the new key")


def write_private(output: Path, text: str, overwrite: bool) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    try:
        with whole_file(output, overwrite=overwrite) as file:
            file.write(text.encode())
        output.chmod(0o600)
    except OSError as error:
        raise click.ClickException(sentence_of(error)) from error


def _note(vault: Vault, action: str, subject: str, reason: str) -> None:
    vault.note([Act(who=this_user(), action=action, subject=subject, reason=reason)])


def _patient(entry: Entry) -> dict[str, str]:
    issuer, patient_id = identity_parts(entry.original)
    name = Dataset.from_json(entry.facts).get("PatientName", "")
    row = {"pseudonym": entry.pseudonym, "patient_id": patient_id, "issuer": issuer}
    return {**row, "name": str(name)}


def _as_assigned(entry: Entry, days: dict[str, int]) -> Assigned:
    issuer, patient_id = identity_parts(entry.original)
    moved = days.get(entry.pseudonym)
    return Assigned(patient_id=patient_id, issuer=issuer, pseudonym=entry.pseudonym, days=moved)


def _shown(entry: Entry) -> dict[str, Any]:
    """An entry for people, with the attributes that go with it."""
    kind = entry.kind.name.lower()
    if entry.kind is Kind.PATIENT:
        attributes = _attributes(json.loads(entry.facts))
        return {"kind": kind, **_patient(entry), **attributes}
    row = {"kind": kind, "pseudonym": entry.pseudonym, "original": entry.original}
    return {**row, **(_attributes(json.loads(entry.facts)["study"]) if entry.facts else {})}


def _attributes(model: dict[str, Any]) -> dict[str, str]:
    dataset = Dataset.from_json(model)
    return {each.keyword: str(each.value) for each in dataset if each.VR != "SQ"}
