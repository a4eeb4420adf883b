"""A hook that fails again and again is left alone for a while."""

from __future__ import annotations

from structlog.testing import capture_logs

from pacs_framework.plugins.circuit import MOST_STUCK, Circuit, CircuitState


class Clock:
    """Goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def circuit(clock=None, **options) -> Circuit:
    given = {"failures": 3, "retry_after": 30.0, "while_open": "it waits", **options}
    return Circuit("acme", "on_store", clock=clock or Clock(), **given)


def opened(clock, **options) -> Circuit:
    made = circuit(clock, **options)
    for _ in range(3):
        made.failed()
    return made


def test_failures_in_a_row_open_it():
    """One that succeeds in between begins the count anew."""
    one = circuit()
    one.failed()
    one.failed()
    one.succeeded()
    one.failed()
    one.failed()
    assert one.admits()
    assert one.figures().state is CircuitState.CLOSED
    one.failed()
    assert not one.admits()
    assert one.figures().state is CircuitState.OPEN
    assert one.figures().failures == 3
    assert one.figures().since.endswith("+00:00")


def test_without_a_number_it_never_opens():
    """``failures = 0``."""
    one = circuit(failures=0)
    for _ in range(100):
        one.failed()
    assert one.admits()


def test_after_a_while_one_call_is_tried():
    """The others are refused until it is known how that ended."""
    clock = Clock()
    one = opened(clock)
    clock.now += 29.9
    assert not one.admits()
    assert 0 < one.time_left() < 0.2
    clock.now += 0.2
    assert one.time_left() == 0
    assert one.admits()
    assert one.figures().state is CircuitState.HALF_OPEN
    assert not one.admits()


def test_a_trial_that_succeeds_closes_it():
    """And the count of failures begins anew."""
    clock = Clock()
    one = opened(clock)
    clock.now += 30
    assert one.admits()
    one.succeeded()
    assert one.figures().state is CircuitState.CLOSED
    assert one.figures().since == ""
    one.failed()
    one.failed()
    assert one.admits()


def test_a_trial_that_fails_opens_it_again():
    """For the same time; it has been open since the first time."""
    clock = Clock()
    one = opened(clock)
    since = one.figures().since
    clock.now += 30
    assert one.admits()
    one.failed()
    assert not one.admits()
    assert one.figures().since == since
    clock.now += 30
    assert one.admits()


def test_a_success_that_began_earlier_does_not_close_it():
    """It says nothing about now."""
    one = opened(Clock())
    one.succeeded()
    assert one.figures().state is CircuitState.OPEN


def test_calls_that_still_hang_put_the_trial_off():
    """Each doubles the time: a thread cannot be ended, so hanging ones must not pile up."""
    clock = Clock()
    one = opened(clock)
    one.gave_up()
    one.gave_up()
    clock.now += 119
    assert not one.admits()
    one.came_back()
    assert one.admits()


def test_the_trial_is_put_off_by_an_hour_at_most():
    """Or by ``retry_after``, where that is longer."""
    clock = Clock()
    one = opened(clock)
    for _ in range(MOST_STUCK - 1):
        one.gave_up()
    clock.now += 3601
    assert one.admits()


def test_no_call_is_made_while_too_many_hang():
    """Whatever the circuit says, and though it never opens."""
    one = circuit(failures=0)
    for _ in range(MOST_STUCK):
        assert one.admits()
        one.gave_up()
    assert not one.admits()
    one.came_back()
    assert one.admits()


def test_each_change_of_state_is_logged_once():
    """With the plugin, the hook, and what happens meanwhile."""
    clock = Clock()
    with capture_logs() as logs:
        one = opened(clock)
        one.failed()
        one.admits()
        clock.now += 30
        one.admits()
        one.failed()
        clock.now += 30
        one.admits()
        one.succeeded()
        one.succeeded()
    assert [log["event"] for log in logs] == [
        "plugin circuit opened",
        "plugin circuit tries one call",
        "plugin circuit stays open",
        "plugin circuit tries one call",
        "plugin circuit closed",
    ]
    assert all((log["plugin"], log["hook"]) == ("acme", "on_store") for log in logs)
    assert (logs[0]["failures"], logs[0]["until_then"]) == (3, "it waits")
