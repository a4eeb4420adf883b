"""What a rule waits for before it sends, and by what it knows that all of it is there."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

__all__ = ["Complete", "CompleteBy", "check_completeness", "checked_count", "checked_ways"]


class Complete(StrEnum):
    """What a rule waits for before it sends."""

    INSTANCE = "instance"
    SERIES = "series"
    STUDY = "study"


class CompleteBy(StrEnum):
    """What tells that a series or a study is complete."""

    QUIET = "quiet"
    """Nothing has come for a while."""
    COUNT = "count"
    """As many instances as there should be are stored."""
    MPPS = "mpps"
    """The modality says so by its performed procedure steps, and what they list is stored."""


_COUNTING = {
    "NumberOfStudyRelatedInstances": Complete.STUDY,
    "NumberOfSeriesRelatedInstances": Complete.SERIES,
    "ImagesInAcquisition": Complete.SERIES,
}
# Attributes that tell how many instances there are, and of what.


class _Waiting(Protocol):
    """The parts of a rule that are about this."""

    complete: Complete
    complete_by: tuple[str, ...]
    count: int | str
    quiet: float
    forced: float


def checked_ways(ways: tuple[str, ...]) -> tuple[str, ...]:
    """Ways to be complete. Raises ValueError for others, and for none."""
    known = tuple(map(str, CompleteBy))
    unknown = [way for way in ways if way not in known]
    if unknown or not ways:
        wrong = repr(unknown[0]) if unknown else "nothing"
        raise ValueError(f"{wrong} makes nothing complete: say one or more of {', '.join(known)}")
    return ways


def checked_count(count: int | str) -> int | str:
    """How many instances, or the attribute that tells it. Raises ValueError."""
    if isinstance(count, str) and count.isdecimal():
        count = int(count)  # from a variable of the environment
    if isinstance(count, str) and count not in _COUNTING:
        raise ValueError(
            f"{count!r} tells no number of instances: say a number, or one of "
            f"{', '.join(_COUNTING)}"
        )
    if isinstance(count, int) and count < 0:
        raise ValueError("a number of instances is not less than 0")
    return count


def check_completeness(rule: _Waiting) -> None:
    """Raise ValueError for what would never be looked at, or contradicts itself."""
    ways = rule.complete_by
    if CompleteBy.QUIET in ways and rule.forced and rule.forced < rule.quiet:
        raise ValueError("forced is less than quiet")
    if CompleteBy.MPPS in ways and rule.complete is not Complete.STUDY:
        raise ValueError('performed procedure steps complete studies: say complete = "study"')
    if (CompleteBy.COUNT in ways) != bool(rule.count):
        raise ValueError('count and complete_by = "count" belong together: say both, or neither')
    if rule.count and rule.complete is Complete.INSTANCE:
        raise ValueError('instances of a series or a study are counted: say complete = "series"')
    counted = _COUNTING.get(str(rule.count), rule.complete)
    if counted is not rule.complete:
        raise ValueError(f'{rule.count} is about a {counted}: say complete = "{counted}"')
