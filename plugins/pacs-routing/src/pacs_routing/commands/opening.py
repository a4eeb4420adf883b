"""What the commands work on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pacs_framework.cli.importing import importing
from pacs_framework.cli.options import ArchiveChoice
from pacs_framework.jobs import MissingJobQueue
from pacs_routing.settings import Destination, RoutingSettings
from pacs_routing.terms import NAME

if TYPE_CHECKING:
    from pacs_framework.app import Configured
    from pacs_framework.archive.archive import Archive

__all__ = ["beside", "chosen", "settings_of"]


def settings_of(configured: Configured) -> RoutingSettings:
    """The section of this plugin."""
    found = (plugin.settings for plugin in configured.plugins.active if plugin.name == NAME)
    settings = next(found, None)
    return settings if isinstance(settings, RoutingSettings) else RoutingSettings()


def chosen(settings: RoutingSettings, names: Sequence[str]) -> list[Destination]:
    """The destinations of these names, or all."""
    known = {each.name: each for each in settings.destination}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.ClickException(
            f"there is no destination {unknown[0]!r}; `pacs routing destinations` lists them"
        )
    return [known[name] for name in names] if names else list(known.values())


@contextmanager
def beside(choice: ArchiveChoice) -> Iterator[tuple[Archive, RoutingSettings]]:
    """The archive, beside whatever process runs it, and the settings."""
    with importing():
        from pacs_framework.app import App  # noqa: PLC0415 - `--help` needs no archive

    configured = choice.configured()
    with App(configured, listen=False, feed=False) as app:
        if isinstance(app.archive.jobs, MissingJobQueue):
            raise click.ClickException(
                "no active plugin keeps a queue of jobs; install one, such as pacs-jobs"
            )
        yield app.archive, settings_of(configured)
