"""The group ``pacs anonymize``, which takes paths as well as names of commands."""

from __future__ import annotations

import importlib

import click

__all__ = ["anonymize"]

# Name → module with a command of the same name. Imported on demand: `pacs --help` stays quick.
_COMMANDS = {
    "import-recipe": "pacs_anonymize.commands.import_recipe",
    "lint": "pacs_anonymize.commands.lint",
    "make-key": "pacs_anonymize.commands.make_key",
    "preview": "pacs_anonymize.commands.preview",
    "profiles": "pacs_anonymize.commands.profiles",
    "pseudonyms": "pacs_anonymize.commands.pseudonyms",
    "quarantine": "pacs_anonymize.commands.quarantine",
    "restore": "pacs_anonymize.commands.restore",
    "run": "pacs_anonymize.commands.run",
    "vault": "pacs_anonymize.commands.vault",
}
_DEFAULT = "run"


class _PathsFirst(click.Group):
    """What begins with none of its commands is for the default one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*_COMMANDS, *ctx.help_option_names):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command


@click.group("anonymize", cls=_PathsFirst)
def anonymize() -> None:
    """De-identify DICOM files by the profiles of PS3.15 Annex E, and look after these profiles.

    Without the name of a command, `run` is meant. A path that is called like a command is written
    with its folder: ./lint.

    \b
    Example:
        pacs anonymize ~/studies -o ~/anonymous
        pacs anonymize lint site.toml
    """
