"""``pacs ai``: models, and what they made of stored series."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["ai"]

_PLACES = {
    "list": "pacs_ai.commands.looking:list_models",
    "run": "pacs_ai.commands.running:run",
    "replay": "pacs_ai.commands.replaying:replay",
    "runs": "pacs_ai.commands.looking:runs",
    "show": "pacs_ai.commands.looking:show",
    "review": "pacs_ai.commands.judging:review",
    "compare": "pacs_ai.commands.comparing:compare",
    "agreement": "pacs_ai.commands.comparing:agreement",
}


@click.group("ai", cls=LazyGroup, places=_PLACES)
def ai() -> None:
    """Models on stored series: segmentations, measurements, pictures.

    \b
    Example:
        pacs ai list
        pacs ai run lungs --study 1.2.826.0.1.3680043.8.498.1
    """
