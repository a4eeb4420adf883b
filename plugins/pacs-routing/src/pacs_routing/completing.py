"""Series and studies that are complete: what waits of them goes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pacs_framework.jobs import JobFilter, JobKind, JobRefused, JobState
from pacs_routing.terms import COMPLETE, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import Job, JobContext

__all__ = ["timer_kind"]

_PAGE = 500


def timer_kind(archive: Archive) -> JobKind:
    """The timers of ``archive``. They are short, and nobody else lets go what they hold."""
    return JobKind(
        name=COMPLETE,
        description="Send a series or a study that has come to rest",
        run=lambda context: _release(archive, context),
        at_once=4,
        attempts=0,
        check=_check,
        keep=3600.0,
    )


def _check(payload: Mapping[str, Any]) -> None:
    """Raise `JobRefused` for what is no timer."""
    texts = all(isinstance(payload.get(name), str) for name in ("rule", "study", "series"))
    if not texts or not isinstance(payload.get("send_to"), list):
        raise JobRefused("timers are made by rules, not by hand")


def _release(archive: Archive, context: JobContext) -> dict[str, int]:
    payload = context.payload
    released = 0
    for destination in payload["send_to"]:
        for ids in _pages(archive, kind_of(destination), payload):
            context.check()
            released += archive.jobs.release(JobFilter(ids=ids))
    return {"released": released}


def _pages(archive: Archive, kind: str, payload: Mapping[str, Any]) -> Iterator[list[str]]:
    """The jobs that wait for this, some at a time."""
    which = JobFilter(kinds=[kind], lane=payload["study"], states=[JobState.HELD])
    after = ""
    while found := archive.jobs.find(which, most=_PAGE, after=after):
        after = found[-1].id
        ids = [job.id for job in found if _waits_for(job, payload)]
        if ids:
            yield ids


def _waits_for(job: Job, payload: Mapping[str, Any]) -> bool:
    of_series = not payload["series"] or job.payload.get("series") == payload["series"]
    return bool(of_series and job.payload.get("rule") == payload["rule"])
