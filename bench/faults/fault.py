"""What a fault is: something that happens to an archive under load, once or many times."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from bench.faults.load import Load
from bench.faults.needs import Need
from bench.faults.site import Serving, Setup, Site

__all__ = ["Fault", "NotMet", "Round", "RunningFault"]


class NotMet(Exception):
    """The fault did not happen: nothing was shown by this round."""


@dataclass
class Round:
    """One time that a fault happens: to which archive, and with which dice."""

    site: Site
    chance: random.Random
    recovered: list[float] = field(default_factory=list)
    """Seconds from the end of the fault, or the restart, until an instance is acknowledged."""
    refused: int = 0
    broken: int = 0

    def restarted(self) -> Serving:
        """Start the archive, and wait until it takes instances in again."""
        since = time.monotonic()
        serving = self.site.start()
        try:
            self.recovered.append(self.site.recovered_in(since, serving))
        except BaseException:
            serving.kill()
            raise
        return serving


class Fault(ABC):
    """A fault with a name, on archives of one setup.

    ``times`` is how often it happens in a whole campaign, ``few`` in a short one. After each
    ``judged_every`` times the new studies are asked for, and at the end all of them.
    """

    needs: ClassVar[Sequence[Need]] = ()
    judged_every: ClassVar[int] = 20
    orphans: ClassVar[bool] = False
    """Whether it may leave orphans, which ``pacs verify --sweep`` then takes in or removes."""

    def __init__(
        self, name: str, title: str, setup: Setup, *, times: int = 5, few: int = 1
    ) -> None:
        self.name = name
        self.title = title
        self.setup = setup
        self.times = times
        self.few = few

    def missing(self) -> str:
        """Why it cannot be made here; empty when it can."""
        needs = [*self.needs, *self.setup.needs()]
        return next((why for need in needs if (why := need())), "")

    @contextmanager
    def site(self, site: Site) -> Iterator[Site]:
        """The archive it happens to; a fault that needs a place of its own makes it here."""
        with site:
            yield site

    def folder(self, scratch: Path) -> Path:
        """Where the archive is."""
        return scratch / self.name

    @abstractmethod
    def strike(self, round_: Round) -> None:
        """Once. The archive does not run before and after. Raises `NotMet`."""


class RunningFault(Fault):
    """A fault that the archive survives: it goes on as if nothing had been.

    A subclass says what `happens` while senders are at work; it ends the fault itself.
    """

    senders: ClassVar[int] = 4
    silence: ClassVar[float] = 60.0
    warm_up: ClassVar[int] = 10

    def strike(self, round_: Round) -> None:
        """Start, load, let it happen, see that it takes instances again, stop in order."""
        serving = self.start(round_)
        try:
            with round_.site.load(serving, senders=self.senders, silence=self.silence) as load:
                _expect(load, self.warm_up, "before the fault")
                self.happens(round_, serving)
                since = time.monotonic()
                _expect(load, 1, "after the fault")
                round_.recovered.append(load.last_success - since)
                _expect(load, self.warm_up, "after the fault")
            round_.refused += load.refused.total()
            round_.broken += load.broken
            serving.stop()
        except BaseException:
            serving.kill()
            raise

    def start(self, round_: Round) -> Serving:
        """The archive, up."""
        return round_.site.start()

    @abstractmethod
    def happens(self, round_: Round, serving: Serving) -> None:
        """From its begin to its end. Raises `NotMet`."""


def _expect(load: Load, instances: int, when: str) -> None:
    if not load.wait_for(instances):
        raise TimeoutError(f"not {instances} instances were acknowledged in a minute {when}")
