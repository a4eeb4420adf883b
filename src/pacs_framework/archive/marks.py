"""What people say of patients and studies: that they are to be kept, and labels."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.archive.corrections import stripped
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_framework.archive.corrections import PatientKey

__all__ = ["Label", "Protection", "Subject", "check_label"]

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What something is said of: a study by its UID, or a patient; one of the two.

    A key that was merged means whom it was merged into, for as long as it is. Raises ValueError.
    """

    study: str = ""
    patient: PatientKey | None = None

    def __post_init__(self) -> None:
        if bool(self.study) == (self.patient is not None):
            raise ValueError("name a study or a patient, and not both")
        if self.study and not is_valid_uid(self.study):
            raise ValueError(f"{self.study!r} is no UID, and cannot be that of a study")
        if self.patient is not None:
            object.__setattr__(self, "patient", stripped(self.patient))


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """Something that must not be deleted; ``since`` is in UTC, ``by`` says who protected it."""

    subject: Subject
    since: dt.datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label of one subject; ``since`` is in UTC, ``by`` says who put it there."""

    subject: Subject
    name: str
    since: dt.datetime
    by: str


def check_label(name: str) -> str:
    """``name``, if it is one. Raises `ConfigurationError`."""
    if not _LABEL.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no label: up to 64 letters, digits, hyphens, dots and underscores, "
            f"of which the first is a letter or a digit"
        )
    return name
