"""What every law of job queues is tried in: an archive, and work that does as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from pacs_framework.hookspecs import hookimpl
from pacs_framework.jobs import JobContext, JobKind, JobOrder, JobQueue
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.suites.suite import Suite

__all__ = ["KIND", "JobScene", "Opened", "Work", "kind_of", "put_one"]

KIND = "work"
_PATIENCE = 60.0  # seconds; a net, not a measurement

Opened = Callable[..., JobQueue]
"""Runs an archive that does the given kinds, and gives its queue."""


class Work:
    """A plugin whose kinds of jobs are given; remembers what was begun, in order.

    A job whose payload says ``wait`` goes on when `let_go` is called, or when it is told to end.
    """

    def __init__(self) -> None:
        self.kinds: list[JobKind] = []
        self.begun: list[str] = []
        self.most = 0
        self._running = 0
        self._changed = threading.Condition()
        self._free = threading.Event()

    def __call__(self, context: JobContext) -> Any:
        """Tell that it has begun, wait if it is to, return the ``result`` of its payload."""
        with self._changed:
            self.begun.append(context.key)
            self._running += 1
            self.most = max(self.most, self._running)
            self._changed.notify_all()
        try:
            while context.payload.get("wait") and not self._free.is_set():
                context.check()
                context.cancelled.wait(0.01)
            return context.payload.get("result")
        finally:
            with self._changed:
                self._running -= 1

    def let_go(self) -> None:
        """Nobody waits any more."""
        self._free.set()

    def wait_until_begun(self, count: int) -> None:
        """Wait until so many runs have begun, since the beginning."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, _PATIENCE), self.begun

    @hookimpl
    def job_kinds(self) -> Sequence[JobKind]:
        """Those that were given."""
        return self.kinds


class JobScene(Suite, suite=True):
    """What the laws of job queues share: what is declared, the work, and the archive."""

    plugin_name: ClassVar[str] = "under-test"
    """What it is called in the archive; tables of a plugin's own are found by its true name."""

    @pytest.fixture
    def plugin(self) -> object:
        """What is behind the plugin's entry point: a module, an object or a class."""
        raise NotImplementedError(f"{type(self).__qualname__} needs a fixture 'plugin'")

    @pytest.fixture
    def plugin_settings(self) -> Mapping[str, Any]:
        """The plugin's section of the configuration, defaults unless overridden."""
        return {}

    @pytest.fixture
    def work(self) -> Iterator[Work]:
        """Work that remembers."""
        work = Work()
        yield work
        work.let_go()

    @pytest.fixture
    def opened(
        self,
        plugin: object,
        plugin_settings: Mapping[str, Any],
        work: Work,
        pacs_archive: Archives,
        pacs_index_url: str,
    ) -> Opened:
        """Runs an archive on the database of this test; called twice, two nodes on PostgreSQL."""

        def open_one(*kinds: JobKind) -> JobQueue:
            work.kinds = [*kinds] or [kind_of(work)]
            running = pacs_archive(
                {self.plugin_name: plugin, "work": work},
                settings={
                    "index": {"url": pacs_index_url},
                    "plugin": {self.plugin_name: dict(plugin_settings)},
                },
            )
            return running.archive.jobs

        return open_one


def kind_of(work: Work) -> JobKind:
    """A kind that does ``work``, with the limits that are the default."""
    return JobKind(name=KIND, description="what a law needs", run=work)


def put_one(queue: JobQueue, key: str = "", **order: Any) -> str:
    """Put in one job of `KIND`; its id. ``wait`` and ``result`` go into the payload."""
    payload: dict[str, Any] = {}
    for name in ("wait", "result"):
        if name in order:
            payload[name] = order.pop(name)
    (enqueued,) = queue.enqueue([JobOrder(kind=KIND, key=key, payload=payload, **order)])
    return enqueued.id
