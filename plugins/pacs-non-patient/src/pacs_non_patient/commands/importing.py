"""``pacs non-patient import``: files into the collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, progress
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import IndexUnavailable, PacsError
from pacs_non_patient.collection import Collection
from pacs_non_patient.commands.opening import opened
from pacs_non_patient.received import TooLarge

__all__ = ["import_"]

# Bytes. Who brings a file by hand means it, so this is not the setting for what others send.
_LARGEST = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What became of a file; ``error`` is empty when it was taken."""

    path: Path
    sop_instance_uid: str = ""
    comment: str = ""
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "sop_instance_uid": self.sop_instance_uid,
            "comment": self.comment,
            "error": self.error,
        }


@click.command("import")
@archive_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
@click.pass_context
def import_(
    context: click.Context, choice: ArchiveChoice, paths: tuple[Path, ...], as_json: bool
) -> None:
    """Take the DICOM files at PATHS in, folders with all that is below them.

    What is there already under a UID with other content stays, is replaced or makes an error, as
    [archive] duplicates says. Exit code 0 when every file was taken, 1 when any was not.

    \b
    Example:
        pacs non-patient import palettes/ protocol.dcm
    """
    with opened(choice) as collection:
        files = list(_files(paths))
        results = [_take(collection, path) for path in progress(files, "importing")]
    failed = sum(bool(each.error) for each in results)
    if as_json:
        print_json([each.as_json() for each in results])
    else:
        for each in results:
            if each.error or each.comment:
                click.echo(f"{each.path}: {each.error or each.comment}", err=True)
        click.echo(f"{len(results) - failed} taken, {failed} failed")
    if failed or not results:
        context.exit(1)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(filter(Path.is_file, path.rglob("*"))) if path.is_dir() else [path]


def _take(collection: Collection, path: Path) -> _Result:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise TooLarge(f"the file is larger than {_LARGEST} bytes")
        found = read_prefix(data)
        outcome = collection.take_in(found.meta, data[found.dataset_offset :])
    except IndexUnavailable:
        raise
    except PacsError as error:
        return _Result(path=path, error=str(error))
    except OSError as error:
        return _Result(path=path, error=error.strerror or type(error).__name__)
    return _Result(path=path, sop_instance_uid=found.meta.sop_instance_uid, comment=outcome.comment)
