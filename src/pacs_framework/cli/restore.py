"""``pacs restore``: an archive made of a backup."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from pacs_framework.backups.folder import BackupFolder
from pacs_framework.backups.restoring import Restore, Restored
from pacs_framework.cli.backup import jobs_option, opened_objects
from pacs_framework.cli.findings import print_findings
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pacs_framework.storage import StorageBackend

__all__ = ["command"]


@click.command("restore")
@click.argument(
    "backup", metavar="FROM", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--snapshot", metavar="ID", help="Which one.  [default: the newest]")
@click.option("--partial", is_flag=True, help="Restore without objects that the backup lacks.")
@jobs_option
@archive_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    choice: ArchiveChoice,
    backup: Path,
    snapshot: str | None,
    partial: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Make the archive, which must be empty, what it was when the backup at FROM was made.

    Engine and storage may be others than those that were backed up. Every object is held against
    its digests on the way. Where the command is interrupted, run it again: it goes on, and the
    archive does not start before it has ended. Exit code 1 where the backup lacks objects; they
    are named, and nothing is served unless you restore with --partial.

    \b
    Example:
        pacs restore --config pacs.toml /mnt/backup/pacs
    """
    configured = choice.configured()
    folder = BackupFolder(backup)

    def source() -> AbstractContextManager[StorageBackend]:
        return cast("AbstractContextManager[StorageBackend]", opened_objects(configured, folder))

    with counting("restoring objects") as count:
        restored = Restore(
            folder=folder,
            snapshot=folder.snapshot(snapshot),
            index_url=configured.index_url,
            data=configured.data,
            definitions=configured.table_definitions(),
            open_storage=configured.opened_storage,
            open_source=None if folder.objects_url is None else source,
            jobs=jobs,
            partial=partial,
            progress=count,
        ).run()
    _print(restored, as_json=as_json)
    if restored.findings:
        context.exit(1)


def _print(restored: Restored, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(restored))
        return
    if restored.findings:
        print_findings("objects", restored.copied, restored.findings, as_json=False, fine="")
    if restored.complete:
        click.echo(f"{restored.instances} instances restored, {restored.copied} objects copied")
    else:
        click.echo(
            "not restored: mend the backup and run it again, or restore the rest with --partial",
            err=True,
        )
