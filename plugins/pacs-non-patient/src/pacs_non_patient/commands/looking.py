"""``pacs non-patient list`` and ``export``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.errors import ObjectNotFound
from pacs_framework.whole_file import whole_file
from pacs_non_patient.categories import BY_CATEGORY, BY_CLASS
from pacs_non_patient.collection import Collection, Facts
from pacs_non_patient.commands.opening import opened

__all__ = ["export", "list_"]

_PAGE = 200


@click.command("list")
@archive_options
@click.option(
    "--category", type=click.Choice(sorted(BY_CATEGORY)), help="Only these; else of all categories."
)
@json_option
def list_(choice: ArchiveChoice, category: str | None, as_json: bool) -> None:
    """List what is there, by SOP Instance UID.

    \b
    Example:
        pacs non-patient list --category hanging-protocols --json
    """
    models = BY_CATEGORY[category] if category else tuple(BY_CLASS.values())
    classes = {uid for model in models for uid in model.storage}
    with opened(choice) as collection:
        rows = list(_rows(collection, classes))
    if as_json:
        print_json(rows)
        return
    print_table(
        ("KIND", "NAME", "SOP INSTANCE UID", "SIZE", "FROM", "STORED"),
        [
            (
                str(row["kind"]),
                str(row["name"]),
                str(row["sop_instance_uid"]),
                str(row["size"]),
                str(row["source_aet"]),
                str(row["stored"]),
            )
            for row in rows
        ],
    )


@click.command("export")
@archive_options
@click.argument("uid")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The new file.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def export(choice: ArchiveChoice, uid: str, output: Path, overwrite: bool) -> None:
    """Write the instance with the SOP Instance UID into a DICOM file.

    \b
    Example:
        pacs non-patient export 1.2.840.10008.1.5.1 -o hotiron.dcm
    """
    with opened(choice) as collection:
        kept = collection.open(uid)
    if kept is None:
        raise ObjectNotFound(f"no non-patient instance {uid!r}; `pacs non-patient list` has all")
    meta = FileMeta(
        sop_class_uid=kept.facts.sop_class_uid,
        sop_instance_uid=kept.facts.sop_instance_uid,
        transfer_syntax_uid=kept.facts.transfer_syntax_uid,
    )
    try:
        with whole_file(output, overwrite=overwrite) as file:
            file.write(make_prefix(meta, source_aet=kept.facts.source_aet))
            file.write(kept.dataset)
    except FileExistsError as error:
        raise click.ClickException(f"{output} is there already; --overwrite replaces it") from error
    click.echo(f"{output}: {BY_CLASS[kept.facts.sop_class_uid].name}")


def _rows(collection: Collection, classes: set[str]) -> Iterator[dict[str, Any]]:
    last = ""
    while page := collection.page(classes, last, _PAGE):
        yield from (_row(facts) for facts, _ in page)
        last = page[-1][0].sop_instance_uid


def _row(facts: Facts) -> dict[str, Any]:
    model = BY_CLASS[facts.sop_class_uid]
    return {
        "sop_instance_uid": facts.sop_instance_uid,
        "sop_class_uid": facts.sop_class_uid,
        "category": model.category,
        "kind": model.name,
        "name": facts.label,
        "transfer_syntax_uid": facts.transfer_syntax_uid,
        "size": facts.size,
        "sha256": facts.digest.hex(),
        "source_aet": facts.source_aet,
        "stored": facts.stored.isoformat(timespec="seconds"),
    }
