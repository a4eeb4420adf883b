"""Which priors of which patients are to be fetched, and why each of the others is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pacs_fetch.identity import key_for
from pacs_fetch.priors.asking import studies_of
from pacs_fetch.priors.regions import Regions
from pacs_fetch.priors.relevance import BUILT_IN, Earlier, Judgement, judged
from pacs_fetch.priors.scheduled import Step, patients_of, scheduled_steps
from pacs_fetch.sources import Away, OtherArchive
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_fetch.settings import FetchSettings
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.corrections import PatientKey

__all__ = ["Candidate", "PatientPlan", "Planner", "Verdict"]


class Verdict(StrEnum):
    """What becomes of a study that a source has."""

    FETCH = "fetch"
    HERE = "here"
    TOO_OLD = "too old"
    NOT_RELEVANT = "not relevant"
    ENOUGH = "enough others"


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A study of ``source``, which was ``asked`` for that patient, what it is worth to the step
    that wants it most, and its fate.
    """

    source: str
    asked: PatientKey
    study: Earlier
    step: Step
    judgement: Judgement
    here: int
    verdict: Verdict = Verdict.NOT_RELEVANT

    @property
    def is_here(self) -> bool:
        """Whether as much is here as the source says it has."""
        there = self.study.instances
        return self.here > 0 and there is not None and self.here >= there


@dataclass(slots=True, kw_only=True)
class PatientPlan:
    """What is to be fetched for one patient. ``problems`` are sentences without patient data;
    ``unanswered`` are those of sources that did not tell all, so that there may be more.
    ``refused`` counts answers that were about somebody else.
    """

    patient: PatientKey
    steps: Sequence[Step]
    candidates: list[Candidate] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    refused: int = 0

    @property
    def wanted(self) -> list[Candidate]:
        """Those that are to be fetched."""
        return [each for each in self.candidates if each.verdict is Verdict.FETCH]


class Planner:
    """Plans by the settings of ``[plugin.fetch.priors]``. For one thread, and one run.

    A source that is away is not asked again in this run, and one that is ``left_out`` not at all.
    """

    def __init__(
        self, archive: Archive, settings: FetchSettings, left_out: Collection[str] = ()
    ) -> None:
        self._archive = archive
        self._settings = settings.priors
        self.regions = Regions(self._settings.regions)
        self._table = (*self._settings.relevant, *BUILT_IN)
        chosen = [each for name in self._settings.sources if (each := settings.named(name))]
        self._peers = [OtherArchive(archive, each) for each in chosen if each.name not in left_out]
        self._away: dict[str, str] = {}

    def plan(self, first: str, last: str) -> Iterator[PatientPlan]:
        """For the patients whose steps start on the days from ``first`` to ``last``, one by one.

        Raises as `scheduled_steps` does, before the first one, and `IndexUnavailable`.
        """
        steps = scheduled_steps(self._archive, self._settings, self.regions, first, last)
        yield from self.plan_for(steps)

    def plan_for(self, steps: Iterable[Step]) -> Iterator[PatientPlan]:
        """For the patients of these steps, one by one. Raises `IndexUnavailable`."""
        today = dt.datetime.now(dt.UTC).astimezone().date()
        for patient, each in patients_of(steps).items():
            made = PatientPlan(patient=patient, steps=each)
            if patient.patient_id:
                self._fill(made, today)
            else:
                made.problems.append(f"{len(each)} steps have no Patient ID")
            yield made

    def _fill(self, made: PatientPlan, today: dt.date) -> None:
        others = {key for step in made.steps for key in step.others}
        others.update(self._archive.patients.linked(made.patient))
        born = next((step.birth_date for step in made.steps if step.birth_date), "")
        found: dict[str, Candidate] = {}
        planned = {step.study for step in made.steps}
        for peer in self._peers:
            key = key_for(peer.settings.issuer, made.patient, sorted(others, key=str))
            if isinstance(key, str):
                made.problems.append(f"{peer.name} is not asked: {key}")
                continue
            for study in self._asked(peer, key, born, made):
                if study.uid not in planned and study.uid not in found:
                    found[study.uid] = self._candidate(peer.name, key, study, made.steps)
        made.candidates = sorted(found.values(), key=_worth, reverse=True)
        self._decide(made, today)

    def _asked(
        self, peer: OtherArchive, key: PatientKey, born: str, made: PatientPlan
    ) -> Iterable[Earlier]:
        """What a source has; nothing, and told, where it cannot be asked."""
        problem = self._away.get(peer.name)
        if problem is None:
            try:
                answered = studies_of(peer, key, born, self.regions)
            except Away as error:
                problem = self._away[peer.name] = str(error)
            except PacsError as error:
                problem = f"{peer.name}: {error}"
            else:
                for reason, number in answered.refused.items():
                    made.refused += number
                    made.problems.append(f"{peer.name}: {number} answers refused: {reason}")
                return answered.studies
        made.unanswered.append(problem)
        return ()

    def _candidate(
        self, source: str, key: PatientKey, study: Earlier, steps: Sequence[Step]
    ) -> Candidate:
        judgements = [(judged(step, study, self._table), step) for step in steps]
        judgement, step = max(judgements, key=lambda pair: pair[0].score)
        here = self._archive.lookup.count_of_study(study.uid)
        return Candidate(
            source=source, asked=key, study=study, step=step, judgement=judgement, here=here
        )

    def _decide(self, made: PatientPlan, today: dt.date) -> None:
        """The best ones of each step; what is here already counts among them."""
        eligible = []
        for each in made.candidates:
            if self._is_too_old(each.study, today):
                each.verdict = Verdict.TOO_OLD
            elif each.judgement.score >= self._settings.least_score:
                each.verdict = Verdict.ENOUGH
                eligible.append(each)
        for step in made.steps:
            scores = [(judged(step, each.study, self._table).score, each) for each in eligible]
            best = [pair for pair in scores if pair[0] >= self._settings.least_score]
            best.sort(key=lambda pair: (pair[0], pair[1].study.date), reverse=True)
            for _, each in best[: self._settings.most]:
                each.verdict = Verdict.HERE if each.is_here else Verdict.FETCH

    def _is_too_old(self, study: Earlier, today: dt.date) -> bool:
        """One without a date is not: nobody knows."""
        days = self._settings.max_age_days
        oldest = f"{today - dt.timedelta(days=days):%Y%m%d}" if days else ""
        return bool(study.date) and study.date < oldest


def _worth(each: Candidate) -> tuple[int, str, str]:
    return each.judgement.score, each.study.date, each.study.uid
