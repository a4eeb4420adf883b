"""Rules for pixels as they are used: which one an image is for, and what it has done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydicom import Dataset

from pacs_anonymize.conditions import InstanceCondition
from pacs_anonymize.pixels.document import PixelRuleEntry
from pacs_anonymize.pixels.text import TextFinder
from pacs_anonymize.pixels.ultrasound import ultrasound_regions
from pacs_framework.anonymizers.pixel_work import PixelWork, Region, outside
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import frames_of
from pacs_framework.errors import NotAnonymized

__all__ = ["PixelRule", "rules_of", "work_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelRule:
    """One rule; see `PixelRuleEntry` for its parts. It can be pickled."""

    name: str
    entry: PixelRuleEntry
    when: InstanceCondition | None

    def fits(self, dataset: Dataset) -> bool:
        """Whether it is for the instance, as it was before anything of it was changed."""
        return self.when is None or self.when(dataset)

    def work(self, dataset: Dataset) -> PixelWork | None:
        """What is to be done to the pixels; None where nothing is. Raises `NotAnonymized`."""
        entry = self.entry
        if entry.refuse:
            raise NotAnonymized(entry.refuse)
        if entry.clean:
            return None
        columns, rows = _size(dataset)
        regions = [*self._blank(dataset, columns, rows), *self._around(dataset, columns, rows)]
        find: Callable[[Frame, int], Iterable[Region]] | None = None
        if entry.detect_text:
            find = TextFinder.ready()
        return PixelWork(regions=tuple(regions), find=find, done=self._done(regions))

    def _blank(self, dataset: Dataset, columns: int, rows: int) -> list[Region]:
        frames = self.entry.frame_numbers()
        regions = _rectangles(self.entry.blank, frames)
        if regions and not _hits(regions, columns, rows):
            raise _of_another_size("rectangles to make black", columns, rows)
        if frames is not None and min(frames) > (number := frames_of(dataset)):
            raise NotAnonymized(
                f"the pixel rule is for frames {self.entry.frames}, and the image has {number}: it "
                "would make nothing black"
            )
        return regions

    def _around(self, dataset: Dataset, columns: int, rows: int) -> tuple[Region, ...]:
        """What is made black because it is not kept."""
        entry = self.entry
        if entry.blank_all:
            return outside((), columns, rows)
        if entry.keep_ultrasound_regions:
            return outside(ultrasound_regions(dataset, columns, rows), columns, rows)
        if entry.keep:
            kept = _rectangles(entry.keep)
            if not _hits(kept, columns, rows):
                raise _of_another_size("rectangles to keep", columns, rows)
            return outside(kept, columns, rows)
        return ()

    def _done(self, regions: list[Region]) -> str:
        parts = [f"made black: {'; '.join(map(str, regions))}"] if regions else []
        if self.entry.frames:
            parts.append(f"blank in frames {self.entry.frames}")
        if self.entry.detect_text:
            parts.append("text was looked for and made black")
        return ", ".join(parts) or "nothing had to be made black"


def rules_of(entries: Iterable[PixelRuleEntry]) -> tuple[PixelRule, ...]:
    """The rules of a file, in order."""
    return tuple(
        PixelRule(
            name=entry.name or f"pixel rule {number}",
            entry=entry,
            when=InstanceCondition.of_rule(entry.when),
        )
        for number, entry in enumerate(entries, start=1)
    )


def work_for(dataset: Dataset, rules: Iterable[PixelRule]) -> tuple[PixelRule, PixelWork | None]:
    """The first rule that fits an image, and what is to be done.

    Raises `NotAnonymized` where none fits: what nobody knows to be clean is not let through.
    """
    for rule in rules:
        if rule.fits(dataset):
            return rule, rule.work(dataset)
    raise NotAnonymized(
        "no pixel rule is for this kind of image, so text may be burned into it: look at it, and "
        "write a rule that blanks the text or says that there is none (clean = true)"
    )


def _rectangles(
    rectangles: Iterable[tuple[int, int, int, int]], frames: frozenset[int] | None = None
) -> list[Region]:
    return [
        Region(left=left, top=top, width=width, height=height, frames=frames)
        for left, top, width, height in rectangles
    ]


def _hits(regions: Iterable[Region], columns: int, rows: int) -> bool:
    return any(each.cut(columns, rows) for each in regions)


def _of_another_size(what: str, columns: int, rows: int) -> NotAnonymized:
    return NotAnonymized(
        f"none of the {what} is inside of the image, which has {columns} × {rows} pixels: the "
        "pixel rule is for images of another size"
    )


def _size(dataset: Dataset) -> tuple[int, int]:
    try:
        return int(dataset.Columns), int(dataset.Rows)
    except (AttributeError, TypeError, ValueError):
        raise NotAnonymized("Rows or Columns are missing or no number") from None
