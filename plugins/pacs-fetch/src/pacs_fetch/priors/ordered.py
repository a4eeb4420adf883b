"""Orders that arrive: priors of one patient, looked for at once.

The clock looks in time for most; an order for today or tomorrow may come after that. One for a
later day is left to the clock.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pacs_fetch.priors.regions import Regions
from pacs_fetch.priors.scheduled import step_from
from pacs_fetch.priors.work import PlanCarrier
from pacs_fetch.terms import ORDER, PRIORITY_OF_PRIORS
from pacs_framework.jobs import JobOrder, JobRefused
from pacs_worklist.api import Worklist

if TYPE_CHECKING:
    from pacs_fetch.priors.planning import PatientPlan, Planner
    from pacs_fetch.priors.scheduled import Step
    from pacs_fetch.settings import Priors
    from pacs_framework.jobs import JobContext
    from pacs_worklist.api import Item

__all__ = ["OrderFinder", "order_of"]

_WORKLIST = "worklist"  # whose tables have the step


def order_of(item: Item, settings: Priors) -> JobOrder | None:
    """To look for priors for a step; None for one that is over, or not for these days.

    There is one such job for each step, and another one when something changes that makes other
    studies relevant: who the patient is, the modality, the region of the body.
    """
    step = step_from(item.dataset, Regions(settings.regions))
    if item.state.final or not _is_soon(step, settings.days):
        return None
    return JobOrder(
        kind=ORDER,
        key=f"{item.id} {_relevance_of(step)}",
        lane=str(item.id),
        payload={"step": item.id},
        priority=PRIORITY_OF_PRIORS,
    )


def _is_soon(step: Step, days: int) -> bool:
    """From yesterday on: at night, an order is often written down when the step has begun."""
    today = dt.datetime.now(dt.UTC).astimezone().date()
    first, last = (today + dt.timedelta(days=each) for each in (-1, days))
    return f"{first:%Y%m%d}" <= step.start[:8] <= f"{last:%Y%m%d}"


def _relevance_of(step: Step) -> str:
    """A digest, as whoever sees jobs is not to see patients."""
    facts = [
        [[key.patient_id, key.issuer] for key in (step.patient, *sorted(step.others, key=str))],
        [step.birth_date, step.study, step.modality],
        sorted(step.regions),
    ]
    return hashlib.sha256(json.dumps(facts).encode("utf-8")).hexdigest()[:32]


class OrderFinder(PlanCarrier):
    """Plans for one step of pacs-worklist, as it is when its turn comes."""

    name = ORDER
    description = "Look for priors for an order"

    def plans(self, planner: Planner, context: JobContext) -> Iterator[PatientPlan]:
        """None where the step is over by now."""
        item = Worklist(self._archive.tables(_WORKLIST)).get(context.payload["step"])
        if item.state.final:
            context.log(f"the step is {item.state}: nothing is fetched for it")
            return iter(())
        return planner.plan_for([step_from(item.dataset, planner.regions)])

    @staticmethod
    def check(payload: Mapping[str, Any]) -> None:
        """Raise `JobRefused` for what is no number of a step."""
        if type(payload.get("step")) is not int:
            raise JobRefused('a job that looks for priors for an order has a payload {"step": 17}')
