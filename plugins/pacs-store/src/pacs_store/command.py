"""``pacs store``: send files and folders to a peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from pacs_framework.cli.output import json_option, print_json, progress
from pacs_framework.cli.peer import Call, peer_options
from pacs_store.files import FoundInstance, SkippedFile, find_instances
from pacs_store.send import Sent, send

__all__ = ["store"]


@click.command()
@peer_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
@click.pass_context
def store(context: click.Context, call: Call, paths: tuple[Path, ...], as_json: bool) -> None:
    """Send the DICOM files at PATHS, folders with all that is in them, to HOST PORT (C-STORE).

    Exit code 0 when every instance was accepted, 1 when any was not.

    \b
    Example:
        pacs store 127.0.0.1 11112 --aec PACS ~/studies
    """
    instances: list[FoundInstance] = []
    skipped: list[SkippedFile] = []
    for found in find_instances(paths):
        if isinstance(found, FoundInstance):
            instances.append(found)
        else:
            skipped.append(found)
    results = list(progress(send(call, instances), "storing", total=len(instances)))
    failed = [sent for sent in results if sent.failed]
    unusable = [file for file in skipped if file.named]
    if as_json:
        print_json(_report(results, skipped))
    else:
        _print(results, skipped)
    if failed or unusable or not instances:
        context.exit(1)


def _report(results: Sequence[Sent], skipped: Sequence[SkippedFile]) -> dict[str, object]:
    return {
        "stored": sum(not sent.failed for sent in results),
        "warnings": sum(sent.warned for sent in results),
        "failed": sum(sent.failed for sent in results),
        "instances": [
            {
                "path": str(sent.instance.path),
                "sop_instance_uid": sent.instance.sop_instance_uid,
                "status": None if sent.status is None else f"{sent.status:04X}",
                "reason": sent.reason,
            }
            for sent in results
        ],
        "skipped": [{"path": str(file.path), "reason": file.reason} for file in skipped],
    }


def _print(results: Sequence[Sent], skipped: Sequence[SkippedFile]) -> None:
    for sent in results:
        if sent.failed or sent.warned:
            status = "no response" if sent.status is None else f"status {sent.status:04X}"
            word = "failed" if sent.failed else "warning"
            click.echo(f"{word}: {sent.instance.path}: {status}: {sent.reason}", err=True)
    for file in skipped:
        click.echo(f"skipped: {file.path}: {file.reason}", err=True)
    failed = sum(sent.failed for sent in results)
    warned = sum(sent.warned for sent in results)
    click.echo(
        f"{len(results) - failed} stored ({warned} with a warning), {failed} failed, "
        f"{len(skipped)} skipped"
    )
