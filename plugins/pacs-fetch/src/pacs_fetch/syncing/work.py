"""The job that compares with a source, and has fetched what is missing here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from pacs_fetch.finding import Finder
from pacs_fetch.hours import refuse_closed
from pacs_fetch.sources import OtherArchive
from pacs_fetch.studies import order_for
from pacs_fetch.syncing.comparing import Difference, Part, State, compared
from pacs_fetch.terms import COMPARE, PRIORITY_OF_PULLS
from pacs_framework.dicom.attributes import Level
from pacs_framework.jobs import JobFailed, JobOrder, JobRefused
from pacs_framework.moving.listing import DateRange

if TYPE_CHECKING:
    from pacs_framework.jobs import JobContext

__all__ = ["DAYS", "Comparer", "Totals", "orders_of"]

DAYS = 31
"""Days that are compared at a time, unless it is told otherwise."""

_FEW = 100  # studies of each state are named

_log = structlog.get_logger(__name__)


class Totals:
    """What comes of all ranges together: a report that stays small."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._named: dict[State, list[str]] = {state: [] for state in State}

    def add(self, part: Part) -> None:
        """One more range."""
        self._counts.update(there=part.there, here=part.here)
        for each in part.differences:
            self._counts[each.state.name.lower()] += 1
            if len(self._named[each.state]) < _FEW:
                self._named[each.state].append(each.study)

    @property
    def differences(self) -> int:
        """Studies of which both have not the same."""
        return sum(self._counts[state.name.lower()] for state in State)

    @property
    def numbers(self) -> dict[str, int]:
        """How many studies there are on each side, and in each state."""
        names = ["there", "here", *(state.name.lower() for state in State)]
        return {name: self._counts[name] for name in names}

    @property
    def named(self) -> dict[str, list[str]]:
        """The first hundred of each state by UID."""
        return {f"{state.name.lower()}_studies": uids for state, uids in self._named.items()}


class Comparer(Finder):
    """Compares with any source."""

    name = COMPARE
    description = "Compare with a source, and fetch what is missing here"

    def run(self, context: JobContext) -> dict[str, Any]:
        """Compare the dates of ``context``; the report.

        Raises as `compared` does, and `JobPutOff` out of the hours of the source.
        """
        source = self._settings.named(context.payload["source"])
        if source is None:
            raise JobFailed(f"{context.payload['source']!r} is no source any more")
        refuse_closed(source)
        dates = _dates(context.payload)
        days = (dates.last - dates.first).days + 1
        totals, queued = Totals(), 0
        peer = OtherArchive(self._archive, source)
        for part in compared(self._archive, peer, dates, days=DAYS, level=Level.STUDY):
            context.check()
            totals.add(part)
            orders = orders_of(source.name, part.differences)
            self._archive.jobs.enqueue(orders)
            queued += len(orders)
            context.progress((dates.last - part.dates.first).days + 1, days, "days")
        numbers = {**totals.numbers, "queued": queued}
        _log.info("archives were compared", source=source.name, dates=str(dates), **numbers)
        return {**numbers, **totals.named}

    @staticmethod
    def check(payload: Mapping[str, Any]) -> None:
        """Raise `JobRefused` for what cannot be compared."""
        try:
            _dates(payload)
            payload["source"]
        except (KeyError, ValueError) as error:
            raise JobRefused(
                'a job that compares has a payload such as {"source": "old", "first": "20261115", '
                '"last": "20261122"}'
            ) from error


def orders_of(source: str, differences: Sequence[Difference]) -> list[JobOrder]:
    """To fetch what is missing here."""
    return [
        order_for(
            source,
            each.found,
            why=f"{each.state}: {each.there} there, {each.here} here",
            priority=PRIORITY_OF_PULLS,
        )
        for each in differences
        if each.is_missing_here
    ]


def _dates(payload: Mapping[str, Any]) -> DateRange:
    return DateRange.parse(f"{payload['first']}-{payload['last']}")
