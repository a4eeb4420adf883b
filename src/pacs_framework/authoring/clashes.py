"""Names that are taken already, by what is installed here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path

import importlib_metadata
from pydantic import BaseModel

from pacs_framework.authoring.names import PluginName
from pacs_framework.config import PluginsSettings, Settings, validate_plugin_sections
from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.plugins import load_plugins
from pacs_framework.plugins.discovery import discover

__all__ = ["refuse_taken"]

_PROVIDED = {"anonymizer": "anonymizers", "storage": "storage_backends"}
"""Kind → the REGISTER hook whose names a new plugin of that kind adds its own to."""


def refuse_taken(
    name: PluginName, kind: str, project: Path, commands: Collection[str] = ()
) -> None:
    """Raise `ConfigurationError` when something of this name is there already.

    ``project`` is the folder that would be made, ``commands`` what ``pacs`` knows.
    """
    for taken in (
        _plugin(name),
        _distribution(name),
        _module(name),
        f"the folder {str(project)!r} exists; choose another name or --into" * project.exists(),
        _command(name, commands) if kind == "command" else "",
        _provided(name, _PROVIDED[kind]) if kind in _PROVIDED else "",
    ):
        if taken:
            raise ConfigurationError(f"plugin name {name.name!r}: {taken}")


def _plugin(name: PluginName) -> str:
    for candidate in discover():
        if candidate.name == name.name:
            return f"{candidate.distribution} {candidate.version} is a plugin of this name"
    return ""


def _distribution(name: PluginName) -> str:
    with suppress(importlib_metadata.PackageNotFoundError):
        version = importlib_metadata.version(name.distribution)
        return f"the distribution {name.distribution} {version} is installed"
    return ""


def _module(name: PluginName) -> str:
    spec = find_spec(name.package)  # a top-level name: nothing is imported for it
    if spec is None:
        return ""
    return f"a module {name.package!r} can be imported already ({spec.origin or 'a namespace'})"


def _command(name: PluginName, commands: Collection[str]) -> str:
    return f"'pacs {name.name}' is a command already" if name.name in commands else ""


def _provided(name: PluginName, hook: str) -> str:
    """Whether an installed plugin provides the name by ``hook``, for example a storage scheme.

    What is wrong with the others is not the author's business.
    """
    with closing(load_plugins(PluginsSettings())) as plugins:
        with suppress(PacsError):
            plugins.bind_settings(_default_sections(plugins.config_models()))
        with suppress(PacsError):
            plugins.register(hook)
    for row in plugins.rows():
        if name.name in row.provides.get(hook, ()):
            return f"the plugin {row.name!r} provides {name.name!r} by {hook}"
    return ""


def _default_sections(models: Mapping[str, type[BaseModel] | None]) -> dict[str, BaseModel]:
    """The section of each plugin that can be without one, as it then is."""
    sections: dict[str, BaseModel] = {}
    for name, model in models.items():
        with suppress(PacsError):
            sections |= validate_plugin_sections(Settings(), {name: model})
    return sections
