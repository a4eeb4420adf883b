"""The hooks of pacs-dicomweb: its addresses, its tables, what it forwards, its commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_dicomweb import hookspecs
from pacs_dicomweb.settings import DicomwebSettings
from pacs_framework import hookimpl

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.tables import PluginTables
    from pacs_http.api import Route


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may keep the workitems of UPS-RS, and answer for what is stored."""
    return hookspecs


@hookimpl
def config_models() -> type[DicomwebSettings]:
    """The section ``[plugin.dicomweb]``."""
    return DicomwebSettings


# What follows imports SQLAlchemy, codecs or the contract of HTTP where it is used: a command that
# only asks for plugins needs none of them.


@hookimpl
def tables() -> PluginTables:
    """Metadata of series in the form in which they are answered; what is to be forwarded."""
    from pacs_dicomweb.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def http_routes(archive: Archive, settings: DicomwebSettings) -> Sequence[Route]:
    """Searches, retrievals and stores under ``/dicom-web``."""
    from pacs_dicomweb.routes import routes  # noqa: PLC0415 - see above

    return routes(archive, settings)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs dicomweb``."""
    from pacs_dicomweb.commands import dicomweb  # noqa: PLC0415 - only the command line asks

    return [dicomweb]


@hookimpl
def idle_hooks(settings: DicomwebSettings) -> tuple[str, ...]:
    """Where nothing is forwarded, no change needs to be read."""
    return () if settings.forward else ("on_stored",)


@hookimpl
def on_stored(change: Change, archive: Archive, settings: DicomwebSettings) -> None:
    """Note which servers are to get it."""
    from pacs_dicomweb.forward.selecting import forward_stored  # noqa: PLC0415 - see above

    forward_stored(change, archive, settings)


@hookimpl
def background(archive: Archive, settings: DicomwebSettings) -> Sequence[Background]:
    """Send what is to be forwarded."""
    if not settings.forward:
        return []
    from pacs_dicomweb.forward.sending import Forwarding  # noqa: PLC0415 - see above

    return [Forwarding(archive, settings)]


@hookimpl
def conformance(settings: DicomwebSettings) -> Sequence[Contribution]:
    """Document the web services."""
    from pacs_dicomweb.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
