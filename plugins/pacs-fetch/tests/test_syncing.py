"""Two archives compared, and what is missing here pulled, whatever the other one says of itself."""

from __future__ import annotations

from copy import deepcopy

import pytest
from fetch_peers import OtherPacs, fetching, jobs_of, settled, study, until
from pydicom import Dataset

from pacs_fetch.sources import OtherArchive
from pacs_fetch.syncing.comparing import Difference, Part, State, compared
from pacs_framework.dicom.attributes import Level
from pacs_framework.jobs import JobOrder, JobState
from pacs_framework.moving.listing import DateRange
from pacs_framework.moving.old_archive import Refused
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.jobs import wait_for
from pacs_framework.testing.running import RunningArchive

MARCH = DateRange.parse("20260301-20260331")


def parts(
    running: RunningArchive,
    *,
    dates: DateRange = MARCH,
    days: int = 31,
    level: Level = Level.STUDY,
) -> list[Part]:
    found = next(each.settings for each in running.plugins.active if each.name == "fetch")
    peer = OtherArchive(running.archive, found.source[0])
    return list(compared(running.archive, peer, dates, days=days, level=level))


def differences(running: RunningArchive, **more: object) -> dict[str, tuple[State, int, int]]:
    return {
        each.study: (each.state, each.there, each.here)
        for part in parts(running, **more)
        for each in part.differences
    }


def sync(running: RunningArchive) -> dict[str, object]:
    """Compare by a job, as at night; its report."""
    payload = {"source": "old", "first": "20260301", "last": "20260331"}
    queue = running.archive.jobs
    (put,) = queue.enqueue([JobOrder(kind="fetch.compare", payload=payload)])
    job = wait_for(queue, put.id)
    assert job.state is JobState.DONE, job.error
    return dict(job.result)


# --- comparing ------------------------------------------------------------------------------------


def test_what_each_has_is_told(pacs_archive: Archives, other: OtherPacs) -> None:
    same, there, more, here = (study(f"2.25.{n}", 3) for n in range(1, 5))
    other.has = [*same, *there, *more]
    running = fetching(pacs_archive, other)
    running.take_in(*same, *more[:1], *here)
    assert differences(running) == {
        "2.25.2": (State.ONLY_THERE, 3, 0),
        "2.25.3": (State.DIFFERS, 3, 1),
        "2.25.4": (State.ONLY_HERE, 0, 3),
    }
    (part,) = parts(running)
    assert (part.there, part.here) == (3, 3)


def test_archives_that_are_alike_differ_nowhere(pacs_archive: Archives, other: OtherPacs) -> None:
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other)
    running.take_in(*other.has)
    for level in (Level.STUDY, Level.SERIES, Level.IMAGE):
        assert differences(running, level=level) == {}


def test_a_study_on_another_date_is_the_same_study(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """Corrected on one side: in no range of the other, and yet nowhere missing."""
    other.has = study("2.25.1", StudyDate="20260301")
    running = fetching(pacs_archive, other)
    running.take_in(*study("2.25.1", StudyDate="20260315"))
    assert differences(running, days=7) == {}


def test_series_and_instances_are_compared_where_counts_are_alike(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    ours = study("2.25.1", 2)
    theirs = deepcopy(ours)
    theirs[1].SOPInstanceUID, theirs[1].SeriesInstanceUID = "2.25.1.2.9", "2.25.1.2"
    other.has = theirs
    running = fetching(pacs_archive, other)
    running.take_in(*ours)
    assert differences(running) == {}
    (by_series,) = parts(running, level=Level.SERIES)[0].differences
    assert [(each.series, each.there, each.here) for each in by_series.inside.series] == [
        ("2.25.1.1", 1, 2),
        ("2.25.1.2", 1, 0),
    ]
    (by_instance,) = parts(running, level=Level.IMAGE)[0].differences
    assert by_instance.inside.named_there == ["2.25.1.2.9"]
    assert by_instance.inside.named_here == ["2.25.1.1.2"]
    assert by_series.is_missing_here
    assert by_instance.is_missing_here


@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES])
def test_a_peer_that_does_not_count_is_counted(
    pacs_archive: Archives, other: OtherPacs, level: Level
) -> None:
    other.has = [*study("2.25.1", 3), *study("2.25.2", 3)]

    def lie(_level: str, answer: Dataset) -> list[Dataset]:
        for keyword in ("NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances"):
            if keyword in answer:
                delattr(answer, keyword)
        return [answer]

    other.lie = lie
    running = fetching(pacs_archive, other)
    running.take_in(*other.has[:3], other.has[3])
    assert differences(running, level=level) == {"2.25.2": (State.DIFFERS, 3, 1)}


def test_duplicates_in_answers_are_one_study(pacs_archive: Archives, other: OtherPacs) -> None:
    other.has = study("2.25.1", 2)
    other.lie = lambda _level, answer: [answer, deepcopy(answer)]
    running = fetching(pacs_archive, other)
    running.take_in(*other.has)
    assert differences(running) == {}
    assert parts(running)[0].there == 1


def test_ranges_are_halved_where_the_peer_breaks_off(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """Until it tells all; and a day that it does not tell is an error, not a difference."""
    other.has = [
        each for n in range(1, 9) for each in study(f"2.25.{n}", 1, StudyDate=f"2026030{n}")
    ]
    other.limit = 2
    running = fetching(pacs_archive, other)
    assert len(differences(running)) == 8
    other.has += study("2.25.10", 1, StudyDate="20260308") + study(
        "2.25.11", 1, StudyDate="20260308"
    )
    with pytest.raises(Refused, match="A700"):
        parts(running)


def test_a_silent_limit_is_known_by_the_settings(pacs_archive: Archives, other: OtherPacs) -> None:
    other.has = [
        each for n in range(1, 9) for each in study(f"2.25.{n}", 1, StudyDate=f"2026030{n}")
    ]
    other.limit, other.limit_status = 2, 0x0000
    assert len(differences(fetching(pacs_archive, other))) == 1 + 1  # what nobody could know
    told = fetching(pacs_archive, other, source={"most_answers": 2})
    assert len(differences(told)) == 8
    other.has += study("2.25.10", 1, StudyDate="20260308")
    with pytest.raises(Refused, match="2 answers, and the peer gives 2 at most"):
        parts(told)


# --- pulling --------------------------------------------------------------------------------------


def test_what_is_missing_comes_and_what_only_we_have_stays(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    there, more, here = (study(f"2.25.{n}", 3) for n in range(1, 4))
    other.has = [*there, *more]
    running = fetching(pacs_archive, other)
    running.take_in(more[0], *here)
    report = sync(running)
    assert {name: report[name] for name in ("there", "here", "queued")} == {
        "there": 2,
        "here": 2,
        "queued": 2,
    }
    assert report["only_there_studies"] == ["2.25.1"]
    assert report["only_here_studies"] == ["2.25.3"]
    assert {job.state for job in settled(running)} == {JobState.DONE}
    assert running.archive.lookup.count() == 9
    assert differences(running) == {"2.25.3": (State.ONLY_HERE, 0, 3)}


def test_a_peer_that_counts_more_than_it_has_sends_it_once(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    """Each night it looks different; what it names is here, so nothing is sent again."""
    other.has = study("2.25.1")

    def lie(level: str, answer: Dataset) -> list[Dataset]:
        if level == "STUDY":
            answer.NumberOfStudyRelatedInstances = 99
        return [answer]

    other.lie = lie
    running = fetching(pacs_archive, other)
    for _ in range(3):
        sync(running)
        assert {job.state for job in settled(running)} == {JobState.DONE}
    assert other.moved == ["2.25.1"]


def test_a_study_that_does_not_come_whole_is_tried_again_and_told(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    other.has = study("2.25.1", 3)
    other.send = lambda instances: instances[:2]
    running = fetching(pacs_archive, other, source={"attempts": 2})
    sync(running)
    (job,) = settled(running)
    assert (job.state, job.attempts) == (JobState.FAILED, 2)
    assert job.error.startswith("1 instances are not here; the peer ended with status")
    assert len(other.moved) == 2
    other.send = lambda instances: instances
    sync(running)
    until(lambda: running.archive.lookup.count() == 3, lambda: jobs_of(running))


def test_a_peer_that_is_away_at_night_is_compared_with_later(
    pacs_archive: Archives, other: OtherPacs
) -> None:
    other.has = study("2.25.1")
    running = fetching(pacs_archive, other)
    other.go()
    payload = {"source": "old", "first": "20260301", "last": "20260331"}
    queue = running.archive.jobs
    (put,) = queue.enqueue([JobOrder(kind="fetch.compare", payload=payload)])
    until(lambda: queue.get(put.id).attempts == 1)
    assert "source 'old', OLD at 127.0.0.1" in queue.get(put.id).error


def test_the_next_night_is_seen_beforehand(pacs_archive: Archives, other: OtherPacs) -> None:
    """And no night that was missed is made up for in the morning."""
    pull = {"source": "old", "at": ["00:00", "12:00"], "days": 3}
    running = fetching(pacs_archive, other, pull=[pull])
    until(lambda: len(jobs_of(running, "fetch.compare")) == 1)
    (job,) = jobs_of(running, "fetch.compare")
    assert job.state is JobState.WAITING
    assert job.key.startswith("old ")
    dates = DateRange.parse(f"{job.payload['first']}-{job.payload['last']}")
    assert (dates.last - dates.first).days == 3


def test_what_differs_is_pulled_only_where_it_is_missing_here() -> None:
    """More here than there is nothing to fetch."""

    def made(there: int, here: int) -> Difference:
        return Difference(study="1", date="", state=State.DIFFERS, there=there, here=here)

    assert made(3, 2).is_missing_here
    assert not made(2, 3).is_missing_here
