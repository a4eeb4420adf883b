"""The hooks: one service, and what the conformance statement says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_framework.network.service import DimseService

from pacs_samplename.service import StudyStatusService

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.conformance.records import Contribution

__all__ = ["conformance", "dimse_services"]


@hookimpl
def dimse_services(archive: Archive) -> Sequence[DimseService]:
    """Answer N-GET on the study status SOP class."""
    return [StudyStatusService(archive)]


@hookimpl
def conformance() -> Sequence[Contribution]:
    """Document N-GET as SCP."""
    # Not above: only `pacs conformance` asks.
    from pacs_samplename.conformance import contributions  # noqa: PLC0415

    return contributions()
