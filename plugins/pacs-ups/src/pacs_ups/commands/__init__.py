"""``pacs ups``: unified procedure steps, by hand."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["ups"]

_PLACES = {
    "list": "pacs_ups.commands.looking:list_",
    "show": "pacs_ups.commands.looking:show",
    "create": "pacs_ups.commands.changing:create",
    "claim": "pacs_ups.commands.changing:claim",
    "set": "pacs_ups.commands.changing:set_",
    "complete": "pacs_ups.commands.changing:complete",
    "cancel": "pacs_ups.commands.changing:cancel",
    "subscriptions": "pacs_ups.commands.watching:subscriptions",
}


@click.group("ups", cls=LazyGroup, places=_PLACES)
def ups() -> None:
    """Unified procedure steps: work items that somebody claims and completes.

    \b
    Example:
        pacs ups create --label "Segment liver" --worklist AI --patient-id P1
        pacs ups list --state SCHEDULED --worklist AI
    """
