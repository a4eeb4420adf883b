"""What runs beside the wire: the schedule, and the end of what is under way."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pacs_fetch.priors.ordered import OrderFinder
from pacs_fetch.priors.scheduled import check_worklists
from pacs_fetch.priors.work import PriorsFinder
from pacs_fetch.schedule import Appointment, Schedule
from pacs_fetch.settings import times_of
from pacs_fetch.sources import OtherArchive
from pacs_fetch.studies import StudyFetcher
from pacs_fetch.syncing.work import Comparer
from pacs_fetch.terms import COMPARE, PRIORS
from pacs_framework.background import Background
from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs import JobKind, MissingJobQueue
from pacs_framework.network.breaking import Breakable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from pacs_fetch.settings import FetchSettings
    from pacs_framework.archive.archive import Archive

__all__ = ["Crew", "kinds_of"]

_calls: WeakKeyDictionary[Archive, Breakable] = WeakKeyDictionary()
# Two hooks are about the same associations: one opens them in jobs, the other one ends them.


def kinds_of(archive: Archive, settings: FetchSettings) -> Iterator[JobKind]:
    """One for each source, and those that find what is to be fetched."""
    calls = _calls.setdefault(archive, Breakable())
    for source in settings.source:
        yield StudyFetcher(archive, source, calls).kind()
    yield Comparer(archive, settings, calls).kind()
    if settings.priors.sources:
        yield PriorsFinder(archive, settings, calls).kind()
        yield OrderFinder(archive, settings, calls).kind()


class Crew(Background):
    """Puts in what is due at times of day; ends what is under way with its archive."""

    name = "fetch"

    def __init__(self, archive: Archive, settings: FetchSettings) -> None:
        self._archive = archive
        self._settings = settings
        self._schedule = Schedule(archive, list(_appointments(settings)))

    def start(self) -> None:
        """Raises `ConfigurationError` where no plugin keeps a queue, nobody can be asked, or there
        is no worklist.
        """
        if isinstance(self._archive.jobs, MissingJobQueue):
            raise ConfigurationError(
                "[plugin.fetch] has sources, and no active plugin keeps a queue of jobs; install "
                "one, such as pacs-jobs"
            )
        for source in self._settings.source:
            OtherArchive(self._archive, source)
        if self._settings.priors.sources:
            check_worklists(self._archive, self._settings.priors)
        self._schedule.start()

    def stop(self) -> None:
        """Break off what is fetched; it is due at the next start."""
        self._schedule.stop()
        calls = _calls.get(self._archive)
        if calls is not None:
            calls.stop()


def _appointments(settings: FetchSettings) -> Iterator[Appointment]:
    priors = settings.priors
    if priors.sources:
        yield Appointment(
            kind=PRIORS,
            times=times_of(priors.at),
            payload=partial(_days_ahead, priors.days),
            catches_up=True,
        )
    for pull in settings.pull:
        yield Appointment(
            kind=COMPARE,
            times=times_of(pull.at),
            payload=partial(_days_back, pull.source, pull.days),
            name=pull.source,
        )


def _days_ahead(days: int, day: dt.date) -> Mapping[str, Any]:
    first = day + dt.timedelta(days=min(1, days))
    last = day + dt.timedelta(days=days)
    return {"first": f"{first:%Y%m%d}", "last": f"{last:%Y%m%d}"}


def _days_back(source: str, days: int, day: dt.date) -> Mapping[str, Any]:
    first = day - dt.timedelta(days=days)
    return {"source": source, "first": f"{first:%Y%m%d}", "last": f"{day:%Y%m%d}"}
