"""``pacs fetch``: sources, priors, and what two archives have."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["fetch"]

_PLACES = {
    "sources": "pacs_fetch.commands.sources:sources",
    "priors": "pacs_fetch.commands.priors:priors",
    "compare": "pacs_fetch.commands.compare:compare",
    "pull": "pacs_fetch.commands.pull:pull",
}


@click.group("fetch", cls=LazyGroup, places=_PLACES)
def fetch() -> None:
    """Fetch from other archives: priors of tomorrow's patients, and what is missing here.

    \b
    Example:
        pacs fetch priors --dry-run
        pacs fetch compare old --study-date 20260101-20261231
    """
