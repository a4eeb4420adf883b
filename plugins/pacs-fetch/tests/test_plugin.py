"""The hooks: idle where nothing is configured, documented where something is."""

from __future__ import annotations

import threading

from fetch_peers import DAY, PLUGINS, OtherPacs, fetching, jobs_of, plan_step, study, until

from pacs_fetch import plugin
from pacs_fetch.priors.planning import Planner
from pacs_fetch.priors.work import orders_of
from pacs_fetch.settings import FetchSettings
from pacs_framework.testing.factories import Archives


def settings(**tree: object) -> FetchSettings:
    return FetchSettings.model_validate(tree)


def test_without_a_source_it_does_nothing(pacs_archive: Archives) -> None:
    """No kind of jobs, no thread, nothing in the conformance statement."""
    running = pacs_archive(PLUGINS)
    assert plugin.job_kinds(running.archive, settings()) == ()
    assert plugin.background(running.archive, settings()) == ()
    assert plugin.conformance(settings()) == []


def test_what_is_configured_is_documented() -> None:
    source = {"name": "old", "peer": "OLD"}
    activities = [
        getattr(each, "activity", type(each).__name__)
        for each in plugin.conformance(
            settings(source=[source], priors={"sources": "old", "worklist_peers": "RIS"})
        )
    ]
    assert activities == [
        "fetching from other archives",
        "asking worklists for patients who come",
        "PublishedSettings",
    ]


def test_kinds_have_the_limits_of_their_source(pacs_archive: Archives, other: OtherPacs) -> None:
    running = fetching(pacs_archive, other, source={"at_once": 3, "per_minute": 20})
    found = next(each.settings for each in running.plugins.active if each.name == "fetch")
    kinds = {kind.name: kind for kind in plugin.job_kinds(running.archive, found)}
    assert set(kinds) == {"fetch.study.old", "fetch.compare"}
    kind = kinds["fetch.study.old"]
    assert (kind.at_once, kind.everywhere) == (3, 3)
    assert kind.rate is not None
    assert (kind.rate.jobs, kind.rate.seconds) == (20, 60)


def test_a_stop_does_not_wait_for_a_source(pacs_archive: Archives, other: OtherPacs) -> None:
    """One that takes a request and never answers: the association is ended from this side."""
    other.has = study("2.25.1")
    asked, go_on = threading.Event(), threading.Event()

    def hang(instances: list[object]) -> list[object]:
        asked.set()
        go_on.wait(60)
        return instances

    other.send = hang
    running = fetching(pacs_archive, other, priors={})
    plan_step(running)
    found = next(each.settings for each in running.plugins.active if each.name == "fetch")
    (plan,) = Planner(running.archive, found).plan(DAY, DAY)
    running.archive.jobs.enqueue(orders_of(plan))
    assert asked.wait(60)
    ended = threading.Event()
    stopper = threading.Thread(target=lambda: (running.stop(), ended.set()))
    stopper.start()
    assert ended.wait(60)
    stopper.join()
    go_on.set()
    again = fetching(pacs_archive, other, priors={}, folder=running.data)
    until(lambda: again.archive.lookup.count_of_study("2.25.1") == 2, lambda: jobs_of(again))
    assert [job.attempts for job in jobs_of(again)] == [0]
