"""``kill -9``: at any moment, at each step of ingest by name, and of one worker of several."""

from __future__ import annotations

import os
import select
import signal
from typing import ClassVar

from bench.faults import needs
from bench.faults.fault import Fault, NotMet, Round, RunningFault
from bench.faults.needs import Need
from bench.faults.site import Serving, Setup
from bench.faults.strace import tampered

__all__ = ["faults"]

_MOST = 40
_RECOVERING = 5
_START_SECONDS = 0.6
_STEP_SECONDS = 30.0


class Kill(Fault):
    """All of the archive, after a random number of acknowledgements; every fifth time twice.

    The second kill hits the start that cleans up after the first one.
    """

    judged_every: ClassVar[int] = 50

    def strike(self, round_: Round) -> None:
        """Recover from the last time, take instances in, die."""
        site, chance = round_.site, round_.chance
        if chance.randrange(_RECOVERING) == 0:
            site.start_and_kill(chance.uniform(0.05, _START_SECONDS))
        serving = round_.restarted()
        try:
            with site.load(serving, senders=4) as load:
                if not load.wait_for(chance.randint(1, _MOST)):
                    raise NotMet("the archive took nothing in")
                serving.kill()
        finally:
            serving.kill()


class KillWorker(RunningFault):
    """One of two workers; the supervisor puts another in its place, and the other one goes on."""

    def happens(self, round_: Round, serving: Serving) -> None:
        """At once."""
        os.kill(round_.chance.choice(serving.pids), signal.SIGKILL)


class KillAtStep(Fault):
    """At one step of ingest: as the archive is about to make one system call of many.

    What comes after a step is what comes before the next one, so the steps cover both.
    """

    needs: ClassVar[tuple[Need, ...]] = (needs.strace,)

    def __init__(
        self, name: str, title: str, call: str, *, path: str = "", most: int = 3, setup: Setup
    ) -> None:
        super().__init__(name, title, setup, times=5)
        self._call = call
        self._path = path
        self._most = most

    def strike(self, round_: Round) -> None:
        """Attach, take instances in, die at the step."""
        site = round_.site
        serving = round_.restarted()
        paths = [site.data / self._path] if self._path else []
        number = round_.chance.randint(1, self._most)
        tampering = f"{self._call}:signal=SIGKILL:when={number}"
        try:
            with (
                tampered(serving.pids, tampering, paths=paths),
                site.load(serving, senders=2, silence=_STEP_SECONDS),
            ):
                _wait_for_end(serving.process.pid)
        finally:
            serving.kill()


def _wait_for_end(pid: int) -> None:
    """Raises `NotMet` when the process lives on: it never came to the step."""
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(_STEP_SECONDS * 1000):
            raise NotMet("the archive never came to this step")
    finally:
        os.close(descriptor)


def faults() -> list[Fault]:
    """The thousand kills, and the steps."""
    return [*_at_any_moment(), *_at_steps(), _one_worker()]


def _at_any_moment() -> list[Fault]:
    title = "kill -9 at any moment"
    return [
        Kill("kill", title, Setup(), times=600, few=4),
        Kill("kill-files", title, Setup(storage="files"), times=100, few=2),
        Kill("kill-workers", title, Setup(workers=2), times=30),
        Kill("kill-postgresql", title, Setup(index="postgresql"), times=100, few=3),
        Kill("kill-s3", title, Setup(storage="s3"), times=100, few=3),
        Kill("kill-tiered", title, Setup(storage="tiered"), times=60, few=3),
        Kill("kill-s3-postgresql", title, Setup("postgresql", "s3"), times=30),
    ]


def _one_worker() -> Fault:
    return KillWorker("kill-worker", "kill -9 of one worker of two", Setup(workers=2), times=10)


def _at_steps() -> list[Fault]:
    log = "index.sqlite-wal"
    packs, files = Setup(), Setup(storage="files")
    steps = (
        ("pack-made", "a pack, or a folder, is made", "mkdir,mkdirat", "", 1, packs),
        ("pack-grown", "the pack grows, or a replaced record goes", "fallocate", "", 3, packs),
        ("record", "a record, or a staged file, is written", "pwritev2", "", 9, packs),
        ("folder", "a file or folder is synced", "fsync", "", 6, packs),
        ("index", "the index is written", "pwrite64", log, 60, packs),
        ("index-sync", "the index is synced", "fdatasync", log, 2, packs),
        ("bell", "committed, and not yet told", "write", "feed.bell", 9, packs),
        ("answer", "the answer is sent", "sendmsg", "", 9, packs),
        ("name", "a whole file gets its name", "renameat,rename", "", 2, packs),
        ("journal", "the key is noted, or the bell rung", "write", "", 9, files),
        ("write", "an object is written", "pwritev2,pwrite64,writev", "", 40, files),
        ("sync", "an object or the index is synced", "fsync,fdatasync", "", 9, files),
        ("named", "an object gets its name", "renameat,rename", "", 4, files),
        ("removed", "a replaced object, or a journal, goes", "unlink,unlinkat", "", 4, files),
    )
    return [
        KillAtStep(f"step-{name}", f"kill -9: {title}", call, path=path, most=most, setup=setup)
        for name, title, call, path, most, setup in steps
    ]
