"""Jobs that run models: by triggers when a series or a study is complete, by replays of the past.

Complete is what nothing more comes of for a while. This module is read at each start of an archive:
what does the work is imported with the first job.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pacs_ai.settings import AiSettings, TriggerSettings
from pacs_ai.terms import DOOR
from pacs_framework.jobs import JobKind, JobOrder, Repeat
from pacs_framework.tables import now

if TYPE_CHECKING:
    from pacs_ai.triggers import Work
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.jobs import JobContext

__all__ = ["KIND", "kinds_of", "order_runs", "payload_of"]

KIND = "ai.run"
"""The kind of jobs that run models."""


def order_runs(changes: Sequence[Change], archive: Archive, settings: AiSettings) -> None:
    """Put in a job for each series or study that something came of, or put it off once more.

    What models made starts none, or they would run for ever.
    """
    wanted = {
        (number, change.study_instance_uid, _series(trigger, change))
        for change in changes
        if change.origin.door != DOOR
        for number, trigger in enumerate(settings.triggers)
        if fnmatchcase(change.origin.calling_aet, trigger.calling_aet)
    }
    orders = [
        _order(settings.triggers[number], study, series) for number, study, series in sorted(wanted)
    ]
    if orders:
        archive.jobs.enqueue(orders)


def payload_of(trigger: TriggerSettings, study: str, series: str) -> dict[str, object]:
    """What a job is told; no series stands for all of the study."""
    return {"trigger": trigger.model_dump(mode="json"), "study": study, "series": series}


def kinds_of(archive: Archive, settings: AiSettings) -> list[JobKind]:
    """The jobs of this plugin."""
    return [
        JobKind(
            name=KIND,
            description="Run a model over a series or a study",
            run_together=_Worker(archive, settings).run_all,
            at_once=settings.at_once,
            attempts=settings.attempts,
        )
    ]


def _series(trigger: TriggerSettings, change: Change) -> str:
    return "" if trigger.level == "study" else change.series_instance_uid


def _order(trigger: TriggerSettings, study: str, series: str) -> JobOrder:
    about = series or study
    apart = "/shadow" if trigger.shadow else ""
    return JobOrder(
        kind=KIND,
        payload=payload_of(trigger, study, series),
        key=f"{trigger.model}/{about}{apart}",
        lane=about,
        not_before=now() + dt.timedelta(seconds=trigger.quiet),
        repeat=Repeat.POSTPONE,
    )


class _Worker:
    """Does the jobs of one archive, once there are some."""

    def __init__(self, archive: Archive, settings: AiSettings) -> None:
        self._archive, self._settings = archive, settings
        self._work: Work | None = None

    def run_all(self, contexts: Sequence[JobContext]) -> None:
        """As `JobKind.run_together` is called, with one job."""
        from pacs_ai.triggers import Work  # noqa: PLC0415 - takes a second, and most starts no job

        if self._work is None:
            self._work = Work(self._archive, self._settings)
        for context in contexts:
            self._work.run(context)
