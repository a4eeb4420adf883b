"""What a measurement is, and the clock that takes it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

__all__ = ["Clock", "Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: wall seconds, CPU seconds of this client, and what was counted."""

    seconds: float
    client_cpu: float
    count: int = 0
    figures: dict[str, float] = field(default_factory=dict)


class Clock:
    """Wall and CPU time of a block."""

    def __enter__(self) -> Self:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self.seconds = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu

    def sample(self, count: int, **figures: float) -> Sample:
        """What was measured."""
        return Sample(self.seconds, self.cpu, count, figures)
