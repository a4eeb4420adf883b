"""``pacs anonymize quarantine``: what could not be de-identified, and another try."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from pacs_anonymize.commands.choice import settings_of
from pacs_anonymize.quarantine.folder import Quarantine
from pacs_anonymize.quarantine.replaying import Replayed, replay
from pacs_framework.app import App
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table, progress
from pacs_framework.errors import ConfigurationError

__all__ = ["command"]

_F = TypeVar("_F", bound=Callable[..., Any])


def _quarantine_option(function: _F) -> _F:
    """Add ``--quarantine``; the command gets the choice of the archive and a folder or None."""

    @functools.wraps(function)
    def run(choice: ArchiveChoice, folder: Path | None, **rest: Any) -> Any:
        return function(choice=choice, folder=folder, **rest)

    option = click.option(
        "--quarantine",
        "folder",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the quarantine.  [default: that of the configuration]",
    )
    return archive_options(option(run))  # type: ignore[return-value]


def _opened(choice: ArchiveChoice, folder: Path | None) -> Quarantine:
    folder = folder or settings_of(choice.configured()).quarantine
    if folder is None:
        raise ConfigurationError(
            "no quarantine is named: give --quarantine, or set quarantine in [plugin.anonymize]"
        )
    return Quarantine(folder)


@click.group("quarantine")
def command() -> None:
    """Look after instances that could not be de-identified.

    Each is named by the beginning of its id. They hold patients' data, as they came.

    \b
    Example:
        pacs anonymize quarantine list --config pacs.toml
    """


@command.command("list")
@_quarantine_option
@json_option
def list_command(choice: ArchiveChoice, folder: Path | None, as_json: bool) -> None:
    """List what is in quarantine, the oldest first.

    \b
    Example:
        pacs anonymize quarantine list --config pacs.toml
    """
    entries = list(_opened(choice, folder))
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    rows = [
        (e.id[:12], e.last, str(e.times), e.case.calling_aet or e.case.door, e.case.reason)
        for e in entries
    ]
    print_table(("ID", "LAST", "TIMES", "FROM", "REASON"), rows)


@command.command("show")
@_quarantine_option
@click.argument("entry_id", metavar="ID")
@json_option
def show_command(choice: ArchiveChoice, folder: Path | None, entry_id: str, as_json: bool) -> None:
    """Tell all that is known of an instance in quarantine, and where its file is.

    \b
    Example:
        pacs anonymize quarantine show 3f9a --config pacs.toml
    """
    quarantine = _opened(choice, folder)
    entry = quarantine.find(entry_id)
    told = {**asdict(entry), "file": str(quarantine.file_of(entry))}
    if as_json:
        print_json(told)
        return
    case = told.pop("case")
    for key, value in {**told, **case}.items():
        click.echo(f"{key}: {value}")


@command.command("replay")
@_quarantine_option
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that came to the archive.")
@json_option
@click.pass_context
def replay_command(
    context: click.Context,
    choice: ArchiveChoice,
    folder: Path | None,
    ids: tuple[str, ...],
    everything: bool,
    as_json: bool,
) -> None:
    """Send instances through the door of the archive again, after the profile was mended.

    The rules judge them as when they came, by the same AE titles. What is taken in leaves the
    quarantine; what is not, stays. Works beside a running archive. What came from files is not for
    the archive: `pacs anonymize` takes its file. Exit code 0 when everything was taken in, else 1.

    \b
    Example:
        pacs anonymize quarantine replay --all --config pacs.toml
    """
    if bool(ids) == everything:
        raise click.UsageError("name instances by their ids, or say --all", context)
    configured = choice.configured()
    settings = settings_of(configured)
    place = folder or settings.quarantine
    if place is None:
        raise ConfigurationError("no quarantine is named: give --quarantine, or configure one")
    if settings.vault.vault is not None:
        context.call_on_close(settings.vault.vault.close)
    quarantine = Quarantine(place)
    entries = list(quarantine) if everything else [quarantine.find(each) for each in ids]
    with App(configured, listen=False, feed=False) as app:
        done = (replay(app.archive, quarantine, entry, settings.on_store) for entry in entries)
        results = list(progress(done, "replaying", total=len(entries)))
    if as_json:
        print_json([asdict(each) for each in results])
    else:
        _print(results)
    if any(each.error for each in results):
        context.exit(1)


@command.command("delete")
@_quarantine_option
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def delete_command(choice: ArchiveChoice, folder: Path | None, ids: tuple[str, ...]) -> None:
    """Delete instances from the quarantine for good. Their senders were told that they failed.

    \b
    Example:
        pacs anonymize quarantine delete 3f9a --config pacs.toml
    """
    quarantine = _opened(choice, folder)
    # All of them are found before the first is deleted.
    for entry in [quarantine.find(each) for each in ids]:
        quarantine.delete(entry)
        click.echo(f"{entry.id}: deleted")


def _print(results: list[Replayed]) -> None:
    for each in results:
        if each.error:
            click.echo(f"failed: {each.id[:12]}: {each.error}", err=True)
    failed = sum(bool(each.error) for each in results)
    click.echo(f"{len(results) - failed} taken in, {failed} failed")
