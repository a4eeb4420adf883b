"""Deleting: what is to go, what would go, and what is kept of a deletion."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.archive.corrections import stripped
from pacs_framework.dicom.uids import is_valid_uid

if TYPE_CHECKING:
    from pacs_framework.archive.corrections import PatientKey

__all__ = ["Deletion", "Doomed", "Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be deleted: all instances that are everything that is given.

    ``study``, ``series`` and ``instance`` are UIDs. ``patient`` means whom its key means now, after
    all merges. With ``version`` (`IndexedInstance.version`) an instance goes only as long as no
    other has taken its place. Raises ValueError where nothing is given, for a version of nothing,
    and for what is no UID.
    """

    patient: PatientKey | None = None
    study: str = ""
    series: str = ""
    instance: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        if self.patient is not None:
            object.__setattr__(self, "patient", stripped(self.patient))
        if not (self.patient or self.study or self.series or self.instance):
            raise ValueError("nothing is to be deleted: name a patient or a UID")
        if self.version and not self.instance:
            raise ValueError("a version is of one instance: name that too")
        for name, uid in self.uids.items():
            if not is_valid_uid(uid):
                raise ValueError(f"{uid!r} is no UID, and cannot be that of a {name}")

    @property
    def uids(self) -> dict[str, str]:
        """The UIDs that are given, for a log: no patient is named there."""
        named = {"study": self.study, "series": self.series, "instance": self.instance}
        return {name: uid for name, uid in named.items() if uid}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """What a deletion would take: counts, and ``size`` in bytes of the objects.

    ``patients`` and ``studies`` count those that something is taken of. Where ``protected`` names
    any of them (a study by its UID, a patient as such), nothing would go.
    """

    patients: int
    studies: int
    series: int
    instances: int
    size: int
    protected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """One deletion, never altered; ``number`` only grows. ``at`` is in UTC.

    ``by`` says who: an account, an AE title, a rule. ``left`` objects could not be removed from the
    storage yet: no one finds them any more, and the next start tries again.
    """

    number: int
    at: dt.datetime
    by: str
    reason: str
    door: str
    target: Target
    studies: int
    series: int
    instances: int
    size: int
    left: int = 0
