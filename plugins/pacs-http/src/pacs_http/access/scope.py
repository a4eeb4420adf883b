"""Which patients, studies and series somebody may see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_framework.archive.reach import Limit, Reach
from pacs_framework.dicom.wildcards import compile_wildcard, has_wildcard
from pacs_http.problems import Problem

if TYPE_CHECKING:
    from pacs_http.route import Resource

__all__ = ["EVERYTHING", "Coverage", "FactsOf", "Limit", "Scope", "StudyFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """One series of a study, as the index has it; ``instances`` are those that were asked about."""

    patient: str
    study: str
    series: str
    modality: str
    instances: int = 1


class Coverage(Enum):
    """How much of a resource is in a scope."""

    NONE = 0
    PART = 1
    WHOLE = 2


FactsOf = Callable[[str, Collection[str], "Reach | None"], Collection[StudyFacts]]
"""The series of what is named: by ``study``, ``series``, ``instance`` or ``patient``, and ids; as
far as a reach goes."""


def _no_facts(kind: str, names: Collection[str], within: Reach | None) -> Collection[StudyFacts]:
    del kind, names, within
    return ()


class Scope:
    """What somebody may see: within one of ``limits``, and within one of ``within``, which a token
    or a link carries; everything where there are none. ``sender`` is the AE title that what is
    stored counts as stored from, empty where there is none (`pacs_framework.archive.source`).

    Each question about a limited scope is one query of the index, so ask about many at once; or
    have queries and retrievals kept within its ``reach``.
    """

    def __init__(
        self,
        limits: tuple[Limit, ...] = (),
        *,
        within: tuple[Limit, ...] = (),
        sender: str = "",
        facts_of: FactsOf = _no_facts,
    ) -> None:
        self._groups = tuple(
            group for group in (limits, within) if group and not any(each.is_none for each in group)
        )
        self._sender = sender
        self._facts_of = facts_of

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return not self._groups

    @property
    def reach(self) -> Reach | None:
        """What `QueryService.find` and `RetrieveService.locate` are kept within; None for all."""
        return Reach(self._groups) if self._groups else None

    def admitted(self, studies: Collection[str]) -> frozenset[str]:
        """The Study Instance UIDs among ``studies`` of which at least one series may be seen.

        Two patients may have a study of one UID: what is kept within ``reach`` tells them apart.
        """
        if self.whole:
            return frozenset(studies)
        return frozenset(each.study for each in self._facts_of("study", studies, self.reach))

    def admitted_series(self, series: Collection[str]) -> frozenset[str]:
        """The Series Instance UIDs among ``series`` that may be seen; see `admitted`."""
        if self.whole:
            return frozenset(series)
        return frozenset(each.series for each in self._facts_of("series", series, self.reach))

    def coverage(self, kind: str, name: str, *, within: Resource) -> Coverage:
        """How much of a patient, study, series or instance may be seen; of what is not stored, or
        is not part of what ``within`` names above it, nothing.
        """
        if self.whole:
            return Coverage.WHOLE
        seen = self._count(kind, name, within, self.reach)
        if not seen:
            return Coverage.NONE
        return Coverage.WHOLE if seen == self._count(kind, name, within, None) else Coverage.PART

    def _count(self, kind: str, name: str, below: Resource, reach: Reach | None) -> int:
        """Instances, for of a series a part may be in reach."""
        return sum(
            each.instances
            for each in self._facts_of(kind, (name,), reach)
            if below.study in {"", each.study}
            and below.series in {"", each.series}
            and below.patient in {"", each.patient}
        )

    def check_write(self, attributes: Mapping[str, str]) -> None:
        """Raise `Problem` 403 for an instance that is not in scope, by keywords and text.

        What is stored has no label yet, so who is limited to labels stores nothing. Nor may one be
        stored over an instance that is out of scope.
        """
        if self.whole:
            return
        written = StudyFacts(
            patient=attributes.get("PatientID", ""),
            study=attributes.get("StudyInstanceUID", ""),
            series=attributes.get("SeriesInstanceUID", ""),
            modality=attributes.get("Modality", ""),
        )
        if not all(any(self._takes(limit, written) for limit in g) for g in self._groups):
            raise _not_to_be_stored()
        names = (attributes.get("SOPInstanceUID", ""),)
        is_there = bool(self._facts_of("instance", names, None))
        if is_there and not self._facts_of("instance", names, self.reach):
            raise _not_to_be_stored()

    def _takes(self, limit: Limit, written: StudyFacts) -> bool:
        return (
            _fits(written.patient, limit.patients)
            and _fits(written.modality, limit.modalities)
            and _fits(self._sender, limit.ae_titles)
            and (not limit.studies or written.study in limit.studies)
            and not limit.labels
        )


def _not_to_be_stored() -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "this instance is outside of what you may store")


def _fits(value: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(
        value == each or (has_wildcard(each) and compile_wildcard(each)(value)) for each in patterns
    )


EVERYTHING = Scope()
