"""``pacs import``: files into the archive by the door of C-STORE, or studies of another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
from pydicom.uid import MediaStorageDirectoryStorage

from pacs_framework.app import App
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import Origin
from pacs_framework.cli.default_command import DefaultGroup
from pacs_framework.cli.files import files_below
from pacs_framework.cli.import_from import from_peer
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, progress
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.status import Status
from pacs_framework.errors import PacsError, UnreadableInstance

__all__ = ["command"]

_ORIGIN = Origin(door="import")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one file; ``error`` is empty when the archive has it."""

    path: Path
    status: int
    comment: str
    error: str = ""


@click.group("import", cls=DefaultGroup, default="files")
def command() -> None:
    """Take DICOM files, or the studies of another archive, into the archive.

    `pacs import PATHS` is short for `pacs import files PATHS`.

    \b
    Example:
        pacs import --data ./pacs-data ~/studies
        pacs import from OLD --config pacs.toml --date 20200101-20261231
    """


command.add_command(from_peer)


@command.command("files")
@archive_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
@click.pass_context
def files(
    context: click.Context, choice: ArchiveChoice, paths: tuple[Path, ...], as_json: bool
) -> None:
    """Take the DICOM files at PATHS into the archive, folders with all that is in them.

    The DICOMDIR of a disc is passed over: all files of the folder are taken in, whether or not it
    names them. Works beside a running archive. Exit code 0 when every file was taken in, else 1.

    \b
    Example:
        pacs import files --data ./pacs-data ~/studies
    """
    configured = choice.configured()
    found = list(_files(paths, configured.data))
    with App(configured, listen=False, feed=False) as app:
        taken = (_take(app.archive, file) for file in found)
        results = list(progress(taken, "importing", total=len(found)))
    if as_json:
        print_json([_row(result) for result in results])
    else:
        _print(results)
    if not results or any(result.error for result in results):
        context.exit(1)


def _files(paths: Iterable[Path], data: Path) -> Iterator[Path]:
    """Those of folders without special ones and directories of discs, and without the archive's
    own ``data``.
    """
    own = data.resolve()
    for path in paths:
        if not path.is_dir():
            yield path
        found = files_below(path, without=own)
        yield from (file for file in found if not _is_dicomdir(file))


def _is_dicomdir(file: Path) -> bool:
    """Whether a file is the directory of a disc by its name (PS3.10 8.6) and by what it says."""
    if file.name.upper() != "DICOMDIR":
        return False
    with suppress(OSError, UnreadableInstance), file.open("rb") as opened:
        return read_prefix(opened).meta.sop_class_uid == MediaStorageDirectoryStorage
    return False


def _take(archive: Archive, path: Path) -> Imported:
    try:
        outcome = archive.import_file(path, _ORIGIN)
    except (OSError, PacsError) as error:
        status = error.status if isinstance(error, PacsError) else Status.PROCESSING_FAILURE
        return Imported(path=path, status=status, comment="", error=str(error))
    return Imported(path=path, status=outcome.status, comment=outcome.comment)


def _row(result: Imported) -> dict[str, str]:
    return {
        "path": str(result.path),
        "status": f"{result.status:04X}",
        "comment": result.comment,
        "error": result.error,
    }


def _print(results: Sequence[Imported]) -> None:
    for result in results:
        if result.error or result.comment:
            click.echo(f"{result.path}: {result.error or result.comment}", err=True)
    failed = sum(bool(result.error) for result in results)
    click.echo(f"{len(results) - failed} taken in, {failed} failed")
