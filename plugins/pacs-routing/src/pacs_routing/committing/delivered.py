"""The jobs that wait until all of a unit has arrived, and then have its destination asked."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from pydicom.uid import generate_uid

from pacs_framework.jobs import JobKind, JobOrder, JobPutOff
from pacs_framework.tables import now
from pacs_routing.committing.arrived import not_arrived, under_way
from pacs_routing.committing.unit import Unit, check_payload
from pacs_routing.committing.waking import wake
from pacs_routing.terms import COMMIT, DELIVERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import JobContext
    from pacs_routing.settings import RoutingSettings, Rule

__all__ = ["Deliveries", "delivered_kind"]

_HOUR = dt.timedelta(hours=1)  # at the latest: whoever sends something of it wakes them
_SOON = dt.timedelta(seconds=2)
_RUN = dt.timedelta(seconds=30)


class Deliveries:
    """What senders tell: that something goes out, and that something has arrived."""

    def __init__(self, archive: Archive, settings: RoutingSettings) -> None:
        self._archive = archive
        self._rules = {each.name: each for each in settings.rule if each.delete_when_committed}

    def begin(self, contexts: Sequence[JobContext]) -> None:
        """Before anything is sent, so that a crash loses nothing."""
        units = {
            Unit.of(rule, context.payload)
            for context in contexts
            if (rule := self._rules.get(str(context.payload.get("rule")))) is not None
        }
        if units:
            self._archive.jobs.enqueue([unit.order(now() + _RUN) for unit in units])

    def ended(self, contexts: Sequence[JobContext]) -> None:
        """Those that wait for something of these studies look again."""
        if not self._rules:
            return
        for study in {context.job.lane for context in contexts}:
            wake(self._archive, DELIVERED, lane=study)


def delivered_kind(archive: Archive, settings: RoutingSettings) -> JobKind:
    """The work of these jobs."""
    rules = {rule.name: rule for rule in settings.rule}
    return JobKind(
        name=DELIVERED,
        description="Wait until all of a series or a study has arrived that is to be deleted",
        run=lambda context: _look(archive, settings, rules, context),
        at_once=2,
        attempts=0,
        check=check_payload,
        keep=3600.0,
    )


def _look(
    archive: Archive, settings: RoutingSettings, rules: dict[str, Rule], context: JobContext
) -> dict[str, Any]:
    unit = Unit.read(context.payload)
    rule = rules.get(unit.rule)
    if rule is None or not rule.delete_when_committed:
        return {"kept": "no rule deletes it any more"}
    open_, is_running = under_way(archive, settings, unit.study)
    if open_:
        raise JobPutOff(open_, until=now() + (_SOON if is_running else _HOUR))
    instances = unit.instances(archive)
    if not instances:
        return {"gone": True}
    missing = not_arrived(archive, rule, instances)
    if missing:  # whatever is sent of it has this looked at again
        return {"kept": missing}
    uid = _transaction_uid(context)
    order = JobOrder(
        kind=COMMIT,
        key=uid,
        lane=unit.study,
        payload=unit.payload(round=context.payload["round"]),
    )
    archive.jobs.enqueue([order])
    return {"transaction_uid": uid}


def _transaction_uid(context: JobContext) -> str:
    """The same for the same job, so that a crash makes no second transaction."""
    job = context.job
    return str(generate_uid(entropy_srcs=[job.id, job.created.isoformat(), job.key]))
