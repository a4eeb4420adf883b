"""The hooks of pacs-store: the storage service, its rule on modalities, and ``pacs store``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pacs_framework import hookimpl
from pacs_framework.archive.incoming import IncomingInstance, Refusal
from pacs_framework.network.service import DimseService
from pacs_store.command import store
from pacs_store.service import StorageService
from pacs_store.settings import StoreSettings

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.conformance.records import Contribution


@hookimpl
def config_models() -> type[StoreSettings]:
    """The section ``[plugin.store]``."""
    return StoreSettings


@hookimpl
def idle_hooks(settings: StoreSettings) -> tuple[str, ...]:
    """Where every modality is accepted, no instance needs to be asked about."""
    return () if settings.accept else ("on_store",)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """Add ``pacs store``."""
    return [store]


@hookimpl
def dimse_services(archive: Archive, settings: StoreSettings) -> Sequence[DimseService]:
    """Answer C-STORE."""
    return [StorageService(archive, settings)]


@hookimpl
def on_store(instance: IncomingInstance, settings: StoreSettings) -> Refusal | None:
    """Refuse modalities that the site does not take, whichever door they come through."""
    modality = instance.attributes["Modality"]
    if modality in settings.accept:
        return None
    accepted = ", ".join(sorted(settings.accept))
    return Refusal(reason=f"modality {modality!r} is not accepted here (accepted: {accepted})")


@hookimpl
def conformance(settings: StoreSettings) -> Sequence[Contribution]:
    """Document C-STORE as SCP, and ``pacs store`` as SCU."""
    # Not above: only `pacs conformance` asks.
    from pacs_store.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
