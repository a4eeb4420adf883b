"""The options that say what a film looks like, for all commands that print images."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pacs_print.scu.order import Order
from pacs_print.terms import (
    DecimateCrop,
    Magnification,
    Orientation,
    Polarity,
    PresentationLutShape,
    Resolution,
)

__all__ = ["Layout", "order_options"]

_F = TypeVar("_F", bound=Callable[..., Any])
_FORMATS = ("STANDARD", "ROW", "COL", "SLIDE", "SUPERSLIDE", "CUSTOM")
_GRID = re.compile(r"(\d+)[xX](\d+)")


class Layout(click.ParamType[str]):
    """COLUMNSxROWS, or an Image Display Format as it stands in the standard."""

    name = "layout"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The Image Display Format."""
        grid = _GRID.fullmatch(value)
        if grid:
            return f"STANDARD\\{grid[1]},{grid[2]}"
        if value.partition("\\")[0] not in _FORMATS:
            self.fail(rf"{value!r} is neither COLUMNSxROWS nor like ROW\2,3,2", param, ctx)
        return value


def _choice(values: Any) -> click.Choice[str]:
    return click.Choice([str(value) for value in values], case_sensitive=False)


_OPTIONS = (
    click.option(
        "--layout",
        "display_format",
        type=Layout(),
        default="1x1",
        show_default=True,
        help=r"COLUMNSxROWS, or an Image Display Format such as ROW\2,3,2.",
    ),
    click.option("--film", "size_id", default="", help="Film Size ID, such as 14INX17IN or A4."),
    click.option("--orientation", type=_choice(Orientation), help="Film Orientation."),
    click.option(
        "--copies", type=click.IntRange(1, 9999), default=1, show_default=True, help="How many."
    ),
    click.option("--priority", type=_choice(("HIGH", "MED", "LOW")), default=None, help="Of it."),
    click.option("--medium", default="", help="Medium Type, such as PAPER or BLUE FILM."),
    click.option("--destination", default="", help="Film Destination, such as MAGAZINE."),
    click.option("--label", default="", help="Film Session Label."),
    click.option("--owner", default="", help="Owner ID."),
    click.option("--trim/--no-trim", default=None, help="A line around each image."),
    click.option("--resolution", type=_choice(Resolution), help="Requested Resolution ID."),
    click.option("--magnification", default="", help=f"Such as {', '.join(Magnification)}."),
    click.option("--smoothing", default="", help="Smoothing Type, in the printer's own terms."),
    click.option(
        "--border", "border_density", default="", help="BLACK, WHITE or hundredths of OD."
    ),
    click.option(
        "--empty", "empty_image_density", default="", help="The same, of boxes without an image."
    ),
    click.option("--min-density", type=click.IntRange(0, 999), help="Hundredths of OD."),
    click.option("--max-density", type=click.IntRange(0, 999), help="Hundredths of OD."),
    click.option("--lut", type=_choice(PresentationLutShape), help="Presentation LUT Shape."),
    click.option("--polarity", type=_choice(Polarity), help="REVERSE swaps black and white."),
    click.option(
        "--image-width",
        "requested_size",
        type=click.FloatRange(min=0, min_open=True),
        help="Requested Image Size: how wide each image is to be, in mm.",
    ),
    click.option(
        "--too-large",
        "decimate_or_crop",
        type=_choice(DecimateCrop),
        help="What to do with an image that is larger than its box.",
    ),
    click.option("--annotation", default="", help="A line of text on each film."),
    click.option(
        "--annotation-format",
        default="",
        help="Annotation Display Format ID, in the printer's own terms.  [default: LABEL]",
    ),
    click.option("--colour", is_flag=True, help="Print in colours."),
    click.option("--one-job", "as_session", is_flag=True, help="Print all films as one job."),
)
_KINDS = {
    "orientation": Orientation,
    "lut": PresentationLutShape,
    "polarity": Polarity,
    "decimate_or_crop": DecimateCrop,
}


def order_options(command: _F) -> _F:
    """Add them; the command gets them as one `Order`."""

    @functools.wraps(command)
    def run(**values: Any) -> Any:
        given = {name: values.pop(name) for name in _names()}
        for name, kind in _KINDS.items():
            given[name] = None if given[name] is None else kind(given[name])
        given["priority"] = given["priority"] or ""
        given["resolution"] = given["resolution"] or ""
        if given["annotation"]:
            given["annotation_format"] = given["annotation_format"] or "LABEL"
        return command(order=Order(**given), **values)

    for decorate in reversed(_OPTIONS):
        run = decorate(run)
    return run  # type: ignore[return-value]


def _names() -> list[str]:
    return [
        "display_format", "size_id", "orientation", "copies", "priority", "medium", "destination",
        "label", "owner", "trim", "resolution", "magnification", "smoothing", "border_density",
        "empty_image_density", "min_density", "max_density", "lut", "polarity", "requested_size",
        "decimate_or_crop", "annotation", "annotation_format", "colour", "as_session",
    ]  # fmt: skip
