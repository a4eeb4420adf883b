"""Figures of hooks as the processes of a running archive tell them, added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pacs_framework.plugins.circuit import CircuitFigures, CircuitState
from pacs_framework.plugins.telemetry import HookFigures

__all__ = ["HookRow", "Look"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRow:
    """One hook of one plugin over all processes; ``calls_per_second`` since the last look.

    ``circuits`` are those that are not closed.
    """

    figures: HookFigures
    calls_per_second: float
    circuits: tuple[CircuitFigures, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            **asdict(self.figures),
            "calls_per_second": round(self.calls_per_second, 3),
            "circuits": [asdict(circuit) for circuit in self.circuits],
        }


class Look:
    """What all processes of an archive said of their plugins at one moment.

    ``answers`` is what `pacs_framework.live.ask` gave for the word ``figures``.
    """

    def __init__(self, answers: Sequence[Mapping[str, Any]]) -> None:
        self.problems = tuple(str(each["error"]) for each in answers if "error" in each)
        self._processes = {int(each["pid"]): each for each in answers if "pid" in each}

    def circuits(self, plugin: str) -> tuple[CircuitFigures, ...]:
        """Every circuit of a plugin in every process."""
        return tuple(each for each in self._circuits() if each.plugin == plugin)

    def processes(self) -> list[dict[str, Any]]:
        """Each process: its id, role, start, and the processes of plugins below it."""
        keys = ("pid", "role", "started", "processes")
        return [{key: each[key] for key in keys} for each in self._processes.values()]

    def rows(self, before: Look | None = None) -> list[HookRow]:
        """One row for each hook, in the order of the plugins; rates since ``before``.

        Without ``before``, and for processes that are new since, rates are since their start.
        """
        rates = self._rates(before)
        tripped = [each for each in self._circuits() if each.state is not CircuitState.CLOSED]
        return [
            HookRow(
                figures=figures,
                calls_per_second=rates[key],
                circuits=tuple(c for c in tripped if (c.plugin, c.hook) == key),
            )
            for key, figures in _added_up(self._figures()).items()
        ]

    def _rates(self, before: Look | None) -> dict[tuple[str, str], float]:
        rates: dict[tuple[str, str], float] = {}
        for pid, process in self._processes.items():
            earlier = None if before is None else before._processes.get(pid)  # noqa: SLF001 - its own class
            calls = {} if earlier is None else {_key(h): h["calls"] for h in earlier["hooks"]}
            seconds = process["seconds"] - (0.0 if earlier is None else earlier["seconds"])
            for hook in process["hooks"]:
                new = hook["calls"] - calls.get(_key(hook), 0)
                rate = new / seconds if seconds > 0 else 0.0
                rates[_key(hook)] = rates.get(_key(hook), 0.0) + rate
        return rates

    def _figures(self) -> Iterable[HookFigures]:
        for process in self._processes.values():
            yield from (HookFigures(**hook) for hook in process["hooks"])

    def _circuits(self) -> Iterable[CircuitFigures]:
        for process in self._processes.values():
            for each in process["circuits"]:
                yield CircuitFigures(**{**each, "state": CircuitState(each["state"])})


def _key(hook: Mapping[str, Any]) -> tuple[str, str]:
    return hook["plugin"], hook["hook"]


def _added_up(figures: Iterable[HookFigures]) -> dict[tuple[str, str], HookFigures]:
    sums: dict[tuple[str, str], HookFigures] = {}
    for each in figures:
        key = (each.plugin, each.hook)
        so_far = sums.get(key)
        sums[key] = each if so_far is None else _sum(so_far, each)
    return sums


def _sum(one: HookFigures, other: HookFigures) -> HookFigures:
    return replace(
        one,
        calls=one.calls + other.calls,
        errors=one.errors + other.errors,
        seconds=one.seconds + other.seconds,
        overruns=one.overruns + other.overruns,
        last_error=one.last_error or other.last_error,
        running=one.running + other.running,
        running_seconds=max(one.running_seconds, other.running_seconds),
        overdue=one.overdue + other.overdue,
    )
