"""``pacs hl7``: messages that came in, messages that go out, mapping files.

Nothing is imported here but click: every ``pacs`` command asks for this group. What a subcommand
needs, the database among it, is imported when it is run or listed.
"""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["hl7"]

_MODULES = {
    "messages": "messages",
    "queue": "queue",
    "send": "send",
    "mapping": "mappings",
    "check-mapping": "mappings",
}


class _Lazy(click.Group):
    """Imports a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table above."""
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


@click.command("hl7", cls=_Lazy)
def hl7() -> None:
    """Look at HL7 messages that came in and go out, try them again, check mappings.

    \b
    Example:
        pacs hl7 messages list --rejected
        pacs hl7 check-mapping mapping.toml order.hl7
    """
