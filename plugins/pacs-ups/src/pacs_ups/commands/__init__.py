"""``pacs ups``: unified procedure steps, by hand.

Nothing is imported here but click: every ``pacs`` command asks for this group. What a subcommand
needs, the database among it, is imported when it is run or listed.
"""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["ups"]

_MODULES = {
    "list": "looking",
    "show": "looking",
    "create": "changing",
    "claim": "changing",
    "set": "changing",
    "complete": "changing",
    "cancel": "changing",
    "subscriptions": "watching",
}


class _Lazy(click.Group):
    """Imports a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a step's life."""
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


@click.command("ups", cls=_Lazy)
def ups() -> None:
    """Unified procedure steps: work items that somebody claims and completes.

    \b
    Example:
        pacs ups create --label "Segment liver" --worklist AI --patient-id P1
        pacs ups list --state SCHEDULED --worklist AI
    """
