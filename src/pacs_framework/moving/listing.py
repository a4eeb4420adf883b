"""Which studies the other archive has: by what is asked for, in ranges of dates where it limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.moving.old_archive import FoundStudy, Refused

if TYPE_CHECKING:
    from pacs_framework.moving.old_archive import OldArchive

__all__ = ["DateRange", "found_in_ranges", "found_studies"]

_DA = "%Y%m%d"


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """Dates from ``first`` to ``last``, both included."""

    first: dt.date
    last: dt.date

    @classmethod
    def parse(cls, text: str) -> DateRange:
        """``YYYYMMDD-YYYYMMDD``, or one date. Raises ValueError."""
        first, _, last = text.partition("-")
        made = cls(first=_date(first), last=_date(last or first))
        if made.last < made.first:
            raise ValueError(f"the range {text!r} ends before it begins")
        return made

    def slices(self, days: int) -> Iterator[DateRange]:
        """Ranges of so many days, the newest first."""
        last = self.last
        while last >= self.first:
            first = max(self.first, last - dt.timedelta(days=days - 1))
            yield DateRange(first=first, last=last)
            last = first - dt.timedelta(days=1)

    def halves(self) -> list[DateRange]:
        """Two ranges, the newer one first; empty for a single day."""
        days = (self.last - self.first).days
        return [] if days == 0 else list(self.slices((days + 2) // 2))

    def __str__(self) -> str:
        return f"{self.first:{_DA}}-{self.last:{_DA}}"


def found_studies(
    peer: OldArchive, keys: Mapping[str, str], dates: DateRange | None, *, days: int
) -> Iterator[FoundStudy]:
    """The studies that match ``keys``, those of ``dates`` in ranges of ``days``, each study once.

    A range whose answer the peer breaks off is asked for in halves, down to a day. Raises `Refused`
    and `AssociationError`.
    """
    seen: set[str] = set()
    for _, found in found_in_ranges(peer, keys, dates, days=days):
        for study in found:
            if study.uid not in seen:
                seen.add(study.uid)
                yield study


def found_in_ranges(
    peer: OldArchive,
    keys: Mapping[str, str],
    dates: DateRange | None,
    *,
    days: int,
    limit: int = 0,
) -> Iterator[tuple[DateRange | None, list[FoundStudy]]]:
    """The same by range, the newest first: each one that was asked for, and what is in it.

    ``limit`` is how many answers the peer gives before it ends as if that were all; so many count
    as broken off. 0 for a peer that says so. Raises as `found_studies` does.
    """
    asked: list[DateRange | None] = [None] if dates is None else list(dates.slices(days))
    while asked:
        part = asked.pop(0)
        try:
            found = peer.studies(keys if part is None else {**keys, "StudyDate": str(part)})
            _refuse_limited(found, limit)
        except Refused:
            halves = [] if part is None else part.halves()
            if not halves:
                raise
            asked[:0] = halves
            continue
        found.sort(key=lambda study: study.date, reverse=True)
        yield part, found


def _refuse_limited(found: Sized, limit: int) -> None:
    if limit and len(found) >= limit:
        raise Refused(
            f"{len(found)} answers, and the peer gives {limit} at most: there may be more; ask for "
            "less at a time"
        )


def _date(text: str) -> dt.date:
    try:
        return dt.datetime.strptime(text, _DA).replace(tzinfo=dt.UTC).date()
    except ValueError as error:
        raise ValueError(f"{text!r} is no date; write YYYYMMDD") from error
