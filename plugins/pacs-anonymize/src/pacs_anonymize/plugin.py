"""The hooks of pacs-anonymize: anonymizers, rules for what comes in, and ``pacs anonymize``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from pacs_anonymize.commands.group import anonymize
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework import hookimpl
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal
from pacs_framework.archive.outgoing import OutgoingInstance
from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.network.service import DimseService

if TYPE_CHECKING:
    from pacs_framework.anonymizers.anonymizer import Anonymizer
    from pacs_framework.archive.archive import Archive
    from pacs_framework.conformance.records import Contribution


@hookimpl
def config_models() -> type[AnonymizeSettings]:
    """The section ``[plugin.anonymize]``."""
    return AnonymizeSettings


@hookimpl
def idle_hooks(settings: AnonymizeSettings) -> tuple[str, ...]:
    """Without a rule, no instance needs to be looked at."""
    rules = {"on_store": settings.on_store, "on_retrieve": settings.on_retrieve}
    return tuple(hook for hook, each in rules.items() if not each)


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """Add ``pacs anonymize``."""
    return [anonymize]


@hookimpl
def anonymizers(settings: AnonymizeSettings) -> Mapping[str, Anonymizer]:
    """Offer one for each profile."""
    # Not above: commands that only ask for plugins need no profiles.
    from pacs_anonymize.provided import own_anonymizers  # noqa: PLC0415

    return own_anonymizers(settings)


@hookimpl
def dimse_services(archive: Archive, settings: AnonymizeSettings) -> Sequence[DimseService]:
    """Offer none; stop the start where a rule names an anonymizer that nobody provides.

    Of the hooks of the start it is the one that sees the anonymizers of all plugins.
    """
    if any(archive.anonymizers):  # else the services are only looked at, for a statement
        for rule in settings.on_store:
            if rule.anonymizer:
                archive.anonymizers[rule.anonymizer]
        for view in settings.on_retrieve:
            if view.anonymizer:
                archive.anonymizers[view.anonymizer]
        _open_vault(settings)
    return []


def _open_vault(settings: AnonymizeSettings) -> None:
    """A vault that is away or has another key stops the start, not each instance."""
    if settings.vault.vault is None:
        return
    try:
        settings.vault.vault.open()
    except PacsError as error:
        raise ConfigurationError(str(error)) from error


@hookimpl
def on_store(
    instance: IncomingInstance, archive: Archive, settings: AnonymizeSettings
) -> Refusal | Coercion | None:
    """De-identify what a rule says, whichever door it comes through."""
    # Not above: an archive without rules needs none of it.
    from pacs_anonymize.on_store import judge  # noqa: PLC0415

    return judge(
        instance,
        archive,
        settings.on_store,
        keeper=settings.vault.keeper,
        quarantine=settings.quarantine,
    )


@hookimpl
def on_retrieve(
    instance: OutgoingInstance, archive: Archive, settings: AnonymizeSettings
) -> Refusal | Coercion | None:
    """De-identify what a rule says for this recipient."""
    # Not above: an archive without rules needs none of it.
    from pacs_anonymize.on_retrieve import judge  # noqa: PLC0415

    return judge(instance, archive, settings.on_retrieve, keeper=settings.vault.keeper)


@hookimpl
def conformance(settings: AnonymizeSettings) -> Sequence[Contribution]:
    """Document the profiles of PS3.15 Annex E, and what is de-identified."""
    # Not above: only `pacs conformance` asks.
    from pacs_anonymize.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
