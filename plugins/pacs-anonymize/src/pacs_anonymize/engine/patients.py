"""Patients whose pseudonyms a site gives itself, by a table that is kept elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

__all__ = ["Assigned", "PatientTable", "Unknown"]


class Unknown(StrEnum):
    """What is done with a patient who is not in the table."""

    REFUSE = "refuse"
    """The instance is not de-identified, and stays where it is."""
    KEY = "key"
    """The pseudonym is made with the key, as without a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """A row: the patient with ``patient_id`` of ``issuer`` is called ``pseudonym`` from now on.

    ``issuer`` is empty for patients without one, and ``*`` for any. ``name`` is their new name;
    empty, it is the pseudonym. ``days`` are added to dates; None leaves them to the key.
    """

    patient_id: str = field(repr=False)
    pseudonym: str
    issuer: str = field(default="", repr=False)
    name: str = ""
    days: int | None = None


class PatientTable(Protocol):
    """What a site calls its patients. It goes to other processes, so it can be pickled."""

    unknown: Unknown

    def find(self, issuer: str, patient_id: str) -> Assigned | None:
        """What is assigned to a patient; a row for any issuer counts where none is for theirs."""

    def named(self, pseudonym: str) -> Assigned | None:
        """The row that gave a pseudonym, None where none did."""
