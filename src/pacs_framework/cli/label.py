"""``pacs label``: labels of patients and studies."""

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

_name = click.argument("name", metavar="LABEL")
_study = click.option("--study", metavar="UID", help="A study.")


@click.group("label")
def command() -> None:
    """Put labels on patients and studies, for rules such as those of `pacs retention`.

    They are kept in the index, survive `pacs reindex`, and follow merges of patients.

    \b
    Example:
        pacs label add research --study 1.2.840.113619.2.1
        pacs label list --name research --json
    """


@command.command("add")
@_name
@_study
@patient_options
@by_option
@archive_options
def add(
    choice: ArchiveChoice,
    name: str,
    study: str | None,
    patient: str | None,
    issuer: str,
    by: str | None,
) -> None:
    """Put a label on a patient or a study that the archive knows.

    \b
    Example:
        pacs label add teaching --patient 4711
    """
    subject = subject_of(study, patient, issuer)
    with beside(choice) as archive:
        new = archive.marks.label(subject, name, by=who(by))
    click.echo(f"{subject_text(subject)} has the label {name}{'' if new else ' already'}")


@command.command("remove")
@_name
@_study
@patient_options
@archive_options
@click.pass_context
def remove(
    context: click.Context,
    choice: ArchiveChoice,
    name: str,
    study: str | None,
    patient: str | None,
    issuer: str,
) -> None:
    """Take a label off. Exit code 1 when it was not there.

    \b
    Example:
        pacs label remove teaching --patient 4711
    """
    subject = subject_of(study, patient, issuer)
    with beside(choice) as archive:
        gone = archive.marks.unlabel(subject, name)
    click.echo(f"{subject_text(subject)} {'has no longer' if gone else 'had not'} the label {name}")
    context.exit(0 if gone else 1)


@command.command("list")
@click.option("--name", help="Only this label.")
@_study
@patient_options
@archive_options
@json_option
def list_labels(
    choice: ArchiveChoice,
    name: str | None,
    study: str | None,
    patient: str | None,
    issuer: str,
    as_json: bool,
) -> None:
    """List labels: all, those of one name, or those of one patient or study.

    \b
    Example:
        pacs label list --study 1.2.840.113619.2.1
    """
    named = study is not None or patient is not None
    subject = subject_of(study, patient, issuer) if named else None
    with beside(choice) as archive:
        found = archive.marks.labels(subject, name)
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    **subject_json(each.subject),
                    "since": each.since.isoformat(),
                    "by": each.by,
                }
                for each in found
            ]
        )
        return
    rows = (
        (e.name, subject_text(e.subject), e.since.isoformat(timespec="seconds"), e.by)
        for e in found
    )
    print_table(("LABEL", "OF", "SINCE", "BY"), rows)
