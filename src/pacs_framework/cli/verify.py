"""``pacs verify``: hold what is stored against what the index says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pacs_framework.app import App
from pacs_framework.archive.sweeping import Sweep, Swept, sweep
from pacs_framework.archive.verify import Finding, FindingKind, verify
from pacs_framework.cli.findings import counted, print_findings
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_table

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["command"]

_COLUMNS = ("SWEPT", "STORAGE KEY", "DETAIL")


@click.command("verify")
@click.option("--sweep", "sweeping", is_flag=True, help="Take orphans in, or remove them.")
@archive_options
@json_option
@click.pass_context
def command(context: click.Context, choice: ArchiveChoice, sweeping: bool, as_json: bool) -> None:
    """Read every instance and hold it against the index and its digests; name orphans.

    Works beside a running archive and changes nothing but what a killed process left behind.
    Exit code 1 when anything is wrong.

    An orphan is an object that the index does not name, as a power cut may leave it. With --sweep
    one that is a whole instance is taken in; where the index has that instance, and its object is
    there, the orphan is removed. Everything else stays and is told.

    \b
    Example:
        pacs verify --data ./pacs-data --json
    """
    with App(choice.configured(), listen=False, feed=False) as app, counted("verifying") as count:
        findings = list(verify(app.archive, count))
        swept = _sweep(app.archive, findings) if sweeping else []
    left = [finding for finding in findings if not _is_swept(finding, swept)]
    print_findings(
        "instances",
        count.done,
        left,
        as_json=as_json,
        fine="nothing wrong",
        more={"swept": [asdict(one) for one in swept]} if sweeping else None,
    )
    if swept and not as_json:
        print_table(_COLUMNS, [(one.outcome, one.storage_key, one.detail) for one in swept])
    if left:
        context.exit(1)


def _sweep(archive: Archive, findings: Sequence[Finding]) -> list[Swept]:
    return [sweep(archive, f.storage_key) for f in findings if f.kind is FindingKind.ORPHAN]


def _is_swept(finding: Finding, swept: Sequence[Swept]) -> bool:
    return any(
        one.storage_key == finding.storage_key and one.outcome is not Sweep.LEFT for one in swept
    )
