"""Plugins as rows: for ``pacs plugins``, and for the message of a start that stopped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pacs_framework.plugins.record import Plugin

__all__ = ["PluginRow", "row_of", "text_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow:
    """What is to be told of one plugin; ``provides`` maps a hook to names, where there are any."""

    name: str
    distribution: str
    version: str
    state: str
    reason: str
    configured: bool
    hooks: tuple[str, ...]
    provides: dict[str, tuple[str, ...]]

    def cells(self) -> tuple[str, ...]:
        """Name, distribution, version, state, hooks, what it provides, and the reason, as text."""
        provided = (name for names in self.provides.values() for name in names)
        return (
            self.name,
            self.distribution,
            self.version,
            self.state,
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
        reason=plugin.reason,
        configured=plugin.configured,
        hooks=tuple(implementation.hook.name for implementation in plugin.implementations),
        provides={hook: names for hook, names in plugin.provides.items() if names},
    )


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
