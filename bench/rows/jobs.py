"""Short jobs from end to end: put in, taken, done, each step durable."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.results import OURS, Column, Result
from pacs_framework.hookspecs import hookimpl
from pacs_framework.jobs import JobContext, JobKind, JobOrder, JobQueue
from pacs_framework.testing.postgres import PostgresMissing, PrivatePostgres
from pacs_framework.testing.running import running_archive
from pacs_jobs import plugin

__all__ = ["JOBS_ROWS", "measure_jobs"]

JOBS_ROWS = ("jobs-sqlite", "jobs-postgresql")

_JOBS = 1000
_TOGETHER = 10  # in a call of `enqueue`, as a change feed hands them over under load
_REPEATS = 3


class _Work:
    """A plugin whose work is to be counted."""

    def __init__(self) -> None:
        self.done = 0

    @hookimpl
    def job_kinds(self) -> Sequence[JobKind]:
        """Eight at a time."""
        return [JobKind(name="bench", description="Returns at once", run=self._run, at_once=8)]

    def _run(self, context: JobContext) -> str:
        self.done += 1
        return context.key


def measure_jobs(jobs: int = _JOBS, repeats: int = _REPEATS) -> list[Result]:
    """The rows: jobs a second on each engine; that of PostgreSQL only where there is one."""
    results = [_result(JOBS_ROWS[0], "on SQLite", _rates({}, jobs, repeats))]
    with _server() as url:
        if url:
            rates = _rates({"index": {"url": url}}, jobs, repeats)
            results.append(_result(JOBS_ROWS[1], "on PostgreSQL", rates))
    return results


@contextmanager
def _server() -> Iterator[str]:
    """The URL of a database that syncs its commits; empty where none can be started."""
    try:
        server = PrivatePostgres(durable=True).__enter__()
    except PostgresMissing:
        yield ""
        return
    try:
        yield server.new_database()
    finally:
        server.__exit__()


def _rates(settings: Mapping[str, Any], jobs: int, repeats: int) -> list[float]:
    work = _Work()
    with (
        TemporaryDirectory(prefix="pacs-bench-") as folder,
        running_archive(Path(folder), {"jobs": plugin, "work": work}, settings=settings) as node,
    ):
        queue = node.archive.jobs
        _turn(queue, jobs // 10, -1)  # warms up
        return [jobs / _turn(queue, jobs, turn) for turn in range(repeats)]


def _turn(queue: JobQueue, jobs: int, turn: int) -> float:
    """Seconds from the first order to the last end that is written down."""
    keys = [f"{turn} {number}" for number in range(jobs)]
    begun = time.monotonic()
    last = ""
    for start in range(0, jobs, _TOGETHER):
        some = keys[start : start + _TOGETHER]
        last = queue.enqueue([JobOrder(kind="bench", key=key) for key in some])[-1].id
    with queue.news() as news:
        while not _all_over(queue, last):
            news.wait(None)
    return time.monotonic() - begun


def _all_over(queue: JobQueue, last: str) -> bool:
    """Jobs are taken in order, so this is asked of all only when the last one is over."""
    job = queue.get(last)
    return job is not None and job.state.is_over and all(s.state.is_over for s in queue.summary())


def _result(name: str, title: str, rates: list[float]) -> Result:
    return Result(
        name=name,
        title=f"short jobs, eight at a time, {title}",
        unit="1/s",
        higher_is_better=True,
        table="jobs",
        columns={OURS: Column(samples=rates)},
    )
