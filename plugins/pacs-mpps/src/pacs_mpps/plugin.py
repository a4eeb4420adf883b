"""The hooks of pacs-mpps: services, tables, commands, what it offers and what it listens to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_mpps import hookspecs
from pacs_mpps.settings import MppsSettings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.network.service import DimseService
    from pacs_framework.tables import PluginTables
    from pacs_mpps.web import WebPerformedSteps


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may hear of steps and of complete studies."""
    return hookspecs


@hookimpl
def config_models() -> type[MppsSettings]:
    """The section ``[plugin.mpps]``."""
    return MppsSettings


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs mpps``."""
    from pacs_mpps.commands import mpps  # noqa: PLC0415 - only the command line asks

    return [mpps]


# What follows imports SQLAlchemy or the wire where it is used, not above: a command that only asks
# for plugins, such as `pacs echo`, needs neither.


@hookimpl
def tables() -> PluginTables:
    """Steps, the instances that they list, and who is to hear of them."""
    from pacs_mpps.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def dimse_services(archive: Archive, settings: MppsSettings) -> Sequence[DimseService]:
    """Take steps, and give them back."""
    from pacs_mpps.service import MppsService, RetrieveService  # noqa: PLC0415 - see above

    return [MppsService(archive, settings), RetrieveService(archive)]


@hookimpl(optionalhook=True)
def performed_steps(archive: Archive, settings: MppsSettings) -> WebPerformedSteps:
    """The same steps by HTTP (PS3.18 chapter 15), where pacs-dicomweb is installed."""
    from pacs_mpps.web import WebPerformedSteps  # noqa: PLC0415 - see above

    return WebPerformedSteps(archive, settings)


@hookimpl
def on_stored(changes: Sequence[Change], archive: Archive, settings: MppsSettings) -> None:
    """An instance that a step lists may be the last one of its study."""
    from pacs_mpps.arrivals import arrived  # noqa: PLC0415 - see above

    arrived(changes, archive, settings)


@hookimpl
def conformance(settings: MppsSettings) -> Sequence[Contribution]:
    """Document all roles and statuses."""
    from pacs_mpps.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
