"""What commands about patients and studies share: how these are named, shown, and by whom."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.marks import Subject
from pacs_framework.cli.importing import importing

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.cli.options import ArchiveChoice

__all__ = [
    "beside",
    "by_option",
    "patient_of",
    "patient_options",
    "subject_json",
    "subject_of",
    "subject_text",
    "who",
]

_F = TypeVar("_F", bound=Callable[..., Any])

by_option = click.option("--by", help="Who; by default the name of your account.")
"""Adds ``--by``; see `who`."""


def patient_options(command: _F) -> _F:
    """Add ``--patient`` and ``--issuer``; see `patient_of`."""
    patient = click.option("--patient", metavar="ID", help="A patient, by Patient ID.")
    issuer = click.option("--issuer", default="", help="Issuer of that Patient ID.")
    return patient(issuer(command))


def patient_of(patient: str | None, issuer: str) -> PatientKey | None:
    """The key that ``--patient`` and ``--issuer`` name. Raises `click.UsageError`."""
    if patient is None:
        if issuer:
            raise click.UsageError("--issuer is that of a patient; add --patient ID")
        return None
    return PatientKey(patient_id=patient, issuer=issuer)


def subject_of(study: str | None, patient: str | None, issuer: str) -> Subject:
    """The patient or study that the options name. Raises `click.UsageError`."""
    try:
        return Subject(study=study or "", patient=patient_of(patient, issuer))
    except ValueError as error:
        raise click.UsageError(f"{error}; see --study and --patient") from error


def subject_json(subject: Subject) -> dict[str, str]:
    """For a program to read."""
    if subject.patient is None:
        return {"study": subject.study}
    return {"patient_id": subject.patient.patient_id, "issuer": subject.patient.issuer}


def subject_text(subject: Subject) -> str:
    """For a person to read."""
    if subject.patient is None:
        return f"study {subject.study}"
    issuer = f" ({subject.patient.issuer})" if subject.patient.issuer else ""
    return f"patient {subject.patient.patient_id}{issuer}"


def who(by: str | None) -> str:
    """Who does it."""
    return by or getpass.getuser()


@contextmanager
def beside(choice: ArchiveChoice) -> Iterator[Archive]:
    """The archive, beside whatever process runs it."""
    with importing():
        from pacs_framework.app import App  # noqa: PLC0415 - `--help` needs no archive

    with App(choice.configured(), listen=False, feed=False) as app:
        yield app.archive
