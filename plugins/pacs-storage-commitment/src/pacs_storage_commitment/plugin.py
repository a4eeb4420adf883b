"""The hooks of pacs-storage-commitment: a service, its tables, and ``pacs commitment``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pacs_framework import hookimpl
from pacs_storage_commitment.command import commitment
from pacs_storage_commitment.settings import CommitmentSettings

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.conformance.records import Contribution
    from pacs_framework.network.service import DimseService
    from pacs_framework.tables import PluginTables
    from pacs_storage_commitment.requestor import Requestor
    from pacs_storage_commitment.web import WebCommitments


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may hear of reports."""
    from pacs_storage_commitment import hookspecs  # noqa: PLC0415 - with all that follows

    return hookspecs


@hookimpl
def config_models() -> type[CommitmentSettings]:
    """The section ``[plugin.storage-commitment]``."""
    return CommitmentSettings


@hookimpl
def tables() -> PluginTables:
    """Transactions and their instances."""
    # Not above, nor what follows: a command that only asks for plugins needs no database.
    from pacs_storage_commitment.tables import TABLES  # noqa: PLC0415

    return TABLES


@hookimpl
def dimse_services(archive: Archive, settings: CommitmentSettings) -> Sequence[DimseService]:
    """Answer requests for storage commitment, and take reports of those we asked."""
    from pacs_storage_commitment.service import CommitmentService  # noqa: PLC0415

    return [CommitmentService(archive, settings)]


@hookimpl(optionalhook=True)
def commitments(archive: Archive, settings: CommitmentSettings) -> WebCommitments:
    """The same by HTTP (PS3.18 chapter 13), where pacs-dicomweb is installed."""
    from pacs_storage_commitment.web import WebCommitments  # noqa: PLC0415

    return WebCommitments(archive, settings)


@hookimpl(optionalhook=True)
def commitment_requestors(archive: Archive) -> Requestor:
    """Ask peers for other plugins, such as pacs-routing."""
    from pacs_storage_commitment.requestor import Requestor  # noqa: PLC0415

    return Requestor(archive)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """Add ``pacs commitment``."""
    return [commitment]


@hookimpl
def conformance(settings: CommitmentSettings) -> Sequence[Contribution]:
    """Document both roles and every Failure Reason."""
    from pacs_storage_commitment.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
