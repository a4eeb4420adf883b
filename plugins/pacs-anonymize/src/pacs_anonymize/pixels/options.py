"""The options of PS3.15 E.3 that work on pixels, their codes, and the statement of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator
from pydicom import Dataset
from pydicom.sequence import Sequence

from pacs_anonymize.engine.options import Option

__all__ = [
    "AnyOption",
    "OptionName",
    "PixelOption",
    "option_named",
    "split_options",
    "state_pixels",
]


class PixelOption(StrEnum):
    """What has no column in Table E.1-1: it changes no attribute, but what is to be seen."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_RECOGNIZABLE_VISUAL_FEATURES = "clean-recognizable-visual-features"


AnyOption = Option | PixelOption

_CODES = {
    PixelOption.CLEAN_PIXEL_DATA: ("113101", "Clean Pixel Data Option"),
    PixelOption.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: (
        "113102",
        "Clean Recognizable Visual Features Option",
    ),
}
# PS3.3 C.7.6.1: what an image says of itself once it was done.
_SAYS_NO = {
    PixelOption.CLEAN_PIXEL_DATA: "BurnedInAnnotation",
    PixelOption.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: "RecognizableVisualFeatures",
}


def option_named(name: str) -> AnyOption:
    """The option with a name. Raises ValueError with those there are."""
    kinds: tuple[type[Option | PixelOption], ...] = (Option, PixelOption)
    for kind in kinds:
        if str(name) in set(kind):
            return kind(str(name))
    known = ", ".join(repr(each.value) for each in (*Option, *PixelOption))
    raise ValueError(f"input should be {known}")


OptionName = Annotated[AnyOption, BeforeValidator(option_named)]
"""In a file: the name of either kind."""


def split_options(
    options: Iterable[AnyOption],
) -> tuple[frozenset[Option], frozenset[PixelOption]]:
    """Those for the header, and those for the pixels."""
    given = frozenset(options)
    pixels = frozenset(each for each in given if isinstance(each, PixelOption))
    return frozenset(each for each in given if isinstance(each, Option)), pixels


def state_pixels(dataset: Dataset, option: PixelOption) -> None:
    """Have a de-identified image say that the option was carried out (PS3.15 E.3.1, E.3.2).

    The code of PS3.16 CID 7050 joins those of (0012,0064); Burned In Annotation (0028,0301) or
    Recognizable Visual Features (0028,0302) is NO.
    """
    value, meaning = _CODES[option]
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    others = [
        each
        for each in dataset.get("DeidentificationMethodCodeSequence") or ()
        if (each.get("CodingSchemeDesignator"), each.get("CodeValue")) != ("DCM", value)
    ]
    dataset.DeidentificationMethodCodeSequence = Sequence(
        sorted((*others, code), key=lambda each: str(each.get("CodeValue")))
    )
    setattr(dataset, _SAYS_NO[option], "NO")
