"""``pacs worklist``: the steps of the database, by hand.

Nothing is imported here but click: every ``pacs`` command asks for this group. What a subcommand
needs, the database among it, is imported when it is run or listed.
"""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["worklist"]

_MODULES = {
    "add": "changing",
    "list": "looking",
    "show": "looking",
    "update": "changing",
    "cancel": "changing",
    "import": "importing",
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


@click.command("worklist", cls=_Lazy)
def worklist() -> None:
    """Plan, look up and change what modalities are offered to do.

    \b
    Example:
        pacs worklist add --patient-id P1 --patient-name Doe^John --modality CT \\
            --station CT1 --start 20261121T1030 --description "CT thorax"
        pacs worklist list --day 20261121 --station CT1
    """
