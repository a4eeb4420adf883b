"""Orders and kinds: what cannot be kept is refused before it comes to any queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from pacs_framework.errors import ConfigurationError, PluginError
from pacs_framework.jobs import (
    LARGEST_PAYLOAD,
    JobCanceled,
    JobKind,
    JobKinds,
    JobOrder,
    JobPutOff,
    JobRefused,
    MissingJobQueue,
    Rate,
    provided_queue,
)
from pacs_framework.testing.jobs import RecordedContext


def _nothing(*_: object) -> None:
    """Work that does nothing."""


@pytest.mark.parametrize(
    "payload",
    [{"x": object()}, {"x": float("nan")}, {"x": "\ud800"}, {"x": "\0"}, ["x"], {"x": {1, 2}}],
    ids=["object", "nan", "surrogate", "nul", "list", "set"],
)
def test_a_payload_that_is_no_json_object_is_refused(payload: Any) -> None:
    """And one that a database does not keep."""
    with pytest.raises(JobRefused, match="the payload of a job of kind 'work'"):
        JobOrder(kind="work", payload=payload)


def test_a_payload_of_endless_depth_is_refused() -> None:
    """Not a RecursionError in the middle of something else."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(JobRefused, match="no JSON: RecursionError"):
        JobOrder(kind="work", payload={"x": deep})


def test_a_payload_that_is_too_large_is_refused_by_its_bytes() -> None:
    """As JSON in UTF-8, so that the last byte counts."""
    fits = (LARGEST_PAYLOAD - len('{"x":""}')) // 2
    JobOrder(kind="work", payload={"x": "ä" * fits})
    with pytest.raises(JobRefused, match="has 262146 bytes, more than 262144; store large data"):
        JobOrder(kind="work", payload={"x": "ä" * (fits + 1)})


def test_names_priorities_and_moments_are_checked() -> None:
    """Each with what is wrong."""
    with pytest.raises(JobRefused, match="the key of a job of kind 'work' is refused: at most 512"):
        JobOrder(kind="work", key="k" * 513)
    with pytest.raises(JobRefused, match=r"the lane of a job .* none of them NUL"):
        JobOrder(kind="work", lane="\0")
    with pytest.raises(JobRefused, match="the priority 1001 is not in -1000 to 1000"):
        JobOrder(kind="work", priority=1001)
    naive = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - that is what is refused
    with pytest.raises(JobRefused, match="has no time zone"):
        JobOrder(kind="work", not_before=naive)
    with pytest.raises(ValueError, match="names no moment"):
        JobPutOff("later", until=naive)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Send It"}, "the name 'Send It'"),
        ({"run": None}, "one of run and run_together"),
        ({"run_together": _nothing}, "one of run and run_together"),
        ({"together": 2}, "together is for run_together"),
        ({"at_once": 0}, "a limit is below"),
    ],
)
def test_a_kind_that_cannot_hold_is_refused(wrong: dict[str, Any], said: str) -> None:
    """While the archive starts, with its name."""
    with pytest.raises(PluginError, match=said):
        JobKind(**{"name": "work", "description": "", "run": _nothing, **wrong})
    with pytest.raises(PluginError, match="lets no job run"):
        Rate(jobs=0, seconds=1)


def test_two_plugins_with_one_kind_or_two_queues_are_named() -> None:
    """As for whatever else plugins provide."""
    kinds = JobKinds()
    kind = JobKind(name="send", description="", run=_nothing)
    kinds.add([kind], plugin="routing")
    with pytest.raises(ConfigurationError, match="plugins 'routing' and 'other' both do jobs"):
        kinds.add([kind], plugin="other")
    assert kinds.plugin_of("send") == "routing"
    with pytest.raises(JobRefused, match=r"kind 'nope' \(known: send\)"):
        kinds["nope"]
    queue = MissingJobQueue()
    with pytest.raises(ConfigurationError, match="plugins 'a' and 'b' both keep a queue"):
        provided_queue([("a", queue), ("b", queue)])


def test_without_a_provider_every_method_says_what_to_install() -> None:
    """Silence would be a job that nobody does."""
    queue = provided_queue([])
    methods: list[Callable[[], object]] = [
        lambda: queue.enqueue([]),
        queue.summary,
        queue.pauses,
        queue.news,
        lambda: queue.get("1"),
        lambda: queue.pause("x"),
    ]
    for method in methods:
        with pytest.raises(PluginError, match="install one that implements job_queue"):
            method()


def test_work_can_be_tried_without_a_queue() -> None:
    """What it says is recorded; it ends when it is told to."""
    context = RecordedContext({"study": "1.2"}, key="k", attempts=1)
    context.check()
    context.progress(1, 2)
    context.log("half")
    context.done({"x": 1})
    context.failed("too late")
    assert (context.attempt, context.key, context.payload["study"]) == (2, "k", "1.2")
    assert (context.outcome, context.lines, len(context.said)) == (("done", {"x": 1}), ["half"], 1)
    context.cancelled.set()
    with pytest.raises(JobCanceled, match="canceled"):
        context.check()
