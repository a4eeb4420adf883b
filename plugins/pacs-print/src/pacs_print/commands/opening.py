"""The queue of the archive that a command is about, which may be running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.errors import PacsError
from pacs_print.queue.bells import ringer
from pacs_print.queue.book import Book
from pacs_print.settings import PrintSettings
from pacs_print.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.app import Configured
    from pacs_framework.cli.options import ArchiveChoice
    from pacs_framework.tables import TableStore
    from pacs_print.printers import PrinterSettings

__all__ = ["Local", "opened", "settings_of"]


@dataclass(frozen=True, slots=True)
class Local:
    """What an archive has: jobs, printers, and who is told of changes."""

    book: Book
    settings: PrintSettings
    store: TableStore
    ring: Callable[[], None]

    def printer(self, ae_title: str) -> PrinterSettings:
        """The printer of this title; the only one where none is named. Raises `PacsError`."""
        printers = self.settings.printers
        if not ae_title and len(printers) == 1:
            return printers[0]
        found = self.settings.printer(ae_title)
        if found is None:
            known = ", ".join(each.ae_title for each in printers) or "none"
            raise PacsError(f"no printer {ae_title!r}; the configuration has {known}")
        return found


@contextmanager
def opened(choice: ArchiveChoice) -> Iterator[Local]:
    """The queue in the database of the chosen archive. Raises as a start does."""
    configured = choice.configured()
    ring = ringer(configured.data)
    with configured.open_tables() as tables:
        store = tables(NAME)
        yield Local(Book(store, ring), settings_of(configured), store, ring)


def settings_of(configured: Configured) -> PrintSettings:
    """The section of this plugin."""
    found = (plugin.settings for plugin in configured.plugins.active if plugin.name == NAME)
    settings = next(found, None)
    return settings if isinstance(settings, PrintSettings) else PrintSettings()
