"""``pacs anonymize preview``: what rules for pixels would make black, to look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from pacs_anonymize.pixels.known import pixel_rules
from pacs_anonymize.pixels.rules import work_for
from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.cli.files import overwrite_option, sentence_of
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_framework.cli.pieces import MissingExtra
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.errors import NotAnonymized, PacsError
from pacs_framework.whole_file import check_free, whole_file

__all__ = ["command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What the rules say of an image; ``refused`` is the reason where they do not take it."""

    rule: str = ""
    work: PixelWork | None = None
    refused: str = ""


@click.command("preview")
@archive_options
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The picture, a PNG file.",
)
@click.option(
    "--pixel-rules",
    metavar="NAME|FILE",
    multiple=True,
    help="Rules for pixels, may be given again.  [default: standard]",
)
@click.option("--frame", type=click.IntRange(min=1), default=1, help="Number of the frame.")
@overwrite_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    choice: ArchiveChoice,
    file: Path,
    output: Path,
    pixel_rules: tuple[str, ...],
    frame: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Draw the DICOM image FILE with everything red that --pixel-rules would make black.

    The picture is the original one: it shows what is to be hidden. Exit code 1 where no rule takes
    the image, or one refuses it; then nothing is red.

    \b
    Example:
        pacs anonymize preview image.dcm -o image.png --pixel-rules ours.toml
    """
    try:
        judged = _judged(file, pixel_rules)
        with _codecs(choice) as transcoding:
            regions = _drawn(file, output, judged, frame, transcoding, overwrite=overwrite)
    except FileExistsError:
        raise click.ClickException(f"{output} is there already; --overwrite replaces it") from None
    except OSError as error:
        raise click.ClickException(sentence_of(error)) from None
    except PacsError as error:
        raise click.ClickException(f"{file}: {error}") from None
    _tell(file, output, judged, regions, as_json=as_json)
    if judged.refused:
        context.exit(1)


def _judged(file: Path, names: tuple[str, ...]) -> _Judged:
    rules = pixel_rules(names)
    with file.open("rb") as reader:
        prefix = read_prefix(reader)
        reader.seek(prefix.dataset_offset)
        header = load_header(reader, prefix.meta.transfer_syntax_uid)
    try:
        rule, work = work_for(header, rules)
    except NotAnonymized as error:
        return _Judged(refused=str(error))
    return _Judged(rule=rule.name, work=work)


@contextmanager
def _codecs(choice: ArchiveChoice) -> Iterator[Transcoding]:
    with closing(IsolatedCodecs(choice.configured().codec_registry(), most=1)) as codecs:
        yield Transcoding(codecs)


def _drawn(
    file: Path,
    output: Path,
    judged: _Judged,
    frame: int,
    transcoding: Transcoding,
    *,
    overwrite: bool,
) -> tuple[Region, ...]:
    """Write the picture; the regions on it."""
    try:
        from pacs_anonymize.pixels.picturing import (  # noqa: PLC0415 - NumPy, Pillow: an extra
            marked_picture,
            regions_in,
        )
    except ImportError as error:
        raise MissingExtra("preview", error) from error
    check_free(output, overwrite=overwrite)
    work = judged.work
    regions = regions_in(file, work, frame, transcoding) if work is not None else ()
    picture = marked_picture(file, regions, frame, transcoding)
    with whole_file(output, overwrite=overwrite) as writer:
        writer.write(picture.encoded())
    return regions


def _tell(
    file: Path, output: Path, judged: _Judged, regions: tuple[Region, ...], *, as_json: bool
) -> None:
    if as_json:
        print_json(
            {
                "path": str(file),
                "output": str(output),
                "rule": judged.rule,
                "refused": judged.refused,
                "regions": [[each.left, each.top, each.width, each.height] for each in regions],
            }
        )
    elif judged.refused:
        click.echo(f"refused: {judged.refused}", err=True)
    else:
        where = "; ".join(map(str, regions)) or "nothing"
        click.echo(f"{judged.rule}: made black would be {where}")
