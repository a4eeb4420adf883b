"""A clock that jumps: by a day, forth and back, under a running archive (libfaketime)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from bench.faults import needs
from bench.faults.fault import Fault, Round, RunningFault
from bench.faults.needs import LIBFAKETIME, Need
from bench.faults.site import Serving, Setup

__all__ = ["faults"]

_READ_EVERY = 1
"""Seconds until libfaketime reads the file again: at every look at the clock costs too much."""
_JUMPS = ("+1d", "-1d", "+0d")


class JumpingClock(RunningFault):
    """Only the time of day jumps; waiting goes by the clock that does not, as on a real machine."""

    needs: ClassVar[tuple[Need, ...]] = (needs.clock,)

    def start(self, round_: Round) -> Serving:
        """With libfaketime in front of the C library."""
        [library, *_] = sorted(Path("/").glob(LIBFAKETIME.lstrip("/")))
        self._set(round_, "+0d")
        return round_.site.start(
            environment={
                "LD_PRELOAD": str(library),
                "FAKETIME_TIMESTAMP_FILE": str(self._file(round_)),
                "FAKETIME_CACHE_DURATION": str(_READ_EVERY),
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1",
            }
        )

    def happens(self, round_: Round, serving: Serving) -> None:
        """A day on, two days back, and right again, with instances of each time."""
        for jump in _JUMPS:
            self._set(round_, jump)
            time.sleep(_READ_EVERY + 0.2)
            with round_.site.load(serving, senders=2) as load:
                if not load.wait_for(20):
                    raise TimeoutError(f"nothing was acknowledged after a jump to {jump}")
                if load.refused or load.broken:
                    raise TimeoutError(f"refused after a jump: {load.refused} {load.broken}")

    def _file(self, round_: Round) -> Path:
        return round_.site.folder / "clock"

    def _set(self, round_: Round, jump: str) -> None:
        self._file(round_).write_text(jump)


def faults() -> list[Fault]:
    """For both kinds of index."""
    title = "clock a day forth and back (faketime)"
    return [
        JumpingClock(f"clock-{index}", title, Setup(index=index), times=3)
        for index in ("sqlite", "postgresql")
    ]
