"""The outputs of this plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_print.outputs.archived import ArchiveOutput
from pacs_print.outputs.ipp import IppOutput
from pacs_print.outputs.page import PdfOutput
from pacs_print.outputs.picture import PngOutput, TiffOutput

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_print.outputs.contract import PrintOutput

__all__ = ["own_outputs"]


def own_outputs(archive: Archive) -> list[PrintOutput[Any]]:
    """Files, the archive itself, and printers of the network."""
    return [PdfOutput(), PngOutput(), TiffOutput(), ArchiveOutput(archive), IppOutput()]
