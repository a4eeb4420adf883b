"""What the commands work on."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pacs_fetch.settings import FetchSettings, Source
from pacs_fetch.terms import NAME
from pacs_framework.cli.dates import DateRangeType
from pacs_framework.cli.importing import importing
from pacs_framework.dicom.attributes import Level
from pacs_framework.jobs import MissingJobQueue
from pacs_framework.moving.listing import DateRange

if TYPE_CHECKING:
    from pacs_framework.app import Configured
    from pacs_framework.archive.archive import Archive
    from pacs_framework.cli.options import ArchiveChoice

__all__ = ["LEVELS", "beside", "range_options", "source_of"]

LEVELS = {"study": Level.STUDY, "series": Level.SERIES, "instance": Level.IMAGE}

_F = TypeVar("_F", bound=Callable[..., Any])
_EARLIEST = dt.date(1970, 1, 1)


@contextmanager
def beside(choice: ArchiveChoice) -> Iterator[tuple[Archive, FetchSettings]]:
    """The archive, beside whatever process runs it, and the settings."""
    with importing():
        from pacs_framework.app import App  # noqa: PLC0415 - `--help` needs no archive

    configured = choice.configured()
    with App(configured, listen=False, feed=False) as app:
        if isinstance(app.archive.jobs, MissingJobQueue):
            raise click.ClickException(
                "no active plugin keeps a queue of jobs; install one, such as pacs-jobs"
            )
        yield app.archive, _settings_of(configured)


def source_of(settings: FetchSettings, name: str) -> Source:
    """The source of this name."""
    source = settings.named(name)
    if source is None:
        known = ", ".join(each.name for each in settings.source) or "none"
        raise click.ClickException(
            f"there is no source {name!r} (known: {known}); write [[plugin.fetch.source]] with "
            "name and peer"
        )
    return source


def range_options(command: _F) -> _F:
    """Add ``--study-date``, ``--slice`` and ``--level``."""

    @functools.wraps(command)
    def run(dates: DateRange | None, level: str, **rest: Any) -> Any:
        return command(dates=dates or _all_dates(), level=LEVELS[level], **rest)

    for decorate in (
        click.option(
            "--level",
            default="study",
            show_default=True,
            type=click.Choice(list(LEVELS)),
            help="How deep: numbers of instances of studies, of series, or the instances.",
        ),
        click.option(
            "--slice",
            "days",
            default=31,
            show_default=True,
            type=click.IntRange(1),
            help="Days to ask for at a time; fewer where the source breaks off.",
        ),
        click.option(
            "--study-date",
            "dates",
            type=DateRangeType(),
            help="Studies of these dates, the newest first.  [default: from 1970 to tomorrow]",
        ),
    ):
        run = decorate(run)
    return run  # type: ignore[return-value]


def _all_dates() -> DateRange:
    tomorrow = dt.datetime.now(dt.UTC).astimezone().date() + dt.timedelta(days=1)
    return DateRange(first=_EARLIEST, last=tomorrow)


def _settings_of(configured: Configured) -> FetchSettings:
    found = (plugin.settings for plugin in configured.plugins.active if plugin.name == NAME)
    settings = next(found, None)
    return settings if isinstance(settings, FetchSettings) else FetchSettings()
