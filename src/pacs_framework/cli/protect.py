"""``pacs protect``: patients and studies that nobody deletes."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.cli.subjects import (
    beside,
    by_option,
    patient_options,
    subject_json,
    subject_of,
    subject_text,
    who,
)

__all__ = ["command"]

_study = click.option("--study", metavar="UID", help="A study.")


@click.group("protect")
def command() -> None:
    """Keep patients and studies from being deleted, by whomever.

    It holds for what comes to them later, survives `pacs reindex`, and follows merges of patients.

    \b
    Example:
        pacs protect add --study 1.2.840.113619.2.1 --reason "lawsuit"
        pacs protect list
    """


@command.command("add")
@_study
@patient_options
@click.option("--reason", required=True, help="Why; `pacs protect list` shows it.")
@by_option
@archive_options
def add(
    choice: ArchiveChoice,
    study: str | None,
    patient: str | None,
    issuer: str,
    reason: str,
    by: str | None,
) -> None:
    """Protect a patient or a study that the archive knows.

    \b
    Example:
        pacs protect add --patient 4711 --reason "teaching file"
    """
    subject = subject_of(study, patient, issuer)
    with beside(choice) as archive:
        new = archive.marks.protect(subject, by=who(by), reason=reason)
    click.echo(f"{subject_text(subject)} is protected{'' if new else ' already'}")


@command.command("remove")
@_study
@patient_options
@by_option
@archive_options
@click.pass_context
def remove(
    context: click.Context,
    choice: ArchiveChoice,
    study: str | None,
    patient: str | None,
    issuer: str,
    by: str | None,
) -> None:
    """Let a patient or a study be deleted again. Exit code 1 when it was not protected.

    \b
    Example:
        pacs protect remove --study 1.2.840.113619.2.1
    """
    subject = subject_of(study, patient, issuer)
    with beside(choice) as archive:
        gone = archive.marks.unprotect(subject, by=who(by))
    click.echo(f"{subject_text(subject)} {'is no longer' if gone else 'was not'} protected")
    context.exit(0 if gone else 1)


@command.command("list")
@archive_options
@json_option
def list_protected(choice: ArchiveChoice, as_json: bool) -> None:
    """List what is protected: since when, by whom, why.

    \b
    Example:
        pacs protect list --json
    """
    with beside(choice) as archive:
        found = archive.marks.protections()
    if as_json:
        print_json(
            [
                {
                    **subject_json(each.subject),
                    "since": each.since.isoformat(),
                    "by": each.by,
                    "reason": each.reason,
                }
                for each in found
            ]
        )
        return
    rows = (
        (subject_text(e.subject), e.since.isoformat(timespec="seconds"), e.by, e.reason)
        for e in found
    )
    print_table(("WHAT", "SINCE", "BY", "REASON"), rows)
