"""Fetching one study: how far it is, canceled in the middle, and given up."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from fetch_peers import OtherPacs, fetching, study

from pacs_fetch.settings import FetchSettings, Source
from pacs_fetch.studies import StudyFetcher, order_for
from pacs_framework.jobs import JobCanceled, JobFailed, JobPutOff, Repeat
from pacs_framework.moving.old_archive import FoundStudy, Refused
from pacs_framework.network.breaking import Breakable
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.jobs import RecordedContext
from pacs_framework.testing.running import RunningArchive


def fetcher(running: RunningArchive, **more: object) -> StudyFetcher:
    found = next(each.settings for each in running.plugins.active if each.name == "fetch")
    assert isinstance(found, FetchSettings)
    source = Source.model_validate({**found.source[0].model_dump(), **more})
    return StudyFetcher(running.archive, source, Breakable())


@pytest.mark.parametrize("retrieve", ["move", "get"])
def test_it_says_how_far_it_is(pacs_archive: Archives, other: OtherPacs, retrieve: str) -> None:
    other.has = study("2.25.1", 3)
    running = fetching(pacs_archive, other)
    context = RecordedContext({"study": "2.25.1", "instances": 3})
    result = fetcher(running, retrieve=retrieve).run(context)
    assert result == {"moved": 3, "here": 3, "there": 3}
    assert [(each.done, each.total) for each in context.said][-1] == (3, 3)


@pytest.mark.parametrize("retrieve", ["move", "get"])
def test_of_a_study_that_is_here_in_part_only_series_are_sent(
    pacs_archive: Archives, other: OtherPacs, retrieve: str
) -> None:
    """Those that lack something; when nothing does, none at all."""
    first, second, third = (
        [*study("2.25.1", 2, SeriesInstanceUID=f"2.25.1.{n}")] for n in range(1, 4)
    )
    for n, each in enumerate([*first, *second, *third]):
        each.SOPInstanceUID = each.file_meta.MediaStorageSOPInstanceUID = f"2.25.1.9.{n}"
    other.has = [*first, *second, *third]
    running = fetching(pacs_archive, other)
    running.take_in(*first, second[0])
    context = RecordedContext({"study": "2.25.1", "instances": 6})
    result = fetcher(running, retrieve=retrieve).run(context)
    assert (result["here"], result["there"]) == (6, 6)
    assert other.moved == ["2.25.1.2", "2.25.1.3"]
    again = fetcher(running, retrieve=retrieve).run(context)
    assert again == {"moved": 0, "here": 6, "there": 6}
    assert len(other.moved) == 2


def test_what_is_here_is_not_judged_by_a_peer_that_names_nothing(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """It has lost the study since: what is missing is not known, so the job fails."""
    running = fetching(pacs_archive, other)
    running.take_in(*study("2.25.1"))
    with pytest.raises(Refused, match="names no instance of the study"):
        fetcher(running).run(RecordedContext({"study": "2.25.1"}))


@pytest.mark.parametrize("retrieve", ["move", "get"])
def test_it_is_canceled_at_the_source(
    pacs_archive: Archives, other: OtherPacs, retrieve: str
) -> None:
    """By C-CANCEL, so that the rest of a large study is not sent."""
    other.has = study("2.25.1", 200)
    running = fetching(pacs_archive, other)
    context = RecordedContext({"study": "2.25.1"})
    turns = iter(range(1000))
    pause = threading.Event()

    def before_each() -> None:
        if next(turns) == 2:
            context.cancelled.set()
        elif context.cancelled.is_set() and not other.cancelled:
            pause.wait(0.02)  # the C-CANCEL is on its way

    other.before_each = before_each
    with pytest.raises(JobCanceled):
        fetcher(running, retrieve=retrieve).run(context)
    assert other.cancelled == 1
    assert running.archive.lookup.count() < 200


def test_a_source_that_is_away_costs_no_attempt(pacs_archive: Archives, other: OtherPacs) -> None:
    """All that is to come of it waits, each time twice as long."""
    running = fetching(pacs_archive, other)
    other.go()
    made = fetcher(running, retry_first=10, retry_longest=100)
    moments = []
    for _ in range(3):
        with pytest.raises(JobPutOff, match="source 'old', OLD at") as caught:
            made.run(RecordedContext({"study": "2.25.1"}))
        assert caught.value.kind_too
        moments.append(caught.value.until)
    assert moments[1] - moments[0] > dt.timedelta(seconds=5)
    assert moments[2] - moments[1] > dt.timedelta(seconds=10)


def test_what_waited_for_too_long_is_given_up(pacs_archive: Archives, other: OtherPacs) -> None:
    running = fetching(pacs_archive, other)
    other.go()
    context = RecordedContext({"study": "2.25.1"})
    made = fetcher(running, give_up_after=0.001)
    context.cancelled.wait(0.01)
    with pytest.raises(JobFailed, match="given up: source 'old'"):
        made.run(context)


def test_who_is_stopping_puts_off(pacs_archive: Archives, other: OtherPacs) -> None:
    """And opens no association any more."""
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other)
    calls = Breakable()
    calls.stop()
    found = next(each.settings for each in running.plugins.active if each.name == "fetch")
    made = StudyFetcher(running.archive, found.source[0], calls)
    with pytest.raises(JobPutOff, match="the archive stops"):
        made.run(RecordedContext({"study": "2.25.1"}))
    assert other.moved == []


def test_a_prior_does_not_wait_for_a_pull_of_the_same_study() -> None:
    """Each waits once, and they do not run side by side: the second finds nothing missing."""
    one, two = (
        order_for("old", FoundStudy(uid="1.2", instances=n), why="prior", priority=5, patient="x")
        for n in (None, 3)
    )
    pulled = order_for("old", FoundStudy(uid="1.2"), why="only there", priority=-5)
    assert one.key == two.key == "1.2 x"
    assert pulled.key == pulled.lane == one.lane == "1.2"
    assert one.repeat is Repeat.POSTPONE
    assert "patient" not in pulled.payload
