"""The hooks of pacs-print: printers on the wire, their queue, their outputs, ``pacs print``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework import hookimpl
from pacs_print import hookspecs
from pacs_print.settings import PrintSettings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.network.decisions import AssociationRequest, Narrowing
    from pacs_framework.network.service import DimseService
    from pacs_framework.tables import PluginTables
    from pacs_print.outputs import PrintOutput


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may take films."""
    return hookspecs


@hookimpl
def config_models() -> type[PrintSettings]:
    """The section ``[plugin.print]``."""
    return PrintSettings


@hookimpl
def idle_hooks(settings: PrintSettings) -> Collection[str]:
    """Without printers there is nothing to judge, without rules nothing to print by itself."""
    return {
        *(() if settings.printers else ("on_association",)),
        *(() if settings.rules else ("on_stored",)),
    }


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs print``."""
    from pacs_print.commands import print_  # noqa: PLC0415 - only the command line asks

    return [print_]


# What follows imports SQLAlchemy, NumPy or the wire where it is used, not above: a command that
# only asks for plugins, such as `pacs echo`, needs none of them.


@hookimpl
def tables() -> PluginTables:
    """Jobs with their films."""
    from pacs_print.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def on_association(request: AssociationRequest, settings: PrintSettings) -> Narrowing | None:
    """Print is for those who call a printer."""
    from pacs_print.calling import narrowed  # noqa: PLC0415 - see above

    return narrowed(request, settings)


@hookimpl
def dimse_services(archive: Archive, settings: PrintSettings) -> Sequence[DimseService]:
    """Print Management where there are printers, and what prints by rules."""
    if not (settings.printers or settings.rules):
        return []
    from pacs_print.services.service import print_services  # noqa: PLC0415 - see above

    return print_services(archive, settings)


@hookimpl
def on_stored(changes: Sequence[Change], archive: Archive, settings: PrintSettings) -> None:
    """Have series printed that a rule is for, once nothing more of them comes."""
    from pacs_print.queue.bells import ringer  # noqa: PLC0415 - see above
    from pacs_print.stored.waiting import Waiting  # noqa: PLC0415 - see above
    from pacs_print.tables import NAME  # noqa: PLC0415 - see above

    Waiting(archive.tables(NAME), ringer(archive.data)).arrived(changes, settings.rules)


@hookimpl
def print_outputs(archive: Archive) -> Sequence[PrintOutput[Any]]:
    """PDF, PNG, TIFF, the archive, and IPP."""
    from pacs_print.outputs.own import own_outputs  # noqa: PLC0415 - see above

    return own_outputs(archive)


@hookimpl
def conformance(settings: PrintSettings) -> Sequence[Contribution]:
    """Document each SOP class and its statuses."""
    from pacs_print.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
