"""``pacs routing``: rules, destinations, and what is on its way."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["routing"]

_PLACES = {
    "list": "pacs_routing.commands.rules:list_",
    "test": "pacs_routing.commands.rules:test",
    "destinations": "pacs_routing.commands.destinations:destinations",
    "echo": "pacs_routing.commands.destinations:echo",
    "queue": "pacs_routing.commands.queue:queue",
    "retry": "pacs_routing.commands.queue:retry",
    "send": "pacs_routing.commands.queue:send",
}


@click.group("routing", cls=LazyGroup, places=_PLACES)
def routing() -> None:
    """Instances that are sent on by rules: see which, where to, and what waits.

    \b
    Example:
        pacs routing test scan.dcm --calling-aet CT1
        pacs routing queue
    """
