"""``pacs ai list``, ``runs`` and ``show``."""

from __future__ import annotations

import click

from pacs_ai.book import State
from pacs_ai.commands.opening import opened
from pacs_ai.commands.rows import as_row, print_runs, result_rows
from pacs_ai.setting_aside import refused_folder
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table

__all__ = ["list_models", "runs", "show"]


@click.command("list")
@archive_options
@json_option
def list_models(choice: ArchiveChoice, as_json: bool) -> None:
    """List the models of plugins and of the configuration.

    \b
    Example:
        pacs ai list --config pacs.toml --json
    """
    with opened(choice) as local:
        models = local.models()
    rows = [
        {
            "name": model.name,
            "version": model.version,
            "runner": model.runner.kind,
            "offered_by": model.offered_by,
            "modality": list(model.wants.modality),
            "slices": [model.wants.min_slices, model.wants.max_slices],
            "seconds": model.limits.seconds,
            "memory": model.limits.memory,
            "network": model.limits.network,
            "level": model.level,
            "gpu": model.gpu,
        }
        for model in models
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("model", "runner", "modality", "offered by"),
        [
            (
                model.label,
                model.runner.kind,
                " ".join(model.wants.modality) or "any",
                model.offered_by,
            )
            for model in models
        ],
    )


@click.command("runs")
@archive_options
@click.option("--model", default="", metavar="NAME", help="Only runs of this model.")
@click.option(
    "--state", type=click.Choice([each.value for each in State]), help="Only runs in this state."
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest runs."
)
@json_option
def runs(choice: ArchiveChoice, model: str, state: str | None, limit: int, as_json: bool) -> None:
    """List runs, newest first.

    \b
    Example:
        pacs ai runs --model lungs --state REFUSED
    """
    with opened(choice) as local:
        found = local.book.newest(limit, model=model, state=state or "")
    print_runs(found, as_json=as_json)


@click.command("show")
@archive_options
@click.argument("uid")
@json_option
def show(choice: ArchiveChoice, uid: str, as_json: bool) -> None:
    """Show the run UID, or the one that made the instance UID: inputs, results, log, reviews.

    \b
    Example:
        pacs ai show 2.25.329800735698586629295641978511506172918
    """
    with opened(choice) as local:
        record = local.book.find(uid)
        results = result_rows(local.book, record)
        inputs = local.book.inputs(record)
        reviews = [
            {
                "verdict": each.verdict.value,
                "by": each.reviewer,
                "note": each.note,
                "made": each.made.isoformat(timespec="seconds"),
            }
            for each in local.book.reviews(record)
        ]
        place = refused_folder(local.archive, record)
    facts = as_row(record) | {"kept_in": str(place or "")}
    if as_json:
        more = {"inputs": inputs, "results": results, "reviews": reviews, "log": record.log}
        print_json(facts | more)
        return
    for name, value in facts.items():
        if value:
            click.echo(f"{name}: {value}")
    click.echo(f"inputs: {len(inputs)} instances")
    for row in results:
        where = "stored" if row["stored"] else "not stored"
        click.echo(f"result: {row['sop_instance_uid']} {row['sop_class']}, {where}")
    for said in reviews:
        click.echo(f"review: {said['verdict']} by {said['by']} {said['note']}".rstrip())
    if record.log:
        click.echo(f"log:\n{record.log}")
