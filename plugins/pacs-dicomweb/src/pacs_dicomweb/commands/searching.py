"""``pacs dicomweb search``."""

from __future__ import annotations

import json

import click
from pydicom import Dataset
from pydicom.multival import MultiValue

from pacs_dicomweb.client.searching import LEVELS, path_for, search
from pacs_dicomweb.commands.reaching import server_options
from pacs_dicomweb.model.datasets import dataset_json
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.dicomweb.server import Server

__all__ = ["search_"]

_COLUMNS = {
    "study": (
        "StudyDate",
        "PatientID",
        "PatientName",
        "ModalitiesInStudy",
        "StudyDescription",
        "StudyInstanceUID",
    ),
    "series": (
        "Modality",
        "SeriesNumber",
        "SeriesDescription",
        "NumberOfSeriesRelatedInstances",
        "SeriesInstanceUID",
    ),
    "instance": ("InstanceNumber", "SOPClassUID", "SOPInstanceUID"),
}


@click.command("search")
@server_options
@click.option(
    "--level",
    type=click.Choice([*LEVELS]),
    default="study",
    show_default=True,
    help="What to search for.",
)
@click.option("--study", default="", help="Only in the study of this UID.")
@click.option("--series", default="", help="Only in the series of this UID; needs --study.")
@click.option(
    "-m",
    "--match",
    "matches",
    multiple=True,
    metavar="KEYWORD=VALUE",
    help="What has to match, such as PatientID=4711; may be given again.",
)
@click.option("--include", multiple=True, help="An attribute to return besides, or all.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=0,
    help="Most matches; 0 for all.",
)
@json_option
def search_(
    server: Server,
    level: str,
    study: str,
    series: str,
    matches: tuple[str, ...],
    include: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Search the DICOMweb server at URL (QIDO-RS).

    Exit code 0 when the search was answered, also when nothing matches.

    \b
    Example:
        pacs dicomweb search https://pacs.example.org/dicom-web -m PatientName=DOE*
    """
    if series and not study:
        raise click.UsageError("--series needs --study")
    query = [_pair(each) for each in matches] + [("includefield", each) for each in include]
    below = path_for(study, series)
    with server.open() as client:
        found = list(search(client, level, query, below=below, limit=limit))
    if as_json:
        print_json([json.loads(dataset_json(each)) for each in found])
    else:
        columns = _COLUMNS[level]
        print_table(columns, [[_shown(each, name) for name in columns] for each in found])


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--match {text!r}: KEYWORD=VALUE is wanted")
    return name, value


def _shown(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword, "")
    if isinstance(value, MultiValue | list):
        return "\\".join(str(each) for each in value)
    return "" if value is None else str(value)
