"""One plugin as the archive knows it, whatever became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pacs_framework.config import PluginLimits
from pacs_framework.hookspecs import HookKind
from pacs_framework.plugins.circuit import Circuit
from pacs_framework.plugins.telemetry import CallStats

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pacs_framework.plugins.contract import Hook, Implementation

__all__ = ["Plugin", "PluginState", "limit_of"]


class PluginState(StrEnum):
    """What became of an installed plugin."""

    ACTIVE = "active"
    FAILED = "failed"
    DENIED = "denied"
    NOT_ALLOWED = "not allowed"


@dataclass(slots=True, kw_only=True, eq=False)
class Plugin:
    """An installed plugin: who it is, its state, what it implements and what it provides.

    ``configured`` says that the configuration asks for it, so that its failure stops the start;
    ``optional`` that the archive does without it while a circuit of it is open. ``provides`` maps a
    REGISTER hook to the names of what came out of it. ``idle`` names the hooks that are not called,
    because they have nothing to do with its settings; ``unheard`` those that no plugin offers.
    """

    name: str
    distribution: str
    version: str
    configured: bool
    optional: bool = False
    limits: PluginLimits = field(default_factory=PluginLimits)
    state: PluginState = PluginState.ACTIVE
    reason: str = ""
    implementations: tuple[Implementation, ...] = ()
    provides: dict[str, tuple[str, ...]] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()
    unheard: tuple[str, ...] = ()
    package: str = ""
    model: type[BaseModel] | None = None
    settings: Any = None
    stats: dict[str, CallStats] = field(default_factory=dict)
    circuits: dict[str, Circuit] = field(default_factory=dict)

    def implement(self, implementations: tuple[Implementation, ...]) -> None:
        """Take what the plugin implements, each hook with counters and a circuit of its own."""
        self.implementations = implementations
        for hook in (each.hook for each in implementations):
            self.stats[hook.name] = CallStats(limit_of(hook.kind, self.limits))
            self.circuits[hook.name] = self._circuit(hook)

    def _circuit(self, hook: Hook) -> Circuit:
        while_open = {
            HookKind.REGISTER: "",
            HookKind.DECIDE: "it is passed over" if self.optional else "every operation is refused",
            HookKind.NOTIFY: "what it would be told waits"
            if hook.offered_by
            else "the change feed waits with this plugin",
        }
        return Circuit(
            self.name,
            hook.name,
            # What registers is called once: there is no next call to spare anybody.
            failures=0 if hook.kind is HookKind.REGISTER else self.limits.failures,
            retry_after=self.limits.retry_after,
            while_open=while_open[hook.kind],
            optional=self.optional,
        )

    def fail(self, reason: str) -> None:
        """Put the plugin out of service. ``reason`` becomes one line; the first one stays."""
        if self.state is PluginState.FAILED:
            return
        self.state = PluginState.FAILED
        self.reason = " ".join(reason.split())


def limit_of(kind: HookKind, limits: PluginLimits) -> float:
    """The seconds that a hook of ``kind`` may take; 0 is no limit."""
    return {
        HookKind.REGISTER: limits.register_seconds,
        HookKind.DECIDE: limits.decide_seconds,
        HookKind.NOTIFY: limits.notify_seconds,
    }[kind]
