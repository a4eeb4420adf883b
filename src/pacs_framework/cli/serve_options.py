"""The options of ``pacs serve`` that plugins add: each stands for a setting of its section."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

import click

from pacs_framework.cli.importing import importing
from pacs_framework.config import PluginsSettings

__all__ = ["contributed_options", "settings_of_plugins"]

_MARK = "plugin."


def contributed_options() -> list[click.Option]:
    """The options of all installed plugins, named so that `settings_of_plugins` knows them."""
    with importing():
        from pacs_framework.plugins import load_plugins  # noqa: PLC0415 - mostly not needed

        with closing(load_plugins(PluginsSettings())) as plugins:
            provided = plugins.register("serve_options")
    options = []
    for plugin, by_key in provided:
        for key, option in by_key.items():
            option.name = f"{_MARK}{plugin}.{key}"
            options.append(option)
    return options


def settings_of_plugins(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The part of the configuration that options of plugins override; empty where none is given."""
    sections: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        if value is not None:
            plugin, _, key = name.removeprefix(_MARK).partition(".")
            sections.setdefault(plugin, {})[key] = value
    return {"plugin": dict(sections)} if sections else {}
