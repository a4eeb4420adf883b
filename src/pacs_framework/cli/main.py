"""The command group ``pacs``: the kernel's own commands, and those of the plugins."""

from __future__ import annotations

import importlib
from contextlib import closing

import click

from pacs_framework import __version__
from pacs_framework.cli.importing import importing
from pacs_framework.config import LogSettings, PluginsSettings
from pacs_framework.errors import PacsError
from pacs_framework.logs import configure_logging

__all__ = ["main"]

# Name → module with a command of the same name. Imported on demand: `pacs --help` stays quick.
_OWN = {
    "backup": "pacs_framework.cli.backup",
    "check": "pacs_framework.cli.check",
    "config": "pacs_framework.cli.config",
    "codecs": "pacs_framework.cli.codecs",
    "conformance": "pacs_framework.cli.conformance",
    "convert": "pacs_framework.cli.convert",
    "delete": "pacs_framework.cli.delete",
    "deletions": "pacs_framework.cli.deletions",
    "extract": "pacs_framework.cli.extract",
    "health": "pacs_framework.cli.health",
    "import": "pacs_framework.cli.imports",
    "label": "pacs_framework.cli.label",
    "patient": "pacs_framework.cli.patient",
    "plugin": "pacs_framework.cli.plugin",
    "plugins": "pacs_framework.cli.plugins",
    "protect": "pacs_framework.cli.protect",
    "reindex": "pacs_framework.cli.reindex",
    "render": "pacs_framework.cli.render",
    "restore": "pacs_framework.cli.restore",
    "serve": "pacs_framework.cli.serve",
    "verify": "pacs_framework.cli.verify",
}


class PacsGroup(click.Group):
    """Finds the kernel's commands by name, and asks the plugins for all others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, sorted."""
        return sorted({*_OWN, *self._from_plugins(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The kernel's command of this name, else a plugin's."""
        if cmd_name in _OWN:
            with importing():
                command = importlib.import_module(_OWN[cmd_name]).command
            assert isinstance(command, click.Command)
            return command
        return self._from_plugins(ctx).get(cmd_name)

    def _from_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        """The commands that installed plugins add; asked for once per run."""
        commands: dict[str, click.Command] | None = ctx.meta.get("pacs.commands")
        if commands is None:
            with importing():
                from pacs_framework.plugins import (  # noqa: PLC0415 - own commands need none
                    load_plugins,
                )

                with closing(load_plugins(PluginsSettings())) as plugins:
                    provided = plugins.register("cli_commands")
            commands = {
                command.name: command
                for _, result in provided
                for command in result
                if command.name and command.name not in _OWN
            }
            ctx.meta["pacs.commands"] = commands
        return commands

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what is wrong with a setting or a plugin is a sentence, no traceback."""
        try:
            return super().invoke(ctx)
        except PacsError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=PacsGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pacs")
def main() -> None:
    """A DICOM archive made of plugins.

    \b
    Example:
        pacs serve                             an archive on 127.0.0.1:11112, data in ./pacs-data
        pacs store 127.0.0.1 11112 ~/studies   send files to it

    Completion: eval "$(_PACS_COMPLETE=bash_source pacs)"
    """
    # A command tells what went wrong and keeps quiet otherwise; `serve` sets up its own log.
    configure_logging(LogSettings(level="warning"), cache=False)
