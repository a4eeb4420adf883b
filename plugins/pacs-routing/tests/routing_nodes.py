"""Archives that route, the nodes that they send to, and how to wait for what they do."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pacs_jobs.plugin
from pacs_framework.jobs import JobFilter, JobState
from pacs_framework.network.decisions import Rejection, RejectResult
from pacs_framework.network.limits import Limits
from pacs_framework.network.listener import Listener
from pacs_framework.network.router import Router
from pacs_framework.testing.receiver import Receiver
from pacs_framework.testing.sockets import wait_for_listener
from pacs_routing import plugin
from pacs_routing.crew import place_of
from pacs_routing.terms import NAME

if TYPE_CHECKING:
    from pacs_framework.jobs import Job
    from pacs_framework.testing.factories import Archives
    from pacs_framework.testing.running import RunningArchive
    from pacs_routing.places.contract import Place

PLUGINS = {"jobs": pacs_jobs.plugin, NAME: plugin}
PATIENCE = 60.0
_LONGEST = 90.0  # before pytest ends the test, which says less
QUICK = {"retry_first": 0.1, "retry_longest": 0.2}


def until(true: Callable[[], bool], told: Callable[[], object] = lambda: None) -> None:
    """Wait for what another thread or process does; nothing tells the test, so it looks again."""
    deadline = time.monotonic() + _LONGEST
    while time.monotonic() < deadline:
        if true():
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"it did not happen in time: {told()}")


class Node(Receiver):
    """A DICOM node that keeps what it is sent, and can be away: then it lets nobody in."""

    def __init__(self, aet: str = "NODE") -> None:
        super().__init__()
        self.aet = aet
        self.away = False
        self.refused = 0
        self._listener = Listener(
            address=("127.0.0.1", 0),
            aet=aet,
            router=Router([self]),
            limits=Limits(),
            decide=lambda _request: self._decide(),
        )

    def _decide(self) -> Rejection | None:
        if not self.away:
            return None
        self.refused += 1
        return Rejection(result=RejectResult.TRANSIENT)

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.stop(0.0)

    @property
    def arrived(self) -> list[str]:
        """SOP Instance UIDs of the requests, in their order, refused ones too."""
        return [str(each["AffectedSOPInstanceUID"]) for each in self.commands_seen]

    @property
    def peer(self) -> dict[str, Any]:
        """How an archive knows it."""
        return {"aet": self.aet, "host": "127.0.0.1", "port": self._listener.address[1]}


def routing(
    archives: Archives,
    *nodes: Node,
    rule: Mapping[str, Any] | None = None,
    rules: list[Mapping[str, Any]] | None = None,
    destination: Mapping[str, Any] | None = None,
    destinations: list[Mapping[str, Any]] | None = None,
    plugins: Mapping[str, object] | None = None,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> RunningArchive:
    """An archive that sends to ``nodes``, each a destination of its AE title in small letters.

    Without ``rules`` there is one that sends everything to all, with what ``rule`` says.
    """
    found = destinations
    if found is None:
        found = [
            {"name": node.aet.lower(), "peer": node.aet, **QUICK, **(destination or {})}
            for node in nodes
        ]
    if rules is None:
        rules = [{"name": "all", "send_to": [each["name"] for each in found], **(rule or {})}]
    tree = {
        "peers": {node.aet.lower(): node.peer for node in nodes},
        **(settings or {}),
        "plugin": {
            # On a busy machine what is broken off takes its time to end. What does not end at all
            # is never taken up by another archive of this process.
            "jobs": {"stop_seconds": PATIENCE},
            NAME: {"destination": found, "rule": rules},
            **(settings or {}).get("plugin", {}),
        },
    }
    return archives({**PLUGINS, **(plugins or {})}, settings=tree, **more)


def jobs_of(running: RunningArchive, *states: JobState) -> list[Job]:
    """What is on its way, or was."""
    kinds = [f"routing.send.{each.name}" for each in _settings(running).destination]
    return list(running.archive.jobs.find(JobFilter(kinds=kinds, states=states), most=1000))


def _settings(running: RunningArchive) -> Any:
    return next(each.settings for each in running.plugins.active if each.name == NAME)


def settled(running: RunningArchive, done: int = 0) -> None:
    """Wait until nothing is on its way, and so much at least has arrived."""
    open_states = (JobState.WAITING, JobState.RUNNING, JobState.HELD)

    def is_settled() -> bool:
        arrived = len(jobs_of(running, JobState.DONE)) >= done
        return arrived and not jobs_of(running, *open_states)

    until(is_settled, lambda: jobs_of(running))


@contextmanager
def process(*command: str, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A peer that listens; ended with the block."""
    with log.open("ab") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for_listener("127.0.0.1", port, seconds=PATIENCE)
        yield running
    finally:
        running.terminate()
        running.wait(PATIENCE)


def place_at(running: RunningArchive) -> Place:
    """The only destination."""
    return place_of(running.archive, _settings(running).destination[0])
