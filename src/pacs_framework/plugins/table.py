"""Plugins as rows: for ``pacs plugins``, and for the message of a start that stopped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind
from pacs_framework.plugins.circuit import CircuitFigures, CircuitState

if TYPE_CHECKING:
    from pacs_framework.plugins.record import Plugin

__all__ = ["PluginRow", "row_of", "text_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow:
    """What is to be told of one plugin; ``provides`` maps a hook to names, where there are any.

    ``circuits`` are those of its hooks that decide or are notified.
    """

    name: str
    distribution: str
    version: str
    state: str
    reason: str
    configured: bool
    optional: bool
    hooks: tuple[str, ...]
    provides: dict[str, tuple[str, ...]]
    circuits: tuple[CircuitFigures, ...] = ()

    @property
    def condition(self) -> str:
        """The state, and which circuits are not closed: ``active, on_store circuit open since …``.

        Circuits of several processes that read alike are told once.
        """
        tripped = (
            f"{circuit.hook} circuit {circuit.state} since {circuit.since}"
            for circuit in self.circuits
            if circuit.state is not CircuitState.CLOSED
        )
        return ", ".join([self.state, *dict.fromkeys(tripped)])

    def cells(self) -> tuple[str, ...]:
        """Name, distribution, version, state, hooks, what it provides, and the reason, as text."""
        provided = (name for names in self.provides.values() for name in names)
        return (
            self.name,
            self.distribution,
            self.version,
            self.condition,
            ", ".join(self.hooks),
            ", ".join(provided),
            self.reason,
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return asdict(self)


def row_of(plugin: Plugin) -> PluginRow:
    """The row of ``plugin`` as it stands."""
    return PluginRow(
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        state=plugin.state.value,
        reason=plugin.reason or _unheard(plugin),
        configured=plugin.configured,
        optional=plugin.optional,
        hooks=tuple(implementation.hook.name for implementation in plugin.implementations),
        provides={hook: names for hook, names in plugin.provides.items() if names},
        circuits=tuple(
            plugin.circuits[each.hook.name].figures()
            for each in plugin.implementations
            if each.hook.kind is not HookKind.REGISTER
        ),
    )


def _unheard(plugin: Plugin) -> str:
    """The remark about hooks that are not called, because no active plugin offers them."""
    return f"no active plugin offers {', '.join(plugin.unheard)}" if plugin.unheard else ""


def text_table(rows: Iterable[PluginRow]) -> str:
    """Name, distribution, version, state and reason in columns, one line each, for plain text."""
    cells = [("PLUGIN", "DISTRIBUTION", "VERSION", "STATE", "REASON")]
    cells += [(r.name, r.distribution, r.version, r.state, r.reason) for r in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = (
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in cells
    )
    return "\n".join(f"  {line.rstrip()}" for line in lines)
