"""Which patients, studies and series somebody may see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_http.problems import Problem

if TYPE_CHECKING:
    from pacs_http.route import Resource

__all__ = ["EVERYTHING", "Coverage", "FactsOf", "Limit", "Scope", "StudyFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """What limits go by: one series of a study, as the index has it."""

    patient: str
    study: str
    series: str
    modality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One set of rules that all have to hold; a rule without values holds always.

    ``patients`` are Patient IDs and ``modalities`` modalities, with ``*`` and ``?`` as wildcards;
    ``studies`` are Study Instance UIDs.
    """

    patients: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether it limits nothing."""
        return not (self.patients or self.modalities or self.studies)

    def admits(self, facts: StudyFacts) -> bool:
        """Whether a series may be seen."""
        return (
            _matches(facts.patient, self.patients)
            and _matches(facts.modality, self.modalities)
            and (not self.studies or facts.study in self.studies)
        )


def _matches(value: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)


class Coverage(Enum):
    """How much of a resource is in a scope."""

    NONE = 0
    PART = 1
    WHOLE = 2


FactsOf = Callable[[str, Collection[str]], Iterable[StudyFacts]]
"""The series of what is named: by ``study``, ``series``, ``instance`` or ``patient``, and ids."""


def _no_facts(kind: str, names: Collection[str]) -> Iterable[StudyFacts]:
    del kind, names
    return ()


class Scope:
    """What somebody may see: within one of ``limits``, and within one of ``within``, which a token
    or a link carries; everything where there are none.

    Each question about a limited scope is one query of the index, so ask about many at once.
    """

    def __init__(
        self,
        limits: tuple[Limit, ...] = (),
        *,
        within: tuple[Limit, ...] = (),
        facts_of: FactsOf = _no_facts,
    ) -> None:
        self._groups = tuple(
            group for group in (limits, within) if group and not any(each.is_none for each in group)
        )
        self._facts_of = facts_of

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return not self._groups

    def admits(self, facts: StudyFacts) -> bool:
        """Whether a series may be seen."""
        return all(any(limit.admits(facts) for limit in group) for group in self._groups)

    def admitted(self, studies: Collection[str]) -> frozenset[str]:
        """The Study Instance UIDs among ``studies`` of which at least one series may be seen."""
        if self.whole:
            return frozenset(studies)
        return frozenset(f.study for f in self._facts_of("study", studies) if self.admits(f))

    def admitted_series(self, series: Collection[str]) -> frozenset[str]:
        """The Series Instance UIDs among ``series`` that may be seen."""
        if self.whole:
            return frozenset(series)
        return frozenset(f.series for f in self._facts_of("series", series) if self.admits(f))

    def coverage(self, kind: str, name: str, *, within: Resource) -> Coverage:
        """How much of a patient, study, series or instance may be seen; of what is not stored, or
        is not part of what ``within`` names above it, nothing.
        """
        if self.whole:
            return Coverage.WHOLE
        verdicts = {
            self.admits(facts)
            for facts in self._facts_of(kind, (name,))
            if within.study in {"", facts.study}
            and within.series in {"", facts.series}
            and within.patient in {"", facts.patient}
        }
        if verdicts == {True}:
            return Coverage.WHOLE
        return Coverage.PART if True in verdicts else Coverage.NONE

    def check_write(self, attributes: Mapping[str, str]) -> None:
        """Raise `Problem` 403 for an instance that is not in scope, by keywords and text."""
        facts = StudyFacts(
            patient=attributes.get("PatientID", ""),
            study=attributes.get("StudyInstanceUID", ""),
            series=attributes.get("SeriesInstanceUID", ""),
            modality=attributes.get("Modality", ""),
        )
        if not self.admits(facts):
            raise Problem(HTTPStatus.FORBIDDEN, "this instance is outside of what you may store")


EVERYTHING = Scope()
