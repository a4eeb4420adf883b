"""The cast in a process of its own: started, counted, and stopped."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from bench.client.receiving import Receiver
from bench.client.tasks import Address
from bench.soak.actors import ACTORS, Actor, Stage, images_of

__all__ = ["Progress", "begin", "compare", "end", "progress", "receive", "rehearse"]

_MOST_COMPLAINTS = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the cast is: scenes by actor, instances acknowledged, complaints (the first 20)."""

    scenes: dict[str, int]
    instances: int
    size: int
    complaints: list[str]
    complaint_count: int


@dataclass
class _Company:
    """The cast while it plays. Functions below find it here, in the process of the client."""

    stage: Stage
    actors: list[Actor]
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def act(self, actor: Actor) -> None:
        """Scene after scene; a complaint ends a scene, not the actor."""
        while not self.stop.is_set():
            try:
                actor.play()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
                self.complaints.append(f"{type(actor).__name__}: {type(error).__name__}: {error}")
            actor.scenes += 1
            actor.rest(self.stop)


_receivers: list[Receiver] = []
_companies: list[_Company] = []


def receive() -> int:
    """Open the receiver of C-MOVE; its port."""
    _receivers.append(Receiver())
    return _receivers[-1].port


def begin(address: Address, run: str, room: int, seed: int) -> None:
    """Have every actor play in a thread of its own."""
    stage = Stage(address, run, _receivers[-1], room)
    company = _Company(stage, [kind(stage, seed + n) for n, kind in enumerate(ACTORS)])
    _companies.append(company)
    for actor in company.actors:
        thread = threading.Thread(target=company.act, args=(actor,), daemon=True)
        company.threads.append(thread)
        thread.start()


def rehearse(address: Address, run: str, seconds: float, seed: int) -> Progress:
    """Play for a moment, so that the archive has opened what it keeps open."""
    begin(address, f"{run}-rehearsal", 1 << 30, seed)
    time.sleep(seconds)
    return end()


def progress() -> Progress:
    """Of the cast that plays now."""
    company = _companies[-1]
    scenes: dict[str, int] = {}
    for actor in company.actors:
        name = type(actor).__name__
        scenes[name] = scenes.get(name, 0) + actor.scenes
    stage = company.stage
    with stage.lock:
        instances = sum(map(len, stage.acknowledged.values()))
    told = company.complaints[:_MOST_COMPLAINTS]
    return Progress(scenes, instances, stage.stored_bytes, told, len(company.complaints))


def end() -> Progress:
    """Stop the cast, and wait until the last scene is over."""
    company = _companies[-1]
    company.stop.set()
    for thread in company.threads:
        thread.join()
    return progress()


def compare() -> list[str]:
    """Ask for every series that any cast has stored; the instances that are not there."""
    lost = []
    for company in _companies:
        for series, known in company.stage.acknowledged.items():
            lost += sorted(known - images_of(company.stage, series))
    return lost
