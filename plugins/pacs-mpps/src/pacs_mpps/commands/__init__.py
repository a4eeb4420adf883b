"""``pacs mpps``: see the steps that modalities told of, and tell peers of steps."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["mpps"]

_PLACES = {
    "list": "pacs_mpps.commands.looking:list_",
    "show": "pacs_mpps.commands.looking:show",
    "retry": "pacs_mpps.commands.looking:retry",
    "create": "pacs_mpps.commands.telling:create",
    "complete": "pacs_mpps.commands.telling:complete",
    "discontinue": "pacs_mpps.commands.telling:discontinue",
    "send": "pacs_mpps.commands.telling:send",
}


@click.group("mpps", cls=LazyGroup, places=_PLACES)
def mpps() -> None:
    """Performed procedure steps: what modalities have done.

    \b
    Example:
        pacs mpps list --status "IN PROGRESS"
        pacs mpps show 1.2.840.99.7
    """
