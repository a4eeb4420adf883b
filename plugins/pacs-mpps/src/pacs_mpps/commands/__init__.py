"""``pacs mpps``: see the steps that modalities told of, and tell peers of steps.

Nothing is imported here but click: every ``pacs`` command asks for this group. What a subcommand
needs, the database among it, is imported when it is run or listed.
"""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["mpps"]

_MODULES = {
    "list": "looking",
    "show": "looking",
    "retry": "looking",
    "create": "telling",
    "complete": "telling",
    "discontinue": "telling",
    "send": "telling",
}


class _Lazy(click.Group):
    """Imports a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Looking first."""
        del ctx
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, or None where there is none of this name."""
        del ctx
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"{__name__}.{_MODULES[cmd_name]}")
        command: click.Command = module.COMMANDS[cmd_name]
        return command


@click.command("mpps", cls=_Lazy)
def mpps() -> None:
    """Performed procedure steps: what modalities have done.

    \b
    Example:
        pacs mpps list --status "IN PROGRESS"
        pacs mpps show 1.2.840.99.7
    """
