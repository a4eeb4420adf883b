"""``pacs dicomweb``: other DICOMweb servers, and what is forwarded to them."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["dicomweb"]

_PLACES = {
    "search": "pacs_dicomweb.commands.searching:search_",
    "retrieve": "pacs_dicomweb.commands.retrieving:retrieve_",
    "store": "pacs_dicomweb.commands.storing:store_",
    "forwards": "pacs_dicomweb.commands.forwards:forwards",
}


@click.group("dicomweb", cls=LazyGroup, places=_PLACES)
def dicomweb() -> None:
    """Search, fetch and store at DICOMweb servers; see what is to be forwarded.

    \b
    Example:
        pacs dicomweb search http://127.0.0.1:8042/dicom-web -m PatientID=4711
    """
