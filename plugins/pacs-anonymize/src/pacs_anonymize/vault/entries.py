"""What is kept in a vault."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["Entry", "Kind", "identity_of", "identity_parts"]


class Kind(IntEnum):
    """What an entry is about; the numbers are in databases."""

    PATIENT = 1
    """A patient: the original is `identity_of` it, the facts are its attributes."""
    STUDY = 2
    """A study by its UID; the facts are its attributes, and those of its patient at that time."""
    UID = 3
    """Any UID, that of a study as well."""
    DAYS = 4
    """By how many days the dates of a patient were moved."""
    ASSIGNED = 5
    """A row of the table of pseudonyms: what a site gave to a patient, used or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``pseudonym`` stands for ``original``; ``facts`` is JSON with what else is to be known.

    In one vault a pseudonym of a kind stands for one original.
    """

    kind: Kind
    pseudonym: str
    original: str = field(repr=False)
    facts: str = field(default="", repr=False, compare=False)


def identity_of(issuer: str, patient_id: str) -> str:
    """What tells patients apart: Patient ID (0010,0020) and who issued it (0010,0021)."""
    return f"{issuer}\0{patient_id}"


def identity_parts(identity: str) -> tuple[str, str]:
    """Issuer and Patient ID of an `identity_of`."""
    issuer, _, patient_id = identity.partition("\0")
    return issuer, patient_id
