"""``pacs ai compare`` and ``agreement``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pacs_ai.catalogue import chosen
from pacs_ai.commands.opening import opened
from pacs_ai.comparing.models import summary
from pacs_ai.comparing.reports import Judgements, Numbers
from pacs_ai.comparing.runs import Compared
from pacs_ai.comparing.runs import compare as compared
from pacs_ai.comparing.segments import Agreement
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table

__all__ = ["agreement", "compare"]

_shadow = click.option(
    "--shadow",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of results that were kept apart from the archive.",
)


@click.command("compare")
@archive_options
@click.argument("first")
@click.argument("second")
@_shadow
@json_option
def compare(
    choice: ArchiveChoice, first: str, second: str, shadow: Path | None, as_json: bool
) -> None:
    """Compare two segmentations, two measurement reports, or all that two runs made.

    FIRST and SECOND are SOP Instance UIDs, files, or runs. Segments are matched by what they are of
    (Segmented Property Type), findings by their tracking identifier: volumes and Dice coefficients,
    differences of measurements, and whether evaluations say the same.

    \b
    Example:
        pacs ai compare 2.25.3298007 2.25.4117008 --json
        pacs ai compare 2.25.3298007 look-first/2.25.5500123.dcm
    """
    with opened(choice) as local:
        found = compared(local.archive, local.book, first, second, shadow=shadow)
    if as_json:
        print_json([_row(each) for each in found])
        return
    for kind, (columns, texts) in _TABLES.items():
        if rows := [texts(each) for each in found if isinstance(each, kind)]:
            print_table(columns, rows)


def _row(found: Compared) -> dict[str, Any]:
    match found:
        case Agreement():
            return {"what": "segment", **asdict(found)}
        case Numbers():
            return {"what": "measurement", **asdict(found), "difference": found.difference}
        case Judgements():
            return {"what": "evaluation", **asdict(found), "same": found.same}


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _segment(found: Agreement) -> Sequence[str]:
    volumes = (_number(found.first_ml), _number(found.second_ml))
    return found.kind, *volumes, _number(found.dice, 4)


def _measurement(found: Numbers) -> Sequence[str]:
    values = (found.first, found.second, found.difference)
    return found.finding, f"{found.name} ({found.unit})", *map(_number, values)


def _evaluation(found: Judgements) -> Sequence[str]:
    same = "yes" if found.same else "no"
    return found.finding, found.name, found.first, found.second, same


_TABLES: dict[type, tuple[Sequence[str], Callable[[Any], Sequence[str]]]] = {
    Agreement: (("segment", "first (ml)", "second (ml)", "dice"), _segment),
    Numbers: (("finding", "measurement", "first", "second", "difference"), _measurement),
    Judgements: (("finding", "evaluation", "first", "second", "same"), _evaluation),
}


@click.command("agreement")
@archive_options
@click.argument("first")
@click.argument("second")
@_shadow
@json_option
def agreement(
    choice: ArchiveChoice, first: str, second: str, shadow: Path | None, as_json: bool
) -> None:
    """Tell how far two models agree, over all series that both ran on; the last run of each counts.

    FIRST and SECOND are models, as NAME or NAME@VERSION. Of segments: mean and least Dice
    coefficient; of volumes and measurements: mean of the differences and the limits of agreement
    (95 %); of evaluations: the share that is the same, and Cohen's kappa. Series on which one or
    both of them found NOTHING are counted by themselves.

    \b
    Example:
        pacs ai agreement lungs@1 lungs@2 --shadow /srv/lungs2 --json
    """
    with opened(choice) as local:
        models = local.models()
        one, other = chosen(models, first), chosen(models, second)
        found = summary(local.archive, local.book, one, other, shadow=shadow).as_json()
    found = {"first": one.label, "second": other.label, **found}
    if as_json:
        print_json(found)
        return
    click.echo(f"{one.label} and {other.label}: {found['series']} series")
    if any(found["nothing"].values()):
        said = ", ".join(f"{count} by {who}" for who, count in found["nothing"].items())
        click.echo(f"series on which nothing was found: {said}")
    for series, reason in found["skipped"].items():
        click.echo(f"left out {series}: {reason}")
    for part, columns in _FIGURES.items():
        if rows := found[part]:
            texts = [[_text(row[column]) for column in columns] for row in rows]
            print_table([column.replace("_", " ") for column in columns], texts)


def _text(value: object) -> str:
    return _number(value, 4) if isinstance(value, float) else str("" if value is None else value)


_FIGURES: dict[str, Sequence[str]] = {
    "segments": (
        *("kind", "series", "dice_mean", "dice_least"),
        *("difference_mean_ml", "lower_ml", "upper_ml"),
    ),
    "measurements": ("finding", "name", "unit", "series", "difference_mean", "lower", "upper"),
    "evaluations": ("finding", "name", "series", "same", "kappa"),
}
