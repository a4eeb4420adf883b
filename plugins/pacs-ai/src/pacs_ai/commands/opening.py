"""The archive and the models that a command is about; the archive may be running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_ai.book import Book
from pacs_ai.catalogue import OfferedModel, models_of
from pacs_ai.inference import lose_dead_runs
from pacs_ai.settings import AiSettings
from pacs_ai.terms import NAME
from pacs_framework.app import App

if TYPE_CHECKING:
    from pacs_framework.app import Configured
    from pacs_framework.archive.archive import Archive
    from pacs_framework.cli.options import ArchiveChoice

__all__ = ["Local", "opened", "settings_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """An archive, its runs and its models."""

    archive: Archive
    book: Book
    settings: AiSettings

    def models(self) -> list[OfferedModel]:
        """Every model. Raises as `models_of`."""
        return models_of(self.archive, self.settings)


@contextmanager
def opened(choice: ArchiveChoice) -> Iterator[Local]:
    """The chosen archive, opened beside the one that runs. Raises as a start does."""
    configured = choice.configured()
    with App(configured, listen=False, feed=False) as app:
        book = Book(app.archive.tables(NAME))
        lose_dead_runs(app.archive, book)
        yield Local(archive=app.archive, book=book, settings=settings_of(configured))


def settings_of(configured: Configured) -> AiSettings:
    """The section of this plugin."""
    found = (plugin.settings for plugin in configured.plugins.active if plugin.name == NAME)
    settings = next(found, None)
    return settings if isinstance(settings, AiSettings) else AiSettings()
