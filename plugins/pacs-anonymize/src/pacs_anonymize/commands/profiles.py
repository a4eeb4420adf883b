"""``pacs anonymize profiles``: which anonymizers this installation has."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table

__all__ = ["command"]


@click.command("profiles")
@archive_options
@json_option
def command(choice: ArchiveChoice, as_json: bool) -> None:
    """List the anonymizers of all plugins: what rules and `--with` may name.

    Those of the plugin anonymize are profiles, which `--profile` takes as well.

    \b
    Example:
        pacs anonymize profiles --config pacs.toml --json
    """
    rows = list(choice.configured().anonymizer_registry())
    if as_json:
        print_json(
            [
                {
                    "name": row.name,
                    "plugin": row.plugin,
                    "description": row.anonymizer.description,
                    "keeps_uids": row.anonymizer.keeps_uids,
                }
                for row in rows
            ]
        )
        return
    columns = ("NAME", "PLUGIN", "UIDS", "DESCRIPTION")
    print_table(
        columns,
        (
            (
                r.name,
                r.plugin,
                "kept" if r.anonymizer.keeps_uids else "new",
                r.anonymizer.description,
            )
            for r in rows
        ),
    )
