"""``pacs ai run``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydicom import Dataset

from pacs_ai.book import RunRecord, State
from pacs_ai.catalogue import chosen
from pacs_ai.commands.opening import Local, opened
from pacs_ai.commands.rows import as_row, result_rows
from pacs_ai.errors import NoVolume
from pacs_ai.inference import Inference
from pacs_ai.keeping import new_workers
from pacs_framework.archive.query_keys import Root
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import InstanceError, PacsError

if TYPE_CHECKING:
    from pacs_ai.catalogue import OfferedModel

__all__ = ["run"]

_PARTS = 1000  # of a progress bar
_PASSED_OVER = "PASSED OVER"


@click.command("run")
@archive_options
@click.argument("model")
@click.option("--study", default="", metavar="UID", help="Every series of this study that fits.")
@click.option("--series", default="", metavar="UID", help="This series.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put results into this folder instead of the archive.",
)
@json_option
@click.pass_context
def run(
    context: click.Context,
    choice: ArchiveChoice,
    model: str,
    study: str,
    series: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Run MODEL, as NAME or NAME@VERSION, and store what it makes.

    Of a study, series of other kinds are passed over, with the reason; a model that is for whole
    studies gets all that fit in one run. Works beside a running
    archive. Exit code 0 when the model ran on a series at least and no run of it failed, else 1;
    a model that says that it found nothing has not failed.

    \b
    Example:
        pacs ai run lungs --study 1.2.826.0.1.3680043.8.498.1
        pacs ai run lungs@1 --series 1.2.826.0.1.3680043.8.498.2 -o look-first --json
    """
    if bool(study) == bool(series):
        raise click.UsageError("give either --study or --series", context)
    with opened(choice) as local:
        wanted = chosen(local.models(), model)
        found = list(_series(local, study, series))
        if wanted.level == "study" and study:
            found = found and [(study, "")]  # one run, on all of it
        if not found:
            raise PacsError(f"there is no {'study' if study else 'series'} {study or series!r}")
        with closing(new_workers(local.archive, local.settings)) as workers:
            inference = Inference.configured(
                local.archive, local.settings, output=output, workers=workers
            )
            rows = [_run_on(inference, local, wanted, *uids) for uids in found]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            _print(row)
    states = {str(row["state"]) for row in rows}
    ran = states - {_PASSED_OVER}
    if not ran or not all(State(each).went_well for each in ran):
        context.exit(1)


def _series(local: Local, study: str, series: str) -> Iterator[tuple[str, str]]:
    """Study and series of each that is meant."""
    keys = Dataset()
    keys.StudyInstanceUID, keys.SeriesInstanceUID = study, series
    for answer in local.archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True):
        yield str(answer.StudyInstanceUID), str(answer.SeriesInstanceUID)


def _run_on(
    inference: Inference, local: Local, model: OfferedModel, study: str, series: str
) -> dict[str, object]:
    try:
        with counting(model.label) as bar:
            record = inference.run(
                model, study, series, progress=lambda done: bar(round(done * _PARTS), _PARTS)
            )
    except (NoVolume, InstanceError) as error:
        return {"study": study, "series": series, "state": _PASSED_OVER, "reason": str(error)}
    return _row(local, record)


def _row(local: Local, record: RunRecord) -> dict[str, object]:
    return {**as_row(record), "results": result_rows(local.book, record)}


def _print(row: dict[str, object]) -> None:
    reason = f": {row['reason']}" if row["reason"] else ""
    click.echo(f"{row['series'] or row['study']} {row['state']}{reason}")
    if "uid" not in row:
        return
    click.echo(f"  run {row['uid']}")
    results = row["results"]
    assert isinstance(results, list)
    for made in results:
        click.echo(f"  {made['sop_instance_uid']} {made['sop_class']}")
