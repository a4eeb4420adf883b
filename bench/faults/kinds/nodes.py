"""Two nodes on one PostgreSQL and one bucket: one killed, or cut off from both."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from bench.faults.fault import Fault, Round
from bench.faults.load import Load
from bench.faults.site import Serving, Setup
from bench.faults.store_proxy import StoreProxy

__all__ = ["faults"]

_INSTANCES = 10
_CUT_SECONDS = 4.0


class TwoNodes(Fault):
    """Senders at both nodes. The second has wires of its own, and something happens to it."""

    def __init__(self, name: str, title: str, happens: Callable[[_Second, Load], None]) -> None:
        super().__init__(name, title, Setup("postgresql", "s3"), times=5)
        self._happens = happens

    def strike(self, round_: Round) -> None:
        """The first node must go on taking instances in, and the second must come back."""
        with ExitStack() as own:
            first = round_.site.start()
            own.callback(first.process.kill)
            second = _Second(round_, own)
            with second.load, round_.site.load(first, senders=2) as load:
                _expect(load, "the first node before")
                _expect(second.load, "the second node before")
                self._happens(second, load)
            round_.refused += second.load.refused.total()
            round_.broken += second.load.broken + load.broken
            first.stop()


class _Second:
    """The second node: its configuration names its own wires to database and store."""

    def __init__(self, round_: Round, own: ExitStack) -> None:
        site = round_.site
        assert site.postgres is not None
        assert site.s3 is not None
        assert site.store is not None
        folder = site.folder / "second"
        self.round = round_
        self.postgres = own.enter_context(site.postgres.another(folder / "pg"))
        self.store = own.enter_context(StoreProxy(site.s3.endpoint))
        self.config = folder / "pacs.toml"
        text = site.config.read_text()
        for ours, its in (
            (str(site.data), str(folder / "data")),
            (site.postgres.url, self.postgres.url),
            (site.store.endpoint, self.store.endpoint),
            (str(site.folder / "s3-state"), str(folder / "s3-state")),
        ):
            text = text.replace(ours, its)
        self.config.write_text(text)
        self.serving = self._start(own)
        self.load = Load(lambda _sender: self.serving.address, site.ledger, site.studies, senders=2)
        self._own = own

    def _start(self, own: ExitStack) -> Serving:
        serving = self.round.site.start(config=self.config)
        own.callback(serving.process.kill)
        return serving

    def restart(self) -> None:
        """After a kill."""
        since = time.monotonic()
        self.serving = self._start(self._own)
        _expect(self.load, "the second node after its restart")
        self.round.recovered.append(self.load.last_success - since)


def _kill(second: _Second, other: Load) -> None:
    second.serving.kill()
    _expect(other, "the first node while the second is dead")
    second.restart()


def _cut_off(second: _Second, other: Load) -> None:
    """From the database and the store, silently, as when a cable is pulled."""
    second.postgres.freeze()
    second.store.misbehave("silent", 1.0, second.round.chance)
    try:
        _expect(other, "the first node while the second is cut off")
        second.load.wait_for(1, seconds=2)  # what was under way when the cable was pulled
        if second.load.wait_for(1, seconds=_CUT_SECONDS):
            raise AssertionError("a node that is cut off acknowledged an instance")
    finally:
        second.postgres.thaw()
        second.store.behave()
    since = time.monotonic()
    _expect(second.load, "the second node when the cable is back")
    second.round.recovered.append(second.load.last_success - since)


def _cut_database(second: _Second, other: Load) -> None:
    """Its connections to the database end, all at once, again and again."""
    for _ in range(3):
        second.postgres.cut_all()
        _expect(other, "the first node")
    since = time.monotonic()
    _expect(second.load, "the second node when its connections had ended")
    second.round.recovered.append(second.load.last_success - since)


def _expect(load: Load, who: str) -> None:
    if not load.wait_for(_INSTANCES):
        raise AssertionError(f"{who} did not take {_INSTANCES} instances in a minute")


def faults() -> list[Fault]:
    """On one setup."""
    return [
        TwoNodes("node-killed", "kill -9 of one node of two", _kill),
        TwoNodes("node-cut-off", "one node of two cut off from database and store", _cut_off),
        TwoNodes("node-database", "one node of two loses its connections", _cut_database),
    ]
