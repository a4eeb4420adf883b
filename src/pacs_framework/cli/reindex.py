"""``pacs reindex``: the index made anew from the storage alone."""

from __future__ import annotations

import click

from pacs_framework.archive.reindex import reindex
from pacs_framework.backups.unfinished import refuse_unfinished
from pacs_framework.cli.findings import counted, print_findings
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option
from pacs_framework.index.entry import DuplicatePolicy

__all__ = ["command"]


@click.command("reindex")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Objects that are read at a time.",
)
@archive_options
@json_option
@click.pass_context
def command(context: click.Context, choice: ArchiveChoice, jobs: int, as_json: bool) -> None:
    """Make the index anew, from the stored objects alone. The archive must be stopped.

    The old index stays in place until the new one is complete. Interrupted, run it again: objects
    that were read are not read again. Who sent each instance is taken from the change feed of the
    old index, and where that is lost from Source AE Title of the objects. Exit code 1 when an
    object could not be indexed.

    \b
    Example:
        pacs reindex --data ./pacs-data
    """
    configured = choice.configured()
    refuse_unfinished(configured.data)
    duplicates = DuplicatePolicy(configured.settings.archive.duplicates)
    with configured.opened_storage() as storage, counted("indexing") as count:
        findings = list(
            reindex(
                configured.index_url,
                storage,
                configured.data,
                duplicates=duplicates,
                jobs=jobs,
                progress=count,
            )
        )
    print_findings("objects", count.done, findings, as_json=as_json, fine="all in the index")
    if findings:
        context.exit(1)
