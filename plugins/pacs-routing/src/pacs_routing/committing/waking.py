"""Jobs that wait for news, woken when there are some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.jobs import JobFilter, JobOrder, JobState, Repeat

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["wake"]


def wake(archive: Archive, kind: str, *, key: str = "", lane: str = "") -> None:
    """Have jobs looked at now, and those that run once more: they may have looked before."""
    running = JobFilter(kinds=[kind], key=key, lane=lane, states=[JobState.RUNNING])
    orders = [
        JobOrder(kind=kind, key=job.key, lane=job.lane, payload=job.payload, repeat=Repeat.POSTPONE)
        for job in archive.jobs.find(running)
    ]
    if orders:
        archive.jobs.enqueue(orders)
    archive.jobs.retry(JobFilter(kinds=[kind], key=key, lane=lane, states=[JobState.WAITING]))
