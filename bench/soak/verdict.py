"""What has to be as it was: memory, threads and descriptors of the archive under load."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.procfs import Usage

__all__ = ["Quiet", "grown", "leaks"]

_MEMORY_SHARE = 0.10
_MEMORY_SLACK = 8 << 20
_DESCRIPTOR_SLACK = 6
"""Two connections to SQLite may be opened later than in the rehearsal: three descriptors each."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """The archive before and after the load, while nobody is connected."""

    before: Usage
    after: Usage


def grown(resident: Sequence[int]) -> tuple[float, float]:
    """Median resident bytes in the second and in the last quarter of the time under load."""
    quarter = max(1, len(resident) // 4)
    return statistics.median(resident[quarter : 2 * quarter] or resident), statistics.median(
        resident[-quarter:]
    )


def leaks(quiet: Quiet, resident: Sequence[int]) -> Iterator[str]:
    """What has grown that must not."""
    early, late = grown(resident)
    if late > early * (1 + _MEMORY_SHARE) + _MEMORY_SLACK:
        yield f"memory grew from {early / 1e6:.0f} to {late / 1e6:.0f} MB under load"
    if quiet.after.threads > quiet.before.threads:
        yield f"threads: {quiet.before.threads} before, {quiet.after.threads} after"
    if quiet.after.descriptors > quiet.before.descriptors + _DESCRIPTOR_SLACK:
        yield f"descriptors: {quiet.before.descriptors} before, {quiet.after.descriptors} after"
