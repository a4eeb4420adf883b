"""``pacs dicomweb store``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from pacs_dicomweb.commands.reaching import server_options
from pacs_framework.cli.files import files_below
from pacs_framework.cli.output import json_option, print_json, progress
from pacs_framework.dicom.part10 import make_prefix, read_prefix
from pacs_framework.dicomweb.server import Server, ServerError
from pacs_framework.dicomweb.storing import Sending, Told, store
from pacs_framework.errors import UnreadableInstance

__all__ = ["store_"]

_BLOCK = 1 << 18
_DICOMDIR = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True)
class _Result:
    path: Path
    sop_instance_uid: str
    told: Told | None
    reason: str

    @property
    def stored(self) -> bool:
        return self.told is not None and self.told.stored


@click.command("store")
@server_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--study", default="", help="Have the server refuse what is not of this study.")
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Instances in one request.",
)
@json_option
def store_(server: Server, paths: tuple[Path, ...], study: str, batch: int, as_json: bool) -> None:
    """Send the DICOM files at PATHS, folders with all that is in them, to the server at URL
    (STOW-RS).

    Exit code 0 when every instance was stored, 1 when any was not.

    \b
    Example:
        pacs dicomweb store http://127.0.0.1:8042/dicom-web ~/studies
    """
    sendings, skipped = _found(paths)
    sent = _send(server, sendings, study, batch)
    results = list(progress(sent, "storing", total=len(sendings)))
    failed = [each for each in results if not each.stored]
    if as_json:
        print_json(_report(results, skipped))
    else:
        for each in results:
            if each.reason:
                word = "warning" if each.stored else "failed"
                click.echo(f"{word}: {each.path}: {each.reason}", err=True)
        for path, reason in skipped:
            click.echo(f"skipped: {path}: {reason}", err=True)
        click.echo(
            f"{len(results) - len(failed)} stored, {len(failed)} failed, {len(skipped)} skipped"
        )
    named = [path for path, _ in skipped if path in paths]
    if failed or named or not results:
        click.get_current_context().exit(1)


def _send(
    server: Server, sendings: Sequence[tuple[Path, Sending]], study: str, size: int
) -> Iterator[_Result]:
    """One result for each, also where a request failed: the next one may do better."""
    with server.open() as client:
        for some in _batches(sendings, size):
            try:
                told = store(client, [each for _, each in some], study=study)
            except ServerError as error:
                for path, each in some:
                    yield _Result(path, each.sop_instance_uid, None, str(error))
                continue
            for path, each in some:
                answer = told[each.sop_instance_uid]
                yield _Result(path, each.sop_instance_uid, answer, answer.text)


def _batches(
    sendings: Sequence[tuple[Path, Sending]], size: int
) -> Iterator[Sequence[tuple[Path, Sending]]]:
    yield from (sendings[start : start + size] for start in range(0, len(sendings), size))


def _found(
    paths: Sequence[Path],
) -> tuple[list[tuple[Path, Sending]], list[tuple[Path, str]]]:
    """What can be sent, and what cannot with the reason."""
    sendings: list[tuple[Path, Sending]] = []
    skipped: list[tuple[Path, str]] = []
    for path in _files(paths):
        try:
            sendings.append((path, _sending(path)))
        except (OSError, UnreadableInstance) as error:
            skipped.append((path, str(error)))
    return sendings, skipped


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        yield from files_below(path)


def _sending(path: Path) -> Sending:
    """A file as it is; one without a Part 10 header gets one (PS3.18 8.7.3 wants files)."""
    with path.open("rb") as file:
        found = read_prefix(file)
    if found.meta.sop_class_uid == _DICOMDIR:
        raise UnreadableInstance("a DICOMDIR is not an instance")
    head, offset = b"", 0
    if found.meta.prefix is None:
        head, offset = make_prefix(found.meta), found.dataset_offset
    return Sending(found.meta.sop_instance_uid, partial(_pieces, path, head, offset))


def _pieces(path: Path, head: bytes, offset: int) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        file.seek(offset)
        while piece := file.read(_BLOCK):
            yield piece


def _report(results: Sequence[_Result], skipped: Sequence[tuple[Path, str]]) -> dict[str, object]:
    return {
        "stored": sum(each.stored for each in results),
        "failed": sum(not each.stored for each in results),
        "instances": [
            {
                "path": str(each.path),
                "sop_instance_uid": each.sop_instance_uid,
                "stored": each.stored,
                "reason": each.reason,
            }
            for each in results
        ],
        "skipped": [{"path": str(path), "reason": reason} for path, reason in skipped],
    }
