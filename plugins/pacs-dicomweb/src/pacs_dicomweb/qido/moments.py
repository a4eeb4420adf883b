"""Whether the value of a key asks for dates or times at all (PS3.4 C.2.2.2.1.3, C.2.2.2.5)."""

from __future__ import annotations

from collections.abc import Callable

from pacs_framework.dicom.moments import (
    Bounds,
    date_bounds,
    datetime_bounds,
    normalise_date,
    normalise_time,
    time_bounds,
)

__all__ = ["asks_for_moments"]

_EMPTY = '""'  # with emptyvaluematching, what has no value (PS3.18 8.3.4.5)

_KINDS: dict[str, tuple[Callable[[str], object], Callable[[str], Bounds | None]]] = {
    "DA": (normalise_date, date_bounds),
    "TM": (normalise_time, time_bounds),
    "DT": (lambda _: "", datetime_bounds),
}


def asks_for_moments(vr: str, value: str) -> bool:
    """Whether ``value`` is one or a range, for a VR that has such; else True.

    A day that no calendar has may end a range: up to 20260231 is what February is asked for with.
    """
    if vr not in _KINDS or value == _EMPTY:
        return True
    single, bounds = _KINDS[vr]
    try:
        return bool(single(value)) or bounds(value) is not None
    except ValueError:
        return False
