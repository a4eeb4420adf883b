"""The hooks of pacs-non-patient: storage, queries and retrievals, their table, a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_non_patient.settings import NonPatientSettings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.network.service import DimseService
    from pacs_framework.tables import PluginTables
    from pacs_non_patient.web import WebInstances


@hookimpl
def config_models() -> type[NonPatientSettings]:
    """The section ``[plugin.non-patient]``."""
    return NonPatientSettings


# What follows imports SQLAlchemy or the wire where it is used: a command that only asks for plugins
# needs neither.


@hookimpl
def tables() -> PluginTables:
    """One row for each instance."""
    from pacs_non_patient.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def dimse_services(archive: Archive, settings: NonPatientSettings) -> Sequence[DimseService]:
    """Answer C-STORE of the classes, and C-FIND, C-MOVE and C-GET of their information models."""
    from pacs_non_patient.finding import FindService  # noqa: PLC0415 - see above
    from pacs_non_patient.retrieving import GetService, MoveService  # noqa: PLC0415 - see above
    from pacs_non_patient.storing import StorageService  # noqa: PLC0415 - see above

    return [
        StorageService(archive, settings),
        FindService(archive),
        MoveService(archive),
        GetService(archive),
    ]


@hookimpl(optionalhook=True)
def non_patient_instances(archive: Archive, settings: NonPatientSettings) -> WebInstances:
    """The same by HTTP (PS3.18 chapter 12), where pacs-dicomweb is installed."""
    from pacs_non_patient.web import WebInstances  # noqa: PLC0415 - see above

    return WebInstances(archive, settings)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs non-patient``."""
    from pacs_non_patient.commands import non_patient  # noqa: PLC0415 - only the command line asks

    return [non_patient]


@hookimpl
def conformance(settings: NonPatientSettings) -> Sequence[Contribution]:
    """Document the services and their keys."""
    from pacs_non_patient.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
