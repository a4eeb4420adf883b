"""``pacs check``: is the configuration usable? Nothing is started."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options

__all__ = ["command"]


@click.command("check")
@archive_options
def command(choice: ArchiveChoice) -> None:
    """Validate the configuration and the plugins that it needs; exit code 0 or 1.

    \b
    Example:
        pacs check --config pacs.toml
    """
    configured = choice.configured()
    configured.check_storage()
    configured.codec_registry()
    configured.check_tables()
    configured.check_services()
    where = f"{choice.config}" if choice.config else "the default configuration"
    names = ", ".join(plugin.name for plugin in configured.plugins.active) or "none"
    click.echo(f"{where} is usable (active plugins: {names})")
