"""An S3 store on a bad day: errors, half answers, silence, a process that hangs."""

from __future__ import annotations

import os
import signal
from typing import ClassVar

from bench.faults.fault import Fault, NotMet, Round, RunningFault
from bench.faults.site import Serving, Setup
from bench.faults.store_proxy import MISHAPS

__all__ = ["faults"]

_SETUP = Setup(storage="s3")
_SHARE = 0.3
_INSTANCES = 15


class StoreMishap(RunningFault):
    """A third of all requests go wrong in one way, then all of them for a while."""

    silence: ClassVar[float] = 120.0

    def __init__(self, name: str, title: str, mishap: str) -> None:
        super().__init__(name, title, _SETUP, times=3)
        self._mishap = mishap

    def happens(self, round_: Round, serving: Serving) -> None:
        """Retries help against some of it, and nothing against all of it."""
        store = round_.site.store
        assert store is not None
        with round_.site.load(serving, senders=4, silence=120.0) as load:
            met = store.met
            store.misbehave(self._mishap, _SHARE, round_.chance)
            load.wait_for(_INSTANCES)
            store.misbehave(self._mishap, 1.0, round_.chance)
            load.wait_for_trouble(20)
            store.behave()
            if store.met == met:
                raise NotMet("no request went wrong")
        round_.refused += load.refused.total()
        round_.broken += load.broken


class HangingStore(RunningFault):
    """The store's process is stopped (SIGSTOP), until senders are refused; then it goes on."""

    silence: ClassVar[float] = 120.0

    def happens(self, round_: Round, serving: Serving) -> None:
        """Longer than the budget of a request."""
        assert round_.site.s3 is not None
        pid = round_.site.s3.pid
        with round_.site.load(serving, senders=4, silence=120.0) as load:
            load.wait_for(5)
            os.kill(pid, signal.SIGSTOP)
            try:
                if not load.wait_for_trouble(60):
                    raise NotMet("no sender noticed that the store hangs")
            finally:
                os.kill(pid, signal.SIGCONT)
        round_.refused += load.refused.total()
        round_.broken += load.broken


def faults() -> list[Fault]:
    """Each mishap, and the one that hangs."""
    made: list[Fault] = [StoreMishap(f"s3-{name}", title, name) for name, title in MISHAPS.items()]
    return [*made, HangingStore("s3-stopped", "S3's process is stopped (SIGSTOP)", _SETUP, times=3)]
