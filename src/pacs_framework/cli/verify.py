"""``pacs verify``: hold what is stored against what the index says."""

from __future__ import annotations

import click

from pacs_framework.app import App
from pacs_framework.archive.verify import verify
from pacs_framework.cli.findings import counted, print_findings
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option

__all__ = ["command"]


@click.command("verify")
@archive_options
@json_option
@click.pass_context
def command(context: click.Context, choice: ArchiveChoice, as_json: bool) -> None:
    """Read every instance and hold it against the index and its digests; name orphans.

    Works beside a running archive and changes nothing but what a killed process left behind.
    Exit code 1 when anything is wrong.

    \b
    Example:
        pacs verify --data ./pacs-data --json
    """
    with App(choice.configured(), listen=False, feed=False) as app, counted("verifying") as count:
        findings = list(verify(app.archive, count))
    print_findings("instances", count.done, findings, as_json=as_json, fine="nothing wrong")
    if findings:
        context.exit(1)
