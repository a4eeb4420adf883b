"""``pacs plugins``: what is installed, what became of it, what it does at this moment."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from pacs_framework.app import empty_archive
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.cli.plugins_top import show_top
from pacs_framework.config import Settings, validate_plugin_sections
from pacs_framework.errors import PacsError
from pacs_framework.live import ask
from pacs_framework.plugins import PluginRow, PluginSet, load_plugins
from pacs_framework.plugins.look import Look

__all__ = ["command"]


@click.command("plugins")
@archive_options
@click.option("--top", is_flag=True, help="What the running archive calls, live.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks of --top; where it prints once, rates are over these.",
)
@json_option
@click.pass_context
def command(
    context: click.Context, choice: ArchiveChoice, top: bool, interval: float, as_json: bool
) -> None:
    """List the installed plugins: name, version, state, hooks, and what each provides.

    Where an archive runs on the data folder, the state tells which circuits are open. With --top:
    calls, errors and time of each hook over all processes, refreshed on a terminal, once elsewhere.
    Exit code 1 when a plugin that the configuration asks for has failed, or nothing runs for --top.

    \b
    Example:
        pacs plugins --json
        pacs plugins --data /var/lib/pacs --top
    """
    given = context.get_parameter_source("interval") is not ParameterSource.DEFAULT
    if top:
        data = choice.settings().archive.data
        show_top(data, interval, as_json=as_json, wait=given)
        return
    if given:
        raise click.UsageError("--interval goes with --top")
    settings = choice.settings()
    plugins = load_plugins(settings.plugins, settings.plugin.keys())
    context.call_on_close(plugins.close)
    # A failure is what this command is there to show: it is a row, not the end.
    with suppress(PacsError):
        _let_register(plugins, settings)
    look = Look(ask(settings.archive.data, "figures"))
    for problem in look.problems:
        click.echo(f"the running archive: {problem}", err=True)
    rows = [replace(row, circuits=look.circuits(row.name)) for row in plugins.rows()]
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
    plugins.register("codecs")
    plugins.register("anonymizers")
    with (
        tempfile.TemporaryDirectory(prefix="pacs-plugins-") as folder,
        empty_archive(Path(folder), plugins=plugins) as archive,
    ):
        plugins.register("dimse_services", archive=archive)


def _cells(row: PluginRow) -> tuple[str, ...]:
    provides = "; ".join(f"{hook}: {', '.join(names)}" for hook, names in row.provides.items())
    return (row.name, row.version, row.condition, ", ".join(row.hooks), provides, row.reason)
