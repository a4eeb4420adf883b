"""PostgreSQL that goes away in the middle of a transaction, or says nothing any more."""

from __future__ import annotations

from collections.abc import Callable

from bench.faults.fault import Fault, NotMet, Round, RunningFault
from bench.faults.load import Load
from bench.faults.postgres import Cut
from bench.faults.site import Serving, Setup, Site

__all__ = ["faults"]

_SETUP = Setup(index="postgresql")
_CUTS = 5


class DatabaseFault(RunningFault):
    """What the database does while other senders are at work."""

    def __init__(self, name: str, title: str, act: Callable[[Site, Load], None]) -> None:
        super().__init__(name, title, _SETUP, times=5)
        self._act = act

    def happens(self, round_: Round, serving: Serving) -> None:
        """With senders of its own, so that refusals are counted."""
        with round_.site.load(serving, senders=4) as load:
            if not load.wait_for(5):
                raise NotMet("the archive took nothing in")
            self._act(round_.site, load)
        round_.refused += load.refused.total()
        round_.broken += load.broken


def _crash(site: Site, load: Load) -> None:
    """``pg_ctl stop -m immediate``, and a start."""
    assert site.server is not None
    site.server.crash()
    if not load.wait_for_trouble(30):
        raise NotMet("no sender noticed that the database is away")
    site.server.start()


def _cut(cut: Cut) -> Callable[[Site, Load], None]:
    """The connection ends at a COMMIT, several times: was it done, or not."""

    def act(site: Site, load: Load) -> None:
        assert site.postgres is not None
        try:
            for _ in range(_CUTS):
                site.postgres.cut_next(cut)
                if not site.postgres.done.acquire(timeout=30):
                    raise NotMet("nobody said COMMIT")
                load.wait_for(3)
        finally:
            site.postgres.cut_none()

    return act


def _silence(site: Site, load: Load) -> None:
    """Nothing goes through for a while, then everything that was held back."""
    assert site.postgres is not None
    site.postgres.freeze()
    if load.wait_for(8, seconds=3):
        raise NotMet("instances were acknowledged while the database was cut off")
    site.postgres.thaw()


def faults() -> list[Fault]:
    """All of them on one setup."""
    return [
        DatabaseFault("database-crash", "PostgreSQL stopped (immediate) and started", _crash),
        DatabaseFault("commit-unheard", "connection cut before COMMIT got there", _cut(Cut.BEFORE)),
        DatabaseFault("commit-done", "connection cut after COMMIT was done", _cut(Cut.AFTER)),
        DatabaseFault("database-silent", "PostgreSQL says nothing for 3 s", _silence),
    ]
