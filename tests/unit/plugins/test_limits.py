"""Time, circuits, and who may be passed over, by the kind of the hook."""

from __future__ import annotations

import datetime as dt
import threading
import time
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from pacs_framework import hookimpl
from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.incoming import Origin, Refusal
from pacs_framework.config import PluginsSettings
from pacs_framework.dicom.status import Status
from pacs_framework.errors import ConfigurationError, PluginError
from pacs_framework.network.decisions import (
    AssociationRequest,
    Rejection,
    RejectReason,
    RejectResult,
)
from pacs_framework.plugins import CircuitState, PluginSet
from pacs_framework.plugins.decisions import MOST_NESTED

SOON = 0.05  # seconds: the budget of what is to run over it
DEADLINE = 30.0  # seconds after which a test has failed


def plugin(**hooks) -> SimpleNamespace:
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def limits(optional=(), **each) -> PluginsSettings:
    return PluginsSettings(
        optional=optional,
        limits={name.replace("_", "-"): options for name, options in each.items()},
    )


def circuits(plugins: PluginSet) -> dict[str, CircuitState]:
    return {each.plugin: each.state for each in plugins.circuits()}


def fail(*_):
    raise ValueError


def association() -> AssociationRequest:
    return AssociationRequest(
        association_id="a1",
        calling_aet="CT1",
        called_aet="PACS",
        address="192.0.2.1",
        port=4000,
        tls_subject="",
        user_identity=None,
        contexts=(),
    )


class Hanging:
    """Hangs in any hook until it is let go; remembers that it did."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.returned = threading.Event()
        self.calls = 0

    def wait(self) -> None:
        self.calls += 1
        self.release.wait(DEADLINE)
        self.returned.set()

    @hookimpl
    def on_store(self):
        self.wait()

    @hookimpl
    def on_association(self):
        self.wait()

    @hookimpl
    def on_stored(self):
        self.wait()


@pytest.fixture
def hanging():
    body = Hanging()
    yield body
    body.release.set()


# --- DECIDE ------------------------------------------------------------------------------------


def test_a_judge_that_takes_too_long_refuses(instance, hanging):
    """0110H; the log names plugin, hook and seconds; those after it are not asked, even later."""
    asked = []
    plugins = PluginSet.with_local(
        {"slow": hanging, "after": plugin(on_store=lambda: asked.append(1))},
        limits=limits(slow={"decide_seconds": SOON}),
    )
    with capture_logs() as logs:
        answer = plugins.decide_store(instance())
    assert isinstance(answer, Refusal)
    assert answer.status == Status.PROCESSING_FAILURE
    assert logs == [
        {
            "event": "plugin ran over its time in hook",
            "log_level": "error",
            "plugin": "slow",
            "hook": "on_store",
            "seconds": SOON,
            "sop_instance_uid": "1.2.3.4",
        }
    ]
    hanging.release.set()
    assert hanging.returned.wait(DEADLINE)
    (slow, *_) = (each for each in plugins.figures() if each.hook == "on_store")
    assert (slow.errors, slow.overruns, slow.last_error) == (1, 1, "overrun")
    assert asked == []


def test_an_association_that_takes_too_long_is_rejected_for_now(hanging):
    """Transient, like one that raises."""
    plugins = PluginSet.with_local({"slow": hanging}, limits=limits(slow={"decide_seconds": SOON}))
    answer = plugins.decide_association(association())
    assert isinstance(answer, Rejection)
    assert answer.reason is RejectReason.TEMPORARY_CONGESTION
    assert answer.result is RejectResult.TRANSIENT


def test_a_call_in_progress_is_seen_from_outside(instance, hanging):
    """How many, since when, and that they are over their time."""
    plugins = PluginSet.with_local({"slow": hanging}, limits=limits(slow={"decide_seconds": SOON}))
    plugins.decide_store(instance())
    (figures,) = (each for each in plugins.figures() if each.hook == "on_store")
    assert (figures.calls, figures.running, figures.overdue) == (0, 1, 1)
    assert figures.running_seconds >= SOON
    (circuit,) = (each for each in plugins.circuits() if each.hook == "on_store")
    assert circuit.stuck == 1


def test_without_a_limit_the_judge_has_the_thread_of_who_asks(instance):
    """No hand-over where no plugin that is asked has a limit."""
    seen = []
    hooks = {"a": plugin(on_store=lambda: seen.append(threading.get_ident()))}
    PluginSet.with_local(hooks, limits=limits(a={"decide_seconds": 0})).decide_store(instance())
    PluginSet.with_local(hooks).decide_store(instance())
    assert seen[0] == threading.get_ident() != seen[1]


@pytest.mark.parametrize("how", [fail, lambda: "nonsense"])
def test_an_open_circuit_refuses_at_once_where_the_plugin_must_be_asked(instance, how):
    """It may guard access, or de-identify: passing it over in silence would be wrong."""
    calls = []
    plugins = PluginSet.with_local(
        {"guard": plugin(on_store=lambda: calls.append(1) or how())},
        limits=limits(guard={"failures": 2, "retry_after": 3600}),
    )
    for _ in range(2):
        plugins.decide_store(instance())
    assert circuits(plugins) == {"guard": CircuitState.OPEN}
    with capture_logs() as logs:
        answer = plugins.decide_store(instance())
    assert isinstance(answer, Refusal)
    assert answer.status == Status.PROCESSING_FAILURE
    assert len(calls) == 2
    assert [(log["event"], log["plugin"]) for log in logs] == [
        ("plugin is not asked, refused", "guard")
    ]


def test_an_open_circuit_of_an_optional_plugin_passes_it_over(instance):
    """Those before and after it are asked; that it is passed over is logged once."""
    plugins = PluginSet.with_local(
        {
            "nice": plugin(on_store=fail),
            "after": plugin(on_store=lambda: Refusal(reason="asked")),
        },
        limits=limits(optional=("nice",), nice={"failures": 1, "retry_after": 3600}),
    )
    with capture_logs() as logs:
        assert plugins.decide_store(instance()).status == Status.PROCESSING_FAILURE
    assert [log["until_then"] for log in logs if log["event"] == "plugin circuit opened"] == [
        "it is passed over"
    ]
    with capture_logs() as logs:
        for _ in range(3):
            assert plugins.decide_store(instance()).reason == "asked"
    assert {log["plugin"] for log in logs} == {"after"}


def test_associations_follow_the_same_rules():
    """Rejected where the plugin must be asked, passed where it is optional."""
    hooks = {"a": plugin(on_association=fail)}
    once = {"failures": 1, "retry_after": 3600}
    needed = PluginSet.with_local(hooks, limits=limits(a=once))
    optional = PluginSet.with_local(hooks, limits=limits(optional=("a",), a=once))
    for plugins in (needed, optional):
        assert isinstance(plugins.decide_association(association()), Rejection)
    assert isinstance(needed.decide_association(association()), Rejection)
    assert optional.decide_association(association()) is None


def test_a_circuit_closes_when_the_plugin_works_again(instance):
    """After ``retry_after``, by one call."""
    works = threading.Event()
    plugins = PluginSet.with_local(
        {"a": plugin(on_store=lambda: None if works.is_set() else fail())},
        limits=limits(a={"failures": 1, "retry_after": SOON}),
    )
    assert plugins.decide_store(instance()) is not None
    works.set()
    deadline = time.monotonic() + DEADLINE
    while plugins.decide_store(instance()) is not None:
        assert time.monotonic() < deadline
        time.sleep(SOON)
    assert circuits(plugins) == {"a": CircuitState.CLOSED}


def test_a_hook_that_works_does_not_hide_one_that_fails(instance):
    """Each hook has a circuit of its own."""
    plugins = PluginSet.with_local(
        {"a": plugin(on_store=fail, on_association=lambda: None)},
        limits=limits(a={"failures": 3}),
    )
    for _ in range(3):
        plugins.decide_store(instance())
        assert plugins.decide_association(association()) is None
    assert {each.hook: each.state for each in plugins.circuits()} == {
        "on_association": CircuitState.CLOSED,
        "on_store": CircuitState.OPEN,
    }


def test_a_row_tells_of_a_circuit_that_is_open(instance):
    """In the column of the state."""
    plugins = PluginSet.with_local(
        {"a": plugin(on_store=fail)}, limits=limits(a={"failures": 1, "retry_after": 3600})
    )
    plugins.decide_store(instance())
    (row,) = plugins.rows()
    since = row.circuits[0].since
    assert row.condition == f"active, on_store circuit open since {since}"
    assert row.cells()[3] == row.condition


# --- a hook that stores ------------------------------------------------------------------------


def test_a_hook_that_calls_itself_is_stopped(instance):
    """What it stores from within itself is refused when it is too deep, with a reason."""
    depth = []
    reasons = []

    def stores_again(instance):
        depth.append(1)
        answer = plugins.decide_store(instance)
        if answer is not None:
            reasons.append(answer.reason)

    plugins = PluginSet.with_local({"a": plugin(on_store=stores_again)})
    with capture_logs() as logs:
        assert plugins.decide_store(instance()) is None
    assert len(depth) == MOST_NESTED
    assert reasons == [f"stored by on_store from within on_store, {MOST_NESTED} deep"]
    assert [log["event"] for log in logs] == ["a hook may not store this"]


def test_a_hook_that_was_given_up_on_stores_nothing_more(instance):
    """The peer was told that it failed."""
    refused = []
    release, done = threading.Event(), threading.Event()

    def slow(instance):
        release.wait(DEADLINE)
        refused.append(plugins.decide_store(instance).reason)
        done.set()

    plugins = PluginSet.with_local(
        {"a": plugin(on_store=slow)}, limits=limits(a={"decide_seconds": SOON})
    )
    plugins.decide_store(instance())
    release.set()
    assert done.wait(DEADLINE)
    assert refused == ["stored by a hook that ran over its time"]


def test_on_store_is_given_the_archive(instance):
    """To look up, and to store."""
    seen = []

    def look(archive):
        seen.append(archive)

    plugins = PluginSet.with_local({"a": plugin(on_store=look)})
    archive = object()
    plugins.decide_store(instance(), archive)
    assert seen == [archive]


# --- NOTIFY ------------------------------------------------------------------------------------


def change() -> Change:
    return Change(
        sequence=7,
        kind=ChangeKind.STORED,
        at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        patient_id="P1",
        issuer_of_patient_id="",
        study_instance_uid="1.2",
        series_instance_uid="1.2.3",
        sop_instance_uid="1.2.3.4",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        origin=Origin(door="test"),
    )


def test_a_consumer_that_takes_too_long_is_waited_for(hanging):
    """It is told and counted while it runs; the change is not handed over a second time."""
    plugins = PluginSet.with_local(
        {"slow": hanging}, limits=limits(slow={"notify_seconds": SOON, "failures": 1})
    )
    consume = plugins.notify_consumers("on_stored")["slow"]
    with capture_logs() as logs:
        feed = threading.Thread(target=consume, args=([change()], None))
        feed.start()
        deadline = time.monotonic() + DEADLINE
        while not logs:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        hanging.release.set()
        feed.join(DEADLINE)
    assert hanging.calls == 1
    assert [log["event"] for log in logs] == [
        "plugin circuit opened",
        "plugin ran over its time in hook",
        "plugin is done after its time",
    ]
    (figures,) = (each for each in plugins.figures() if each.hook == "on_stored")
    assert (figures.calls, figures.errors, figures.overruns) == (1, 1, 1)
    assert consume.hold() > 0


def test_the_feed_is_to_wait_while_the_circuit_is_open():
    """For as long as it takes until a call may be tried."""
    plugins = PluginSet.with_local(
        {"a": plugin(on_stored=fail)}, limits=limits(a={"failures": 2, "retry_after": 3600})
    )
    consume = plugins.notify_consumers("on_stored")["a"]
    for _ in range(2):
        assert consume.hold() == 0
        with pytest.raises(ValueError):
            consume([change()], None)
    assert 0 < consume.hold() <= 3600


# --- REGISTER ----------------------------------------------------------------------------------


def test_a_plugin_that_registers_too_slowly_has_failed(hanging):
    """The others start; the reason says which time it was."""

    def hang():
        hanging.wait()

    plugins = PluginSet.with_local(
        {
            "fine": plugin(storage_backends=lambda: {"x": fail}),
            "slow": plugin(storage_backends=hang),
        },
        limits=limits(optional=("slow",), slow={"register_seconds": SOON}),
    )
    assert [name for name, _ in plugins.register("storage_backends")] == ["fine"]
    assert plugins.rows()[1].reason == (
        "storage_backends took longer than 0.05 s ([plugins.limits.slow] register_seconds)"
    )


# Far over its time, and yet over when its test is: the thread cannot be ended from outside.
HANGS_AT_IMPORT = """
    import threading
    threading.Event().wait(1)
"""
FINE = """
    from pacs_framework import hookimpl

    @hookimpl
    def on_stored():
        pass
"""


def test_a_plugin_whose_import_hangs_has_failed(site):
    """The others are there."""
    site.install("pacs-slow", {"slow": HANGS_AT_IMPORT})
    site.install("pacs-fine", {"fine": FINE})
    plugins = site.load(limits={"slow": {"register_seconds": SOON}})
    rows = {row.name: (row.state, row.reason) for row in plugins.rows()}
    assert rows == {
        "fine": ("active", ""),
        "slow": (
            "failed",
            "its import took longer than 0.05 s ([plugins.limits.slow] register_seconds)",
        ),
    }


def test_a_configured_one_stops_the_start(site):
    """As any failure of it does."""
    site.install("pacs-slow", {"slow": HANGS_AT_IMPORT})
    plugins = site.load(required=["slow"], limits={"slow": {"register_seconds": SOON}})
    with pytest.raises(PluginError, match="its import took longer than"):
        plugins.check()


def test_an_optional_one_that_fails_is_left_out_though_it_has_a_section(site):
    """The archive does without it."""
    site.install("pacs-broken", {"broken": "raise ValueError('no')"})
    site.load(configured=["broken"], optional=["broken"]).check()
    with pytest.raises(PluginError):
        site.load(configured=["broken"]).check()


# --- names and contradictions ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lists", "problem"),
    [
        (
            {"optional": ["fin"]},
            (
                "[plugins] optional names 'fin': no installed plugin of this name; "
                "did you mean 'fine'?"
            ),
        ),
        (
            {"limits": {"fin": {}}},
            "[plugins.limits.fin]: no installed plugin of this name; did you mean 'fine'?",
        ),
    ],
)
def test_a_name_that_no_plugin_has_is_an_error(site, lists, problem):
    site.install("pacs-fine", {"fine": FINE})
    with pytest.raises(ConfigurationError) as caught:
        site.load(**lists)
    assert str(caught.value) == f"the configuration has a problem:\n  {problem}"


def test_a_process_needs_something_to_do(site):
    """DECIDE hooks are never called in one, so it would be an option that does nothing."""
    site.install("pacs-judge", {"judge": FINE.replace("on_stored", "on_store")})
    with pytest.raises(ConfigurationError) as caught:
        site.load(limits={"judge": {"process": True}})
    assert str(caught.value) == (
        "the configuration has a problem:\n  [plugins.limits.judge] process: the plugin implements "
        "no NOTIFY hook, and others are never called in a process of its own"
    )


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"optional": ("a",), "required": ("a",)}, "'a' is both in optional and in required"),
        ({"limits": {"a": {"memory": "1 GiB"}}}, "it needs process = true"),
    ],
)
def test_contradictions_are_refused(lists, message):
    with pytest.raises(ValueError, match=message):
        PluginsSettings(**lists)
