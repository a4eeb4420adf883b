"""System calls that fail or dawdle for a while: a disk that is full, broken, or slow."""

from __future__ import annotations

from typing import ClassVar

from bench.faults import needs
from bench.faults.fault import Fault, NotMet, Round, RunningFault
from bench.faults.needs import Need
from bench.faults.site import Serving, Setup
from bench.faults.strace import tampered

__all__ = ["faults"]

_WRITES = "pwrite64,pwritev2,pwritev,writev,fallocate,ftruncate,openat,renameat"
_SYNCS = "fsync,fdatasync,pwritev2"


class FailingCalls(RunningFault):
    """Some calls of each thread fail, again and again, until strace lets go."""

    needs: ClassVar[tuple[Need, ...]] = (needs.strace,)

    def __init__(self, name: str, title: str, tampering: str, setup: Setup) -> None:
        super().__init__(name, title, setup, times=5)
        self._tampering = tampering

    def happens(self, round_: Round, serving: Serving) -> None:
        """While other senders are at work, until three of them got into trouble."""
        with (
            tampered(serving.pids, self._tampering),
            round_.site.load(serving, senders=4) as load,
        ):
            for _ in range(3):
                if not load.wait_for_trouble(30):
                    raise NotMet("no sender noticed the fault")
        round_.refused += load.refused.total()
        round_.broken += load.broken


class SlowCalls(RunningFault):
    """Syncs take a fifth of a second: nobody is refused, everybody waits."""

    needs: ClassVar[tuple[Need, ...]] = (needs.strace,)

    def happens(self, round_: Round, serving: Serving) -> None:
        """While twenty more instances are acknowledged."""
        with (
            tampered(serving.pids, f"{_SYNCS}:delay_exit=200000"),
            round_.site.load(serving, senders=4) as load,
        ):
            if not load.wait_for(20):
                raise TimeoutError("twenty instances took more than a minute")
        if load.refused or load.broken:
            raise TimeoutError(f"slow syncs were refused: {load.refused} {load.broken}")


def faults() -> list[Fault]:
    """Errors of writes and syncs, for packs and for files."""
    made: list[Fault] = []
    for storage in ("packs", "files"):
        setup = Setup(storage=storage)
        made += [
            FailingCalls(
                f"enospc-{storage}",
                "every 7th write: no space left",
                f"{_WRITES}:error=ENOSPC:when=3+7",
                setup,
            ),
            FailingCalls(
                f"eio-{storage}",
                "every 7th write: input/output error",
                f"{_WRITES}:error=EIO:when=3+7",
                setup,
            ),
            FailingCalls(
                f"eio-sync-{storage}",
                "every 3rd sync: input/output error",
                f"{_SYNCS}:error=EIO:when=2+3",
                setup,
            ),
            SlowCalls(f"slow-sync-{storage}", "syncs take 0.2 s", setup),
        ]
    return made
