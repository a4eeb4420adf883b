"""Which studies the other archive has: by what is asked for, in ranges of dates where it limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.moving.old_archive import FoundStudy, Refused

if TYPE_CHECKING:
    from pacs_framework.moving.old_archive import OldArchive

__all__ = ["DateRange", "found_studies"]

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
    asked: list[DateRange | None] = [None] if dates is None else list(dates.slices(days))
    while asked:
        part = asked.pop(0)
        try:
            found = peer.studies(keys if part is None else {**keys, "StudyDate": str(part)})
        except Refused:
            halves = [] if part is None else part.halves()
            if not halves:
                raise
            asked[:0] = halves
            continue
        found.sort(key=lambda study: study.date, reverse=True)
        for study in found:
            if study.uid not in seen:
                seen.add(study.uid)
                yield study


def _date(text: str) -> dt.date:
    try:
        return dt.datetime.strptime(text, _DA).replace(tzinfo=dt.UTC).date()
    except ValueError as error:
        raise ValueError(f"{text!r} is no date; write YYYYMMDD") from error
