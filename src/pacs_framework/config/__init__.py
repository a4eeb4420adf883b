"""Configuration: one TOML file and ``PACS_…`` variables, validated at start.

Precedence: command line, environment, file, defaults. A variable is ``PACS_`` and the section and
key in upper case, with two underscores between them: ``PACS_NETWORK__PORT=104``,
``PACS_NETWORK__TLS__ENABLED=true``, ``PACS_PLUGIN__QUERY_RETRIEVE__…`` (hyphens of a name become
underscores). Lists and tables are written as JSON: ``PACS_PLUGINS__DENY='["exec"]'``.

A relative path in the file starts at the folder of the file; in a variable, on the command line
and in a default, at the current folder. All paths are absolute once loaded.
"""

from __future__ import annotations

from pacs_framework.config.load import load_settings, validate_plugin_sections
from pacs_framework.config.render import render_config
from pacs_framework.config.settings import (
    ArchiveSettings,
    IndexSettings,
    LogSettings,
    NetworkSettings,
    PeerSettings,
    PluginLimits,
    PluginsSettings,
    Settings,
    StorageSettings,
    TlsSettings,
)
from pacs_framework.config.types import AETitle, Port, Seconds, Section, Size

__all__ = [
    "AETitle",
    "ArchiveSettings",
    "IndexSettings",
    "LogSettings",
    "NetworkSettings",
    "PeerSettings",
    "PluginLimits",
    "PluginsSettings",
    "Port",
    "Seconds",
    "Section",
    "Settings",
    "Size",
    "StorageSettings",
    "TlsSettings",
    "load_settings",
    "render_config",
    "validate_plugin_sections",
]
