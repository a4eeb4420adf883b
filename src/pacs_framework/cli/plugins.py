"""``pacs plugins``: what is installed, what became of it, what it does."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import click

from pacs_framework.app import empty_archive
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.config import Settings, load_settings, validate_plugin_sections
from pacs_framework.errors import PacsError
from pacs_framework.plugins import PluginRow, PluginSet, load_plugins

__all__ = ["command"]


@click.command("plugins")
@archive_options
@json_option
@click.pass_context
def command(context: click.Context, choice: ArchiveChoice, as_json: bool) -> None:
    """List the installed plugins: name, version, state, hooks, and what each provides.

    Exit code 1 when a plugin that the configuration asks for has failed.

    \b
    Example:
        pacs plugins --json
    """
    settings = load_settings(choice.config)
    plugins = load_plugins(settings.plugins, settings.plugin.keys())
    # A failure is what this command is there to show: it is a row, not the end.
    with suppress(PacsError):
        _let_register(plugins, settings)
    rows = plugins.rows()
    if as_json:
        print_json([row.as_json() for row in rows])
    else:
        print_table(("NAME", "VERSION", "STATE", "HOOKS", "PROVIDES", "REASON"), map(_cells, rows))
    if any(row.configured and row.state == "failed" for row in rows):
        context.exit(1)


def _let_register(plugins: PluginSet, settings: Settings) -> None:
    """Ask every REGISTER hook what it provides, around an archive that is thrown away."""
    models = plugins.config_models()
    plugins.bind_settings(validate_plugin_sections(settings, models, inactive=plugins.inactive))
    plugins.register("cli_commands")
    plugins.register("storage_backends")
    with (
        tempfile.TemporaryDirectory(prefix="pacs-plugins-") as folder,
        empty_archive(Path(folder)) as archive,
    ):
        plugins.register("dimse_services", archive=archive)


def _cells(row: PluginRow) -> tuple[str, ...]:
    provides = "; ".join(f"{hook}: {', '.join(names)}" for hook, names in row.provides.items())
    return (row.name, row.version, row.state, ", ".join(row.hooks), provides, row.reason)
