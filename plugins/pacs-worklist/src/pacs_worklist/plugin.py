"""The hooks of pacs-worklist: the service, its tables, its own sources, its commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_worklist import hookspecs
from pacs_worklist.settings import WorklistSettings

if TYPE_CHECKING:
    import click
    from pydicom import Dataset

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.background import Background
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.network.service import DimseService
    from pacs_framework.tables import PluginTables
    from pacs_worklist.query import WorklistQuery
    from pacs_worklist.web import WebWorklist


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may offer items, and hear of steps."""
    return hookspecs


@hookimpl
def config_models() -> type[WorklistSettings]:
    """The section ``[plugin.worklist]``."""
    return WorklistSettings


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs worklist``."""
    from pacs_worklist.commands import worklist  # noqa: PLC0415 - only the command line asks

    return [worklist]


# What follows imports SQLAlchemy or the wire where it is used, not above: a command that only asks
# for plugins, such as `pacs echo`, needs neither.


@hookimpl
def tables() -> PluginTables:
    """One row for each scheduled procedure step."""
    from pacs_worklist.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def dimse_services(archive: Archive, settings: WorklistSettings) -> Sequence[DimseService]:
    """Answer C-FIND of the Modality Worklist SOP class."""
    from pacs_worklist.service import WorklistService  # noqa: PLC0415 - see above

    return [WorklistService(archive, settings)]


@hookimpl
def worklist_items(
    query: WorklistQuery, archive: Archive, settings: WorklistSettings
) -> Sequence[Dataset]:
    """The steps of the database and of the configured folders."""
    from pacs_worklist.sources import own_items  # noqa: PLC0415 - see above

    return own_items(query, archive.tables("worklist"), settings)


@hookimpl(optionalhook=True)
def scheduled_steps(archive: Archive, settings: WorklistSettings) -> WebWorklist:
    """The same worklist by HTTP (PS3.18 chapter 14), where pacs-dicomweb is installed."""
    from pacs_worklist.web import WebWorklist  # noqa: PLC0415 - see above

    return WebWorklist(archive, settings)


@hookimpl
def background(archive: Archive) -> Sequence[Background]:
    """Tell other plugins of steps."""
    from pacs_worklist.telling import Teller  # noqa: PLC0415 - see above

    return [Teller(archive)]


@hookimpl
def on_patient_changed(change: Change, archive: Archive) -> None:
    """Steps that are planned follow the corrections of their patients."""
    from pacs_worklist.patients import follow  # noqa: PLC0415 - see above

    follow(change, archive)


@hookimpl
def conformance(settings: WorklistSettings) -> Sequence[Contribution]:
    """Document the service and its keys."""
    from pacs_worklist.conformance import contributions  # noqa: PLC0415 - see above

    return contributions(settings)
