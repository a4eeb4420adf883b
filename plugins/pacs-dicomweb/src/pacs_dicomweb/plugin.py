"""The hooks of pacs-dicomweb: its addresses, its table of prepared metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_dicomweb.settings import DicomwebSettings
from pacs_framework import hookimpl

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.tables import PluginTables
    from pacs_http.contract import Route


@hookimpl
def config_models() -> type[DicomwebSettings]:
    """The section ``[plugin.dicomweb]``."""
    return DicomwebSettings


# What follows imports SQLAlchemy, codecs or the contract of HTTP where it is used: a command that
# only asks for plugins needs none of them.


@hookimpl
def tables() -> PluginTables:
    """Metadata of series in the form in which they are answered."""
    from pacs_dicomweb.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def http_routes(archive: Archive, settings: DicomwebSettings) -> Sequence[Route]:
    """Searches and retrievals under ``/dicom-web``."""
    from pacs_dicomweb.routes import routes  # noqa: PLC0415 - see above

    return routes(archive, settings)


@hookimpl
def conformance(settings: DicomwebSettings) -> Sequence[Contribution]:
    """Document the web services."""
    from pacs_dicomweb.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
