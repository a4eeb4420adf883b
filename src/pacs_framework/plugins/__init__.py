"""Plugins: discovery without import, the API gate, order, quarantine, and dispatch by hook kind."""

from __future__ import annotations

from pacs_framework.plugins.circuit import CircuitFigures, CircuitState
from pacs_framework.plugins.plugin_set import PluginSet, load_plugins
from pacs_framework.plugins.record import Plugin, PluginState
from pacs_framework.plugins.table import PluginRow, text_table
from pacs_framework.plugins.telemetry import HookFigures

__all__ = [
    "CircuitFigures",
    "CircuitState",
    "HookFigures",
    "Plugin",
    "PluginRow",
    "PluginSet",
    "PluginState",
    "load_plugins",
    "text_table",
]
