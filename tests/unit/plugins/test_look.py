"""What several processes tell of their plugins, added up."""

from __future__ import annotations

from dataclasses import asdict

from pacs_framework.plugins import CircuitFigures, CircuitState, HookFigures
from pacs_framework.plugins.look import Look


def process(pid: int, seconds: float, calls: int, **more) -> dict:
    figures = HookFigures(
        plugin="a", hook="on_store", calls=calls, errors=0, seconds=calls / 10, **more
    )
    return {
        "pid": pid,
        "role": "worker",
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": seconds,
        "hooks": [asdict(figures)],
        "circuits": [asdict(circuit())],
        "processes": {},
    }


def circuit(state: CircuitState = CircuitState.CLOSED) -> CircuitFigures:
    return CircuitFigures(
        plugin="a", hook="on_store", state=state, since="", failures=0, stuck=0, optional=False
    )


def test_processes_are_added_up():
    """Sums, but the oldest call of all."""
    (row,) = Look(
        [
            process(1, 10, 20, running=1, running_seconds=3.0, overdue=1, last_error="E"),
            process(2, 10, 30, running=2, running_seconds=5.0),
        ]
    ).rows()
    figures = row.figures
    assert (figures.calls, figures.seconds, figures.running) == (50, 5.0, 3)
    assert (figures.running_seconds, figures.overdue, figures.last_error) == (5.0, 1, "E")


def test_rates_are_since_the_last_look():
    """And since its start for a process that was not there then."""
    before = Look([process(1, 10, 20)])
    (row,) = Look([process(1, 12, 26), process(2, 4, 8)]).rows(before)
    assert row.calls_per_second == 6 / 2 + 8 / 4
    (first,) = before.rows()
    assert first.calls_per_second == 2.0


def test_circuits_that_are_not_closed_are_shown():
    tripped = process(2, 1, 1)
    tripped["circuits"] = [asdict(circuit(CircuitState.OPEN))]
    look = Look([process(1, 1, 1), tripped])
    (row,) = look.rows()
    assert [each.state for each in row.circuits] == [CircuitState.OPEN]
    assert [each.state for each in look.circuits("a")] == [CircuitState.CLOSED, CircuitState.OPEN]


def test_a_process_that_does_not_answer_is_a_problem_and_no_row():
    look = Look([{"error": "stuck"}, process(1, 1, 1)])
    assert look.problems == ("stuck",)
    assert len(look.rows()) == 1
    assert [each["pid"] for each in look.processes()] == [1]
