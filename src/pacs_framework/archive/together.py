"""Several at once, of which some may fail: the others go on, and all keep their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

__all__ = ["in_place", "tried"]

_T = TypeVar("_T")
_R = TypeVar("_R")


def tried(work: Callable[[_T], _R], item: _T) -> _R | Exception:
    """What ``work`` returns or raises."""
    try:
        return work(item)
    except Exception as error:  # noqa: BLE001 - whoever asked for one alone gets it
        return error


def in_place(
    items: Sequence[_T | Exception], work: Callable[[Sequence[_T]], Iterable[_R | Exception]]
) -> list[_R | Exception]:
    """What ``work`` makes of each that is no exception; exceptions stay where they are."""
    made = iter(work([each for each in items if not isinstance(each, Exception)]))
    return [each if isinstance(each, Exception) else next(made) for each in items]
