"""``pacs extract``: what is in DICOM files, as files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from pacs_framework.cli.files import FileTask, file_tasks, jobs_option, overwrite_option
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, progress
from pacs_framework.cli.pieces import (
    MissingExtra,
    NewFile,
    NewFiles,
    named,
    print_new_files,
    run_tasks,
)
from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.rendering.extracting import Extract, Form, extracts

__all__ = ["command"]

_ANY = ".extracted"  # stands where the suffix of what is found will be


@click.command("extract")
@archive_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the new files; those of a folder keep their places below it.",
)
@click.option("--frame", type=click.IntRange(min=1), help="Only this frame, from 1 on.")
@click.option("--raw", is_flag=True, help="Native frames, little endian, decoded if need be.")
@click.option("--png", is_flag=True, help="Stored values as PNG of 8 or 16 bits, without loss.")
@click.option("--jpeg", is_flag=True, help="Stored values of up to 8 bits as JPEG, with its loss.")
@click.option("--npy", is_flag=True, help="Stored values as one NumPy array of all frames.")
@jobs_option("Files and frames at a time, and processes that decode.")
@overwrite_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    choice: ArchiveChoice,
    paths: tuple[Path, ...],
    output: Path,
    frame: int | None,
    raw: bool,
    png: bool,
    jpeg: bool,
    npy: bool,
    jobs: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Take frames, videos and documents out of the DICOM files at PATHS.

    As they are stored, unless told: a compressed frame as .jpg, .jls, .j2k, .j2c, .jxl or .rle, a
    native one as .raw, a video as its stream, a document (PDF, CDA, STL …) by its type. Nothing is
    decoded for that. `pacs render` makes pictures to look at. Exit code 0 when everything was
    written, else 1.

    \b
    Example:
        pacs extract image.dcm -o frames
        pacs extract ~/studies --npy -o arrays --json
        pacs extract cine.dcm --frame 12 --png -o frames
    """
    asked = {Form.RAW: raw, Form.PNG: png, Form.JPEG: jpeg, Form.NPY: npy}
    forms = [form for form, is_asked in asked.items() if is_asked]
    if len(forms) > 1:
        names = " and ".join(f"--{form.value}" for form in forms)
        raise click.UsageError(f"{names} exclude each other", context)
    form = forms[0] if forms else Form.STORED
    if form not in (Form.STORED, Form.RAW):
        _check_libraries()
    tasks = list(file_tasks(paths, output, suffix=_ANY))
    files = NewFiles(overwrite=overwrite)
    processes = IsolatedCodecs(choice.configured().codec_registry(), most=jobs)
    with closing(processes) as codecs, closing(FrameThreads(jobs)) as threads:

        def work(task: FileTask) -> Iterator[NewFile]:
            with task.source.open("rb") as reader:
                for number, extract in extracts(reader, codecs, form, frame, threads):
                    yield _written(task, extract, number, files)

        done = run_tasks(work, tasks, jobs, files)
        results = [new for each in progress(done, "extracting", total=len(tasks)) for new in each]
    if as_json:
        print_json([result.row() for result in results])
    else:
        print_new_files(results, "file")
    if not results or any(result.error for result in results):
        context.exit(1)


def _check_libraries() -> None:
    try:
        import pacs_framework.rendering.stored_values  # noqa: F401, PLC0415 - it is an extra
    except ImportError as error:
        raise MissingExtra("extract --png, --jpeg and --npy", error) from error


def _written(task: FileTask, extract: Extract, frames: int, files: NewFiles) -> NewFile:
    """The file of one frame, or of what has no frames, of an instance with so many ``frames``."""
    place = task.destination.with_name(task.destination.name.removesuffix(_ANY))
    destination = named(place, extract.frame, frames, extract.suffix)
    return NewFile(
        path=task.source,
        output=destination,
        frame=extract.frame,
        size=files.write(destination, extract.pieces),
        facts=extract.facts,
    )
