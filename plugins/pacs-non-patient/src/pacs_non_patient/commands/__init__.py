"""``pacs non-patient``: the instances of no patient, by hand."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["non_patient"]

_PLACES = {
    "import": "pacs_non_patient.commands.importing:import_",
    "list": "pacs_non_patient.commands.looking:list_",
    "export": "pacs_non_patient.commands.looking:export",
    "delete": "pacs_non_patient.commands.deleting:delete",
}


@click.group("non-patient", cls=LazyGroup, places=_PLACES)
def non_patient() -> None:
    """Take in, list, write out and delete hanging protocols, color palettes and their likes.

    All of it works beside a running archive.

    \b
    Example:
        pacs non-patient import palettes/ protocol.dcm
        pacs non-patient list --category color-palettes
    """
