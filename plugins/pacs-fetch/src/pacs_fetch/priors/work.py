"""Jobs that look for priors, and have each fetched by a job of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from pacs_fetch.finding import Finder
from pacs_fetch.hours import refuse_closed
from pacs_fetch.identity import digest_of
from pacs_fetch.priors.planning import Planner, Verdict
from pacs_fetch.studies import order_for
from pacs_fetch.terms import PRIORITY_OF_PRIORS, PRIORS
from pacs_framework.errors import PacsError
from pacs_framework.jobs import JobOrder, JobPutOff, JobRefused
from pacs_framework.moving.listing import DateRange
from pacs_framework.moving.old_archive import FoundStudy

if TYPE_CHECKING:
    from pacs_fetch.priors.planning import PatientPlan
    from pacs_framework.jobs import JobContext

__all__ = ["Incomplete", "PlanCarrier", "PriorsFinder", "orders_of"]

_FEW = 20  # problems are written down with the job

_log = structlog.get_logger(__name__)


class Incomplete(PacsError):
    """Somebody could not be asked for all patients."""


class PlanCarrier(Finder):
    """Plans, and puts in what is to be fetched."""

    def run(self, context: JobContext) -> dict[str, int]:
        """Plan as ``context`` says. What was found is put in also where `Incomplete` is raised, or
        `JobPutOff` since it is not the hour of a source: the next attempt finds it again, and puts
        it in no second time.
        """
        closed = self._closed()
        if closed and closed.keys() == {*self._settings.priors.sources}:
            raise _soonest(closed)
        counts: Counter[str] = Counter()
        problems: Counter[str] = Counter()
        unanswered: Counter[str] = Counter()
        planner = Planner(self._archive, self._settings, left_out=closed)
        for plan in self.plans(planner, context):
            context.check()
            self._archive.jobs.enqueue(orders_of(plan))
            counts.update(_counted(plan))
            problems.update(plan.problems)
            unanswered.update(plan.unanswered)
            context.progress(counts["patients"], note="patients")
        for problem, number in problems.most_common(_FEW):
            context.log(f"{number} times: {problem}")
        _log.info("priors were looked for", **counts)
        if counts["incomplete"]:
            raise Incomplete(
                f"for {counts['incomplete']} patients not all sources answered: "
                f"{unanswered.most_common(1)[0][0]}"
            )
        if closed and counts["patients"]:
            raise _soonest(closed)
        return dict(counts)

    @abstractmethod
    def plans(self, planner: Planner, context: JobContext) -> Iterator[PatientPlan]:
        """What the job of ``context`` is about."""

    def _closed(self) -> dict[str, JobPutOff]:
        """The sources that are not to be asked now, and until when."""
        closed = {}
        for name in self._settings.priors.sources:
            source = self._settings.named(name)
            assert source is not None, name  # as the settings have been checked
            try:
                refuse_closed(source)
            except JobPutOff as error:
                closed[name] = error
        return closed


def _soonest(closed: Mapping[str, JobPutOff]) -> JobPutOff:
    return min(closed.values(), key=lambda each: each.until)


class PriorsFinder(PlanCarrier):
    """Plans for all who come on some days."""

    name = PRIORS
    description = "Look for priors of the patients of some days"

    def plans(self, planner: Planner, context: JobContext) -> Iterator[PatientPlan]:
        """For the days of ``context``."""
        return planner.plan(context.payload["first"], context.payload["last"])

    @staticmethod
    def check(payload: Mapping[str, Any]) -> None:
        """Raise `JobRefused` for what are no days."""
        try:
            DateRange.parse(f"{payload['first']}-{payload['last']}")
        except (KeyError, ValueError) as error:
            raise JobRefused(
                'a job that looks for priors has a payload such as {"first": "20261123", "last": '
                '"20261123"}'
            ) from error


def orders_of(plan: PatientPlan) -> Sequence[JobOrder]:
    """To fetch what a plan wants."""
    return [
        order_for(
            each.source,
            FoundStudy(uid=each.study.uid, instances=each.study.instances),
            why=f"prior of {each.step.study or 'a step'}: {each.judgement.why}, "
            f"score {each.judgement.score}",
            priority=PRIORITY_OF_PRIORS,
            patient=digest_of(each.asked.patient_id),
        )
        for each in plan.wanted
    ]


def _counted(plan: PatientPlan) -> dict[str, int]:
    verdicts = Counter(each.verdict for each in plan.candidates)
    return {
        "patients": 1,
        "steps": len(plan.steps),
        "found": len(plan.candidates),
        "queued": verdicts[Verdict.FETCH],
        "here": verdicts[Verdict.HERE],
        "refused": plan.refused,
        "incomplete": int(bool(plan.unanswered)),
    }
