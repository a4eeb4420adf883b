"""``pacs anonymize vault``: the vault made, read, looked after."""

from __future__ import annotations

import importlib

import click

__all__ = ["command"]

_COMMANDS = ("audit", "change-key", "check", "create", "export", "list", "show")


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module("pacs_anonymize.commands.vault_commands")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command


@click.group("vault", cls=_Commands)
def command() -> None:
    """Look after the vault, which leads from pseudonyms back to patients.

    It is encrypted with a key of its own. Whoever reads who somebody is says why, and that stands
    in its audit trail before the answer is given.

    \b
    Example:
        pacs anonymize vault create --map trial-7.vault --vault-key vault.key
    """
