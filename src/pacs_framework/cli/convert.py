"""``pacs convert``: DICOM files in another transfer syntax, without loss unless it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from pacs_framework.cli.files import (
    FileTask,
    file_tasks,
    in_threads,
    jobs_option,
    overwrite_option,
    sentence_of,
)
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, progress
from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.files import FileConverter, Outcome
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.syntaxes import LOSSY_NAMES, SHORT_NAMES, named_syntax, syntax_name
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.errors import PacsError, UnreadableInstance

__all__ = ["command"]


class _TransferSyntax(click.ParamType[str]):
    """A UID, a keyword, or a short name."""

    name = "syntax"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return named_syntax(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        del ctx, param
        names = (name for name in (*SHORT_NAMES, *LOSSY_NAMES) if name.startswith(incomplete))
        return [click.shell_completion.CompletionItem(name) for name in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What became of a task; ``error`` is empty where it went well. Sizes are bytes of files."""

    path: Path
    output: Path
    outcome: str
    source_size: int = 0
    size: int = 0
    sop_instance_uid: str = ""
    error: str = ""


@click.command("convert")
@archive_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--to",
    "target",
    required=True,
    type=_TransferSyntax(),
    metavar="SYNTAX",
    help=(
        f"Transfer syntax: its UID, its keyword, or one of {', '.join(SHORT_NAMES)}; with --lossy "
        f"of {', '.join(LOSSY_NAMES)}."
    ),
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the new files; those of a folder keep their places below it.",
)
@jobs_option("Processes that decode and encode.")
@click.option(
    "--lossy", is_flag=True, help="Compress with loss: the new files are other instances."
)
@click.option(
    "--quality",
    type=float,
    help="With --lossy: 1 to 100; for jpeg2000-lossy and htj2k-lossy dB of signal to noise.",
)
@click.option("--ratio", type=float, help="With --lossy: how many times smaller a frame has to be.")
@click.option("--near", type=int, help="With --lossy: the largest difference of a sample.")
@click.option("--verify", is_flag=True, help="Decode each new file and compare every frame.")
@overwrite_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    choice: ArchiveChoice,
    paths: tuple[Path, ...],
    target: str,
    output: Path,
    jobs: int,
    lossy: bool,
    quality: float | None,
    ratio: float | None,
    near: int | None,
    verify: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the DICOM files at PATHS in another transfer syntax, folders with all that is in them.

    Nothing is lost unless you say --lossy, and how much by one of --quality, --ratio and --near.
    Then each image becomes a derived one with a SOP Instance UID of its own. What was lost before
    is only written out. A file appears under its name when all of it is on disk. One that is in the
    transfer syntax is copied, as is one without pixel data where the syntax is for those only.
    Exit code 0 when every file was written, else 1.

    \b
    Example:
        pacs convert ~/studies --to htj2k -o ~/smaller --verify
        pacs convert image.dcm --to explicit -o .. --json
        pacs convert film.dcm --to jpeg --lossy --quality 90 -o small
    """
    loss = _loss(context, lossy, quality, ratio, near)
    registry = choice.configured().codec_registry()
    tasks = list(file_tasks(paths, output))
    processes, threads = IsolatedCodecs(registry, most=jobs), FrameThreads(jobs)
    with closing(processes), closing(threads):
        codecs = _Interruptible(processes)
        transcoding = Transcoding(codecs, encoder=codecs, threads=threads)
        try:
            converter = FileConverter(
                transcoding, target, loss=loss, verify=verify, overwrite=overwrite
            )
        except ValueError as error:
            raise click.BadParameter(str(error), context, param_hint="--to") from error
        title = f"converting to {syntax_name(target)}"
        done = in_threads(partial(_convert, converter), tasks, jobs, stop=codecs.stop)
        results = list(progress(done, title, total=len(tasks)))
    if as_json:
        print_json([_row(result) for result in results])
    else:
        _print(results)
    if not results or any(result.error for result in results):
        context.exit(1)


def _loss(
    context: click.Context,
    lossy: bool,
    quality: float | None,
    ratio: float | None,
    near: int | None,
) -> Loss | None:
    """What may be lost; nothing without ``lossy``, and never by one of the others alone."""
    amounts = {Measure.QUALITY: quality, Measure.RATIO: ratio, Measure.NEAR: near}
    given = {measure: amount for measure, amount in amounts.items() if amount is not None}
    options = ", ".join(f"--{measure}" for measure in given)
    if given and not lossy:
        raise click.UsageError(f"{options} loses information: add --lossy to allow it", context)
    if lossy and len(given) != 1:
        raise click.UsageError(
            "--lossy needs one of --quality, --ratio and --near, to say how much", context
        )
    if not lossy:
        return None
    [(measure, amount)] = given.items()
    try:
        return Loss(measure, amount)
    except ValueError as error:
        raise click.BadParameter(str(error), context, param_hint=options) from error


class _Interruptible:
    """Codecs that take no further frame once they are told to stop."""

    def __init__(self, codecs: IsolatedCodecs) -> None:
        self._codecs = codecs
        self._stopped = False
        self.decodes = codecs.decodes
        self.encodes = codecs.encodes

    def decode(self, frame: Buffer, transfer_syntax: str, pixels: PixelFormat) -> Frame:
        self._check()
        return self._codecs.decode(frame, transfer_syntax, pixels)

    def encode(self, frame: Frame, transfer_syntax: str) -> Frame:
        self._check()
        return self._codecs.encode(frame, transfer_syntax)

    def encodes_lossy(self, transfer_syntax: str, measure: Measure) -> bool:
        return self._codecs.encodes_lossy(transfer_syntax, measure)

    def encode_lossy(self, frame: Frame, transfer_syntax: str, loss: Loss) -> Frame:
        self._check()
        return self._codecs.encode_lossy(frame, transfer_syntax, loss)

    def stop(self) -> None:
        """Have every file that is not ready fail at its next frame."""
        self._stopped = True

    def _check(self) -> None:
        if self._stopped:
            raise UnreadableInstance("interrupted")


def _convert(converter: FileConverter, task: FileTask) -> _Done:
    if task.refused:
        return _failed(task, task.refused)
    try:
        made = converter.convert(task.source, task.destination)
    except OSError as error:
        return _failed(task, sentence_of(error))
    except PacsError as error:
        return _failed(task, str(error))
    return _Done(
        path=task.source,
        output=task.destination,
        outcome=made.outcome.value,
        source_size=made.source_size,
        size=made.size,
        sop_instance_uid=made.sop_instance_uid,
    )


def _failed(task: FileTask, error: str) -> _Done:
    return _Done(path=task.source, output=task.destination, outcome="failed", error=error)


def _row(result: _Done) -> dict[str, object]:
    return {
        "path": str(result.path),
        "output": "" if result.error else str(result.output),
        "outcome": result.outcome,
        "bytes_before": result.source_size,
        "bytes_after": result.size,
        "sop_instance_uid": result.sop_instance_uid,
        "error": result.error,
    }


def _print(results: Sequence[_Done]) -> None:
    if not results:
        click.echo("there are no files", err=True)
    for result in results:
        if result.error:
            click.echo(f"{result.path}: {result.error}", err=True)
        elif result.outcome == Outcome.KEPT.value:
            click.echo(f"{result.path}: no pixel data, copied as it is", err=True)
    counts = Counter(result.outcome for result in results)
    parts = [f"{counts[kind.value]} {kind.value}" for kind in Outcome if counts[kind.value]]
    before, after = (sum(r.source_size for r in results), sum(r.size for r in results))
    click.echo(", ".join([*parts, f"{counts['failed']} failed"]))
    if before:
        click.echo(f"{before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after")
