"""One plugin as the archive knows it, whatever became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pacs_framework.plugins.telemetry import CallStats

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pacs_framework.plugins.contract import Implementation

__all__ = ["Plugin", "PluginState"]


class PluginState(StrEnum):
    """What became of an installed plugin."""

    ACTIVE = "active"
    FAILED = "failed"
    DENIED = "denied"
    NOT_ALLOWED = "not allowed"


@dataclass(slots=True, kw_only=True, eq=False)
class Plugin:
    """An installed plugin: who it is, its state, what it implements and what it provides.

    ``configured`` says that the configuration asks for it, so that its failure stops the start.
    ``provides`` maps a REGISTER hook to the names of what came out of it. ``idle`` names the hooks
    that are not called, because they have nothing to do with its settings.
    """

    name: str
    distribution: str
    version: str
    configured: bool
    state: PluginState = PluginState.ACTIVE
    reason: str = ""
    implementations: tuple[Implementation, ...] = ()
    provides: dict[str, tuple[str, ...]] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()
    model: type[BaseModel] | None = None
    settings: Any = None
    stats: dict[str, CallStats] = field(default_factory=dict)

    def fail(self, reason: str) -> None:
        """Put the plugin out of service. ``reason`` becomes one line; the first one stays."""
        if self.state is PluginState.FAILED:
            return
        self.state = PluginState.FAILED
        self.reason = " ".join(reason.split())
