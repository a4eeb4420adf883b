"""Files worked on by several processes, in order, and no more of them under way than needed."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from multiprocessing import forkserver

from pacs_anonymize.commands.work import Done, Outcome, Plan, Work
from pacs_framework.cli.files import FileTask

__all__ = ["run"]

_BATCH = 16
"""Files that go to a process at once: a header takes less time than a message."""
_AHEAD = 3
"""Batches for each process that wait or are worked on."""


def run(plan: Plan, tasks: Sequence[FileTask], jobs: int) -> Iterator[Done]:
    """What becomes of each file, in the order of ``tasks``, by up to ``jobs`` processes.

    A few files are not worth a process of their own: they are worked on in this one.
    """
    batches = [tasks[at : at + _BATCH] for at in range(0, len(tasks), _BATCH)]
    if jobs == 1 or len(batches) <= 1:
        with closing(Work(plan)) as work:
            for batch in batches:
                yield from work.batch(batch)
        return
    context = multiprocessing.get_context("forkserver")
    # Each process begins with the imports done; by default it would begin with ours, threads too.
    context.set_forkserver_preload([Work.__module__])
    with _without_ctrl_c():  # else a Ctrl-C while it imports is a traceback of its own
        forkserver.ensure_running()
    with ProcessPoolExecutor(
        min(jobs, len(batches)), mp_context=context, initializer=_begin, initargs=(plan,)
    ) as pool:
        yield from _in_order(pool, batches, jobs * _AHEAD)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile never take a Ctrl-C for theirs."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_order(
    pool: ProcessPoolExecutor, batches: Sequence[Sequence[FileTask]], most: int
) -> Iterator[Done]:
    waiting = deque(batches)
    running: deque[tuple[Sequence[FileTask], Future[list[Done]]]] = deque()
    try:
        while waiting or running:
            while waiting and len(running) < most:
                batch = waiting.popleft()
                running.append((batch, _submitted(pool, batch)))
            batch, future = running.popleft()
            try:
                yield from future.result()
            except BrokenProcessPool:
                yield from map(_lost, batch)
    finally:  # also Ctrl-C: what is under way is written whole, what waits is not begun
        pool.shutdown(wait=True, cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, batch: Sequence[FileTask]) -> Future[list[Done]]:
    try:
        return pool.submit(_work, batch)
    except BrokenProcessPool as error:
        future: Future[list[Done]] = Future()
        future.set_exception(error)
        return future


def _lost(task: FileTask) -> Done:
    return Done(
        path=task.source,
        outcome=Outcome.FAILED,
        error="a process that worked on this or on another file has died; try it with --jobs 1",
    )


_worker: Work | None = None


def _begin(plan: Plan) -> None:
    """In each process, once."""
    global _worker  # noqa: PLW0603 - what a process of the pool is told once has no other place
    # Ctrl-C reaches all processes of a terminal; the one that waits decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = Work(plan)


def _work(batch: Sequence[FileTask]) -> list[Done]:
    assert _worker is not None
    return _worker.batch(batch)
