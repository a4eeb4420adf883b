"""What a file with rules for pixels may hold (TOML): ``[[pixels]]``, one for a kind of image."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from pacs_framework.anonymizers.pixel_work import Region
from pacs_framework.conditions import Condition
from pacs_framework.config import Section

__all__ = ["PixelDocument", "PixelRuleEntry"]

_are_frames = re.compile(
    r"\s*[1-9][0-9]*(-[1-9][0-9]*)?(\s*,\s*[1-9][0-9]*(-[1-9][0-9]*)?)*\s*"
).fullmatch
_MOST_FRAMES = 1 << 20


def _rectangle(numbers: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    left, top, width, height = numbers
    try:
        Region(left=left, top=top, width=width, height=height)
    except ValueError:
        raise ValueError(
            f"{list(numbers)} is no rectangle: left, top, width and height in pixels, the last two "
            "more than 0"
        ) from None
    return numbers


Rectangle = Annotated[tuple[int, int, int, int], AfterValidator(_rectangle)]


class PixelRuleEntry(Section):
    """``[[pixels]]``: what is done to images of one kind; the first rule that fits counts."""

    name: str = Field(default="", description="What reports call the rule.")
    why: str = Field(default="", description="Where its facts come from, for whoever reads it.")
    when: str = Field(default="", description="Condition on the instance; empty: every image.")
    blank: tuple[Rectangle, ...] = Field(
        default=(), description="Rectangles made black, each [left, top, width, height]."
    )
    blank_all: bool = Field(default=False, description="The whole image is made black.")
    keep: tuple[Rectangle, ...] = Field(
        default=(), description="Rectangles that stay; everything else is made black."
    )
    keep_ultrasound_regions: bool = Field(
        default=False,
        description=(
            "Only the Sequence of Ultrasound Regions (0018,6011) stays, as far as it is of image "
            "data; everything else is made black."
        ),
    )
    frames: str = Field(
        default="", description="Frames that `blank` is for, such as 1-3,7; empty: all."
    )
    detect_text: bool = Field(
        default=False, description="Text is looked for in every frame, and made black."
    )
    clean: bool = Field(
        default=False, description="Such images show no text: their pixels stay as they are."
    )
    refuse: str = Field(
        default="", description="Such images are not taken; the reason, told to the sender."
    )

    @field_validator("when")
    @classmethod
    def _condition(cls, text: str) -> str:
        if text:
            Condition(text)
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        work = {
            "blank": bool(self.blank),
            "blank_all": self.blank_all,
            "keep": bool(self.keep),
            "keep_ultrasound_regions": self.keep_ultrasound_regions,
            "detect_text": self.detect_text,
        }
        given = [name for name, is_given in work.items() if is_given]
        if bool(given) + self.clean + bool(self.refuse) != 1:
            raise ValueError(
                f"a rule has some of {', '.join(work)}, or clean = true, or refuse = REASON"
            )
        if self.keep and self.keep_ultrasound_regions:
            raise ValueError("keep and keep_ultrasound_regions exclude each other")
        if self.frames and not self.blank:
            raise ValueError("frames says which frames `blank` is for; there is none")
        self.frame_numbers()
        return self

    def frame_numbers(self) -> frozenset[int] | None:
        """The frames that `blank` is for; None for all. Raises ValueError."""
        if not self.frames:
            return None
        if not _are_frames(self.frames):
            raise ValueError(f"{self.frames!r} are no frames: write them as 1-3,7")
        numbers: set[int] = set()
        for part in self.frames.split(","):
            first, _, last = part.partition("-")
            if int(last or first) > _MOST_FRAMES or int(last or first) < int(first):
                raise ValueError(f"{part.strip()!r} are no frames: from one to a later one")
            numbers.update(range(int(first), int(last or first) + 1))
        return frozenset(numbers)


class PixelDocument(Section):
    """A whole file of rules for pixels."""

    description: str = Field(default="", description="What it is for, in a few words.")
    pixels: tuple[PixelRuleEntry, ...] = Field(min_length=1, description="The rules.")
