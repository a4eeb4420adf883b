"""``pacs samplename``: how much of which modality the archive holds."""

from __future__ import annotations

from dataclasses import asdict

import click
from pacs_framework.app import App
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table

from pacs_samplename.counting import count_by_modality

__all__ = ["count_command"]


@click.command("samplename")
@archive_options
@click.option("--modality", default="", help="Count this modality alone, for example CT.")
@json_option
def count_command(choice: ArchiveChoice, modality: str, as_json: bool) -> None:
    """Count series and instances in the archive, by modality.

    Works beside a running archive and changes nothing.

    \b
    Example:
        pacs samplename --data ./pacs-data --json
    """
    with App(choice.configured(), listen=False, feed=False) as app:
        counts = count_by_modality(app.archive, modality)
    if as_json:
        print_json([asdict(count) for count in counts])
        return
    print_table(
        ("MODALITY", "SERIES", "INSTANCES"),
        [(count.modality, str(count.series), str(count.instances)) for count in counts],
    )
