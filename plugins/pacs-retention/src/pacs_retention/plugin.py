"""The hooks: rules for what may go, the thread that carries them out, and ``pacs retention``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pacs_framework.hookspecs import hookimpl
from pacs_framework.waking import ring
from pacs_retention.command import retention
from pacs_retention.settings import Settings

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.tables import PluginTables

__all__ = [
    "background",
    "cli_commands",
    "config_models",
    "conformance",
    "idle_hooks",
    "on_stored",
    "tables",
]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.retention]``."""
    return Settings


@hookimpl
def idle_hooks(settings: Settings) -> tuple[str, ...]:
    """Where time alone makes studies go, nobody needs to read the change feed for it."""
    return () if any(rule.waits_for_news for rule in settings.rules) else ("on_stored",)


@hookimpl
def tables() -> PluginTables:
    """When the next cycle is due."""
    # Not above, nor what follows: a command that only asks for plugins needs no database.
    from pacs_retention.tables import TABLES  # noqa: PLC0415

    return TABLES


@hookimpl
def background(archive: Archive, settings: Settings) -> Sequence[Background]:
    """The thread that deletes, where there are rules."""
    from pacs_retention.keeper import Keeper  # noqa: PLC0415

    return [Keeper(archive, settings)] if settings.rules else []


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """Add ``pacs retention``."""
    return [retention]


@hookimpl
def conformance(settings: Settings) -> Sequence[Contribution]:
    """Document that instances may be deleted."""
    from pacs_retention.conformance import contributions  # noqa: PLC0415

    return contributions(settings)


@hookimpl
def on_stored(archive: Archive) -> None:
    """Have the rules looked at: there is more now than there was."""
    from pacs_retention.keeper import bell_of  # noqa: PLC0415

    ring(bell_of(archive.data))
