"""The hooks of pacs-ups: four services on one state, who performs steps, and ``pacs ups``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_ups import hookspecs
from pacs_ups.settings import UpsSettings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.jobs import JobKind
    from pacs_framework.network.service import DimseService
    from pacs_framework.tables import PluginTables
    from pacs_ups.web import WebSteps


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may perform steps."""
    return hookspecs


@hookimpl
def config_models() -> type[UpsSettings]:
    """The section ``[plugin.ups]``."""
    return UpsSettings


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs ups``."""
    from pacs_ups.commands import ups  # noqa: PLC0415 - only the command line asks

    return [ups]


# What follows imports SQLAlchemy or the wire where it is used, not above: a command that only asks
# for plugins, such as `pacs echo`, needs neither.


@hookimpl
def tables() -> PluginTables:
    """Steps, subscriptions, and the events that wait for subscribers."""
    from pacs_ups.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def dimse_services(archive: Archive, settings: UpsSettings) -> Sequence[DimseService]:
    """UPS Push, Pull, Watch and Query; UPS Event on associations that we open."""
    from pacs_ups.service import services  # noqa: PLC0415 - see above

    return services(archive, settings)


@hookimpl
def job_kinds(archive: Archive, settings: UpsSettings) -> Sequence[JobKind]:
    """Performing a step."""
    from pacs_ups.performing.doing import kinds_of  # noqa: PLC0415 - see above

    return kinds_of(archive, settings)


@hookimpl
def background(archive: Archive) -> Sequence[Background]:
    """Looks for steps that plugins are to perform."""
    from pacs_ups.performing.watching import StepWatch  # noqa: PLC0415 - see above

    return [StepWatch(archive)]


@hookimpl(optionalhook=True)
def workitems(archive: Archive, settings: UpsSettings) -> WebSteps:
    """The same steps by HTTP (UPS-RS), where pacs-dicomweb is installed."""
    from pacs_ups.web import web_steps  # noqa: PLC0415 - see above

    return web_steps(archive, settings)


@hookimpl
def conformance(settings: UpsSettings) -> Sequence[Contribution]:
    """Document each SOP class, its keys and its statuses."""
    from pacs_ups.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
