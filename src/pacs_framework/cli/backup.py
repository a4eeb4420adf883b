"""``pacs backup``: copies of an archive that another one can be made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pacs_framework.app import App, Configured
from pacs_framework.backups.checking import check, prune
from pacs_framework.backups.folder import BackupFolder, Snapshot
from pacs_framework.backups.making import Backup, Made, refuse_inside
from pacs_framework.cli.default_command import DefaultGroup
from pacs_framework.cli.findings import counted, print_findings
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json, print_table
from pacs_framework.config.redaction import without_passwords
from pacs_framework.errors import BackupError
from pacs_framework.index.database import open_database
from pacs_framework.storage import Surroundings

if TYPE_CHECKING:
    from pacs_framework.storage import StorageBackend

__all__ = ["command", "jobs_option", "opened_objects"]

_HERE = ""  # in the folder of the backup itself

_folder = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
_chosen = click.option("--snapshot", metavar="ID", help="Which one.  [default: the newest]")
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Objects that are copied at a time.",
)


@click.group("backup", cls=DefaultGroup, default="make")
def command() -> None:
    """Back up the archive, list and check backups; the archive may go on running.

    `pacs backup TO` is short for `pacs backup make TO`.

    \b
    Example:
        pacs backup --config pacs.toml /mnt/backup/pacs
        pacs backup verify --config pacs.toml /mnt/backup/pacs
    """


@command.command("make")
@click.argument("to", type=click.Path(file_okay=False, path_type=Path))
@click.option("--objects", metavar="URL", help="A storage for the objects.  [default: in TO]")
@click.option(
    "--without-objects", is_flag=True, help="The index alone: the storage keeps its own copies."
)
@click.option(
    "--leave-out",
    multiple=True,
    metavar="PLUGIN",
    help="Leave the tables of this plugin out; may be repeated.",
)
@jobs_option
@archive_options
@json_option
@click.pass_context
def make(
    context: click.Context,
    choice: ArchiveChoice,
    to: Path,
    objects: str | None,
    without_objects: bool,
    leave_out: tuple[str, ...],
    jobs: int,
    as_json: bool,
) -> None:
    """Back up the archive into the folder TO: index, tables of plugins, objects.

    TO is a new or empty folder, or a backup that is there: then only objects that it has not are
    copied. Whatever was acknowledged before the command began is in it. Run again, it goes on
    where it was interrupted. Configuration, certificates and keys are not in it: keep them apart.
    Exit code 1 where an object is missing or damaged in the archive; the others are in the backup.

    \b
    Example:
        pacs backup make --data ./pacs-data /mnt/backup/pacs --objects s3://backups/pacs
    """
    if objects is not None and without_objects:
        raise click.UsageError("--objects and --without-objects exclude each other")
    configured = choice.configured()
    refuse_inside(to, configured.data)
    if objects is not None:
        _check_target(configured, objects)
    folder = BackupFolder.made(to, objects=None if without_objects else objects or _HERE)
    with ExitStack() as stack:
        app = stack.enter_context(App(configured, listen=False, feed=False))
        target = stack.enter_context(opened_objects(configured, folder))
        database = stack.enter_context(closing(open_database(configured.index_url, migrated=False)))
        backup = Backup(
            archive=app.archive,
            database=database,
            definitions=configured.table_definitions(),
            folder=folder,
            target=target,
            jobs=jobs,
            left_out=leave_out,
            progress=stack.enter_context(counting("copying objects")),
        )
        made = backup.make()
    _print_made(made, target is not None, as_json=as_json)
    if made.findings:
        context.exit(1)


@command.command("list")
@_folder
@json_option
def list_snapshots(folder: Path, as_json: bool) -> None:
    """Show what a backup has, the oldest state first.

    \b
    Example:
        pacs backup list /mnt/backup/pacs
    """
    snapshots = BackupFolder(folder).snapshots()
    if as_json:
        print_json([_facts(each) for each in snapshots])
        return
    rows = [
        (s.id, s.made, str(s.objects), str(s.size), str(len(s.faulty)), s.software)
        for s in snapshots
    ]
    print_table(("SNAPSHOT", "MADE", "OBJECTS", "BYTES", "FAULTY", "BY VERSION"), rows)


@command.command("verify")
@_folder
@_chosen
@jobs_option
@archive_options
@json_option
@click.pass_context
def verify(
    context: click.Context,
    choice: ArchiveChoice,
    folder: Path,
    snapshot: str | None,
    jobs: int,
    as_json: bool,
) -> None:
    """Read a backup whole, and hold every byte against the digests taken when it came in.

    The configuration is needed for the plugin that opens the storage of the objects. Exit code 1
    when anything is wrong.

    \b
    Example:
        pacs backup verify --config pacs.toml /mnt/backup/pacs
    """
    backup = BackupFolder(folder)
    chosen = backup.snapshot(snapshot)
    with (
        opened_objects(choice.configured(), backup) as storage,
        counted("verifying") as count,
    ):
        findings = list(check(chosen, storage, jobs=jobs, progress=count))
    if storage is None and not as_json:
        click.echo("the backup has no objects of its own; its tables are whole", err=True)
    print_findings("objects", count.done, findings, as_json=as_json, fine="nothing wrong")
    if findings:
        context.exit(1)


@command.command("prune")
@_folder
@click.option(
    "--keep", required=True, type=click.IntRange(1), metavar="N", help="How many stay, the newest."
)
@archive_options
@json_option
def prune_snapshots(choice: ArchiveChoice, folder: Path, keep: int, as_json: bool) -> None:
    """Forget old states of a backup, and delete the objects that no state needs any more.

    \b
    Example:
        pacs backup prune --config pacs.toml /mnt/backup/pacs --keep 30
    """
    backup = BackupFolder(folder)
    with opened_objects(choice.configured(), backup) as storage:
        done = prune(backup, storage, keep=keep)
    if as_json:
        print_json(asdict(done))
    else:
        click.echo(f"{done.snapshots} snapshots and {done.objects} objects removed")


@contextmanager
def opened_objects(configured: Configured, folder: BackupFolder) -> Iterator[StorageBackend | None]:
    """The storage that has the objects of a backup; None where it has none."""
    url = folder.objects_url
    if url is None:
        yield None
        return
    with configured.open_tables() as tables:
        registry = configured.storage_registry()
        around = Surroundings(backends=registry, tables=tables, data=configured.data)
        with closing(registry.open(url, around)) as storage:
            yield storage


def _check_target(configured: Configured, url: str) -> None:
    """Raise where objects cannot go, before anything is made."""
    if url.rstrip("/") == configured.storage_url.rstrip("/"):
        raise BackupError(
            f"{without_passwords(url)!r} is the storage of the archive itself; give another, or "
            "--without-objects where the storage keeps its own copies"
        )
    configured.storage_registry().check(url)


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "made": snapshot.made,
        "objects": snapshot.objects,
        "bytes": snapshot.size,
        "faulty": dict(snapshot.faulty),
        "software": snapshot.software,
        "tables": {group.name: dict(group.written.rows) for group in snapshot.groups},
    }


def _print_made(made: Made, with_objects: bool, *, as_json: bool) -> None:
    facts = {"copied": made.copied, "findings": [asdict(finding) for finding in made.findings]}
    if as_json:
        print_json({**_facts(made.snapshot), **facts})
        return
    snapshot = made.snapshot
    what = f"{made.copied} copied" if with_objects else "which stay where they are"
    click.echo(f"snapshot {snapshot.id}: {snapshot.objects} objects, {what}")
    if made.findings:
        print_findings("objects", snapshot.objects, made.findings, as_json=False, fine="")
