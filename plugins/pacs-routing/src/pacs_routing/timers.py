"""The timers of what waits: jobs that go off when a series or a study is complete."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from pacs_framework.jobs import JobFilter, JobOrder, JobState, Repeat
from pacs_routing.completeness import Complete, CompleteBy
from pacs_routing.terms import COMPLETE

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.index.lookup import IndexedInstance
    from pacs_routing.settings import Rule

__all__ = ["hasten", "timer", "timer_key"]

_NEVER = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)


def timer_key(rule: Rule, facts: IndexedInstance) -> str:
    """What names the timer that an instance waits for."""
    return _key(rule, facts.study_instance_uid, facts.series_instance_uid)


def timer(archive: Archive, rule: Rule, facts: IndexedInstance, at: dt.datetime) -> JobOrder:
    """Goes off when nothing more has come for a while, if ``rule`` wants that: each arrival, such
    as this one at ``at``, puts it off. It does so after the forced time in any case.
    """
    of_series = rule.complete is Complete.SERIES
    return JobOrder(
        kind=COMPLETE,
        key=timer_key(rule, facts),
        not_before=_due(archive, rule, facts, at),
        repeat=Repeat.POSTPONE,
        payload={
            "rule": rule.name,
            "send_to": list(rule.send_to),
            "study": facts.study_instance_uid,
            "series": facts.series_instance_uid if of_series else "",
        },
    )


def hasten(archive: Archive, rule: Rule, *, study: str, series: str = "") -> None:
    """Let a timer go off now; nothing where there is none."""
    key = _key(rule, study, series)
    archive.jobs.retry(JobFilter(kinds=[COMPLETE], key=key, states=[JobState.WAITING]))


def _key(rule: Rule, study: str, series: str) -> str:
    return f"{rule.name} {series if rule.complete is Complete.SERIES else study}"


def _due(archive: Archive, rule: Rule, facts: IndexedInstance, at: dt.datetime) -> dt.datetime:
    quiet = _NEVER
    if CompleteBy.QUIET in rule.complete_by:
        quiet = at + dt.timedelta(seconds=rule.quiet)
    if not rule.forced:
        return quiet
    begun = _begun(archive, timer_key(rule, facts)) or at
    return min(quiet, begun + dt.timedelta(seconds=rule.forced))


def _begun(archive: Archive, key: str) -> dt.datetime | None:
    """When the first instance came of those that wait now."""
    which = JobFilter(kinds=[COMPLETE], key=key, states=[JobState.WAITING])
    return next((job.created for job in archive.jobs.find(which, most=1)), None)
