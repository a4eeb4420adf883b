"""``pacs worklist import``: files into the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, progress
from pacs_framework.errors import IndexUnavailable, PacsError
from pacs_worklist.api import Worklist
from pacs_worklist.commands.opening import opened
from pacs_worklist.items import completed
from pacs_worklist.reading import SUFFIXES, read_items

__all__ = ["import_"]


@click.command("import")
@archive_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
@click.pass_context
def import_(
    context: click.Context, choice: ArchiveChoice, paths: tuple[Path, ...], as_json: bool
) -> None:
    """Take the worklist files at PATHS into the database: DICOM (.wl) and DICOM JSON (.json).

    Folders are taken with all that is below them. A step that is there already, by its Study
    Instance UID and Scheduled Procedure Step ID, is changed. Exit code 0 when every file was taken,
    1 when any was not.

    \b
    Example:
        pacs worklist import /var/lib/wlm/CT1 orders.json
    """
    taken = 0
    failures: list[tuple[Path, str]] = []
    with opened(choice) as worklist:
        for path in progress(list(_files(paths)), "importing"):
            try:
                taken += _take(worklist, path)
            except IndexUnavailable:
                raise
            except PacsError as error:
                failures.append((path, str(error)))
            except OSError as error:
                failures.append((path, error.strerror or type(error).__name__))
    if as_json:
        failed = [{"path": str(path), "reason": reason} for path, reason in failures]
        print_json({"steps": taken, "failed": failed})
    else:
        for path, reason in failures:
            click.echo(f"{path}: {reason}", err=True)
        click.echo(f"{taken} steps taken, {len(failures)} files failed")
    if failures or not taken:
        context.exit(1)


def _take(worklist: Worklist, path: Path) -> int:
    items = [completed(item) for item in read_items(path)]  # all, before the first is taken
    for item in items:
        worklist.put(item)
    return len(items)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
        else:
            yield path
