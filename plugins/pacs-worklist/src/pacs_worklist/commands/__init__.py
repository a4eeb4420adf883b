"""``pacs worklist``: the steps of the database, by hand."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["worklist"]

_PLACES = {
    "add": "pacs_worklist.commands.changing:add",
    "list": "pacs_worklist.commands.looking:list_",
    "show": "pacs_worklist.commands.looking:show",
    "update": "pacs_worklist.commands.changing:update",
    "cancel": "pacs_worklist.commands.changing:cancel",
    "import": "pacs_worklist.commands.importing:import_",
}


@click.group("worklist", cls=LazyGroup, places=_PLACES)
def worklist() -> None:
    """Plan, look up and change what modalities are offered to do.

    \b
    Example:
        pacs worklist add --patient-id P1 --patient-name Doe^John --modality CT \\
            --station CT1 --start 20261121T1030 --description "CT thorax"
        pacs worklist list --day 20261121 --station CT1
    """
