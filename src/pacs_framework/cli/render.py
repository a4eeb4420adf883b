"""``pacs render``: pictures of DICOM images, as their headers say or as the user wants them."""

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
    print_new_files,
    run_tasks,
)
from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.isolated import IsolatedCodecs

__all__ = ["command"]

_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}
_SUFFIXES = {"png": ".png", "jpeg": ".jpg"}
_QUALITY = 90


class _Size(click.ParamType[tuple[int, int]]):
    """WIDTHxHEIGHT in pixels."""

    name = "size"

    def convert(
        self,
        value: str | tuple[int, int],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, _, height = value.lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"{value!r} is no size; give WIDTHxHEIGHT, such as 512x512", param, ctx)
        return int(width), int(height)


@click.command("render")
@archive_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A file that ends in .png or .jpg for a single picture; else a folder, where the pictures "
    "of a folder keep their places.",
)
@click.option("--frame", type=click.IntRange(min=1), help="Frame number, from 1 on.  [default: 1]")
@click.option("--all-frames", is_flag=True, help="A picture of every frame, with its number.")
@click.option(
    "--window",
    nargs=2,
    type=float,
    metavar="CENTER WIDTH",
    help="Window in modality values, such as Hounsfield units.",
)
@click.option(
    "--voi",
    type=click.IntRange(min=1),
    help="The n-th VOI transform of the header: VOI LUTs first, then windows.  [default: 1]",
)
@click.option(
    "--state",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A presentation state, which says how its images are seen in place of their headers.",
)
@click.option("--no-overlays", is_flag=True, help="Leave out overlay planes.")
@click.option(
    "--no-aspect", is_flag=True, help="Keep rows and columns where pixels are no squares."
)
@click.option("--size", type=_Size(), metavar="WxH", help="As large as fits into so many pixels.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["png", "jpeg"]),
    help="What pictures are written as.  [default: by the output's name, else png]",
)
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG.  [default: 90]")
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
    all_frames: bool,
    window: tuple[float, float] | None,
    voi: int | None,
    state: Path | None,
    no_overlays: bool,
    no_aspect: bool,
    size: tuple[int, int] | None,
    form: str | None,
    quality: int | None,
    jobs: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Draw the DICOM images at PATHS as PNG or JPEG, folders with all that is in them.

    Greys are drawn by what the header says of them, modality and VOI transform, the first one
    unless told; where it says nothing, from the lowest to the highest value of the frame. Colours
    become RGB. Overlays are white. Exit code 0 when every picture was written, else 1.

    \b
    Example:
        pacs render image.dcm -o image.png
        pacs render image.dcm --window 40 400 --size 512x512 -o image.jpg
        pacs render image.dcm --state state.dcm -o as-it-was-reported.png
        pacs render ~/studies --all-frames -o pictures --json
    """
    if frame is not None and all_frames:
        raise click.UsageError("--frame and --all-frames exclude each other", context)
    if window is not None and voi is not None:
        raise click.UsageError("--window and --voi exclude each other", context)
    if state is not None and (window or voi or no_overlays or no_aspect):
        raise click.UsageError(
            "--window, --voi, --no-overlays and --no-aspect are what --state says", context
        )
    form = _form(output, form, context)
    if quality is not None and form != "jpeg":
        raise click.UsageError("--quality is for JPEG, and pictures are written as PNG", context)
    try:
        from pacs_framework.cli.pictures import (  # noqa: PLC0415 - NumPy and Pillow are an extra
            Artist,
            View,
            by_state,
            by_view,
            window_of,
        )
    except ImportError as error:
        raise MissingExtra("render", error) from error
    view = View(
        window=window_of(window, context),
        voi=voi,
        overlays=not no_overlays,
        square_pixels=not no_aspect,
        size=size,
    )
    drawing = by_view(view) if state is None else by_state(state, size, context)
    tasks = _tasks(paths, output, form, all_frames, context)
    files = NewFiles(overwrite=overwrite)
    processes = IsolatedCodecs(choice.configured().codec_registry(), most=jobs)
    with closing(processes) as codecs, closing(FrameThreads(jobs)) as threads:
        artist = Artist(codecs, threads, files, drawing, form, quality or _QUALITY)

        def work(task: FileTask) -> Iterator[NewFile]:
            return artist.draw(task, None if all_frames else frame or 1)

        done = run_tasks(work, tasks, jobs, files)
        results = [new for each in progress(done, "drawing", total=len(tasks)) for new in each]
    if as_json:
        print_json([result.row() for result in results])
    else:
        print_new_files(results, "picture")
    if not results or any(result.error for result in results):
        context.exit(1)


def _form(output: Path, form: str | None, context: click.Context) -> str:
    by_name = _FORMATS.get(output.suffix.lower())
    if form and by_name and form != by_name:
        raise click.UsageError(f"{output} is not the name of a {form} file", context)
    return form or by_name or "png"


def _tasks(
    paths: tuple[Path, ...],
    output: Path,
    form: str,
    all_frames: bool,
    context: click.Context,
) -> list[FileTask]:
    if output.suffix.lower() not in _FORMATS:
        return list(file_tasks(paths, output, suffix=_SUFFIXES[form]))
    if len(paths) > 1 or paths[0].is_dir() or all_frames:
        raise click.UsageError(
            f"{output} is the name of one picture, and there may be several: give a folder", context
        )
    return [FileTask(source=paths[0], destination=output)]
