"""What an anonymizer wants done to the pixels of an instance: regions made black, frames changed.

The anonymizer says what, the kernel does it (`pacs_framework.anonymizers.redacting`): it knows how
frames are encoded and what is black in them, and it never lets a frame pass that was to be changed
and could not be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from pydicom import Dataset

from pacs_framework.codecs.codec import Frame

__all__ = ["AnonymousDataSet", "PixelWork", "Region", "data_set_of", "outside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of pixels, the first of them being column 0 of row 0.

    What of it is beyond the image counts for nothing. ``frames`` are numbered from 1; None means
    all of them. Raises ValueError for a rectangle without pixels, and for a place before the first.
    """

    left: int
    top: int
    width: int
    height: int
    frames: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if min(self.left, self.top) < 0 or min(self.width, self.height) < 1:
            raise ValueError(f"no rectangle of pixels: {self}")

    def __str__(self) -> str:
        return f"{self.width} × {self.height} pixels at column {self.left} of row {self.top}"

    def is_in(self, frame: int) -> bool:
        """Whether it is for this frame."""
        return self.frames is None or frame in self.frames

    def cut(self, columns: int, rows: int) -> Region | None:
        """What of it is inside of an image; None where nothing is."""
        width = min(self.left + self.width, columns) - self.left
        height = min(self.top + self.height, rows) - self.top
        if width < 1 or height < 1:
            return None
        return Region(left=self.left, top=self.top, width=width, height=height, frames=self.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelWork:
    """What is to be done to the pixels of one instance. It can be pickled.

    ``regions`` are made black: in frames that none of them is for, not a byte changes.

    ``change`` makes another frame of each: it is given a native frame and its number from 1, and
    returns one of the same layout (see `PixelFormat`), such as a head without its face. ``find``
    is given the same, and tells which regions are to be made black besides, such as text. With one
    of the two every frame is decoded. What they raise refuses the instance; they are called one
    after the other, in the order of the frames.

    ``done`` says it in a few words, for reports.
    """

    regions: tuple[Region, ...] = ()
    change: Callable[[Frame, int], Frame] | None = None
    find: Callable[[Frame, int], Iterable[Region]] | None = None
    done: str = ""

    def touches(self, frame: int, columns: int, rows: int) -> bool:
        """Whether the frame of this number may become another one."""
        if self.change is not None or self.find is not None:
            return True
        return any(each.is_in(frame) and each.cut(columns, rows) for each in self.regions)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymousDataSet:
    """An answer of an anonymizer: the de-identified data set, and what is to be done to the pixels.

    What ``dataset`` says of the pixels, as that no annotation is burned into them (0028,0301), is
    true once ``pixels`` was done; nothing of the instance goes on before.
    """

    dataset: Dataset
    pixels: PixelWork


def data_set_of(answer: Dataset | AnonymousDataSet) -> Dataset:
    """The data set of an anonymizer's answer, for those who look at answers and pass them on."""
    return answer.dataset if isinstance(answer, AnonymousDataSet) else answer


def outside(kept: Iterable[Region], columns: int, rows: int) -> tuple[Region, ...]:
    """The regions of all frames that cover an image but for the rectangles ``kept``.

    Without one of them it is the whole image. Raises ValueError where they are not for all frames.
    """
    inside = []
    for region in kept:
        if region.frames is not None:
            raise ValueError("what is kept, is kept in all frames")
        if part := region.cut(columns, rows):
            inside.append(part)
    edges = sorted({0, rows, *(e for r in inside for e in (r.top, r.top + r.height))})
    return tuple(
        Region(left=left, top=top, width=right - left, height=bottom - top)
        for top, bottom in pairwise(edges)
        for left, right in _gaps([r for r in inside if r.top <= top < r.top + r.height], columns)
    )


def _gaps(kept: list[Region], columns: int) -> Iterator[tuple[int, int]]:
    """What no rectangle covers of a row: columns from, and up to."""
    start = 0
    for region in sorted(kept, key=lambda each: each.left):
        if region.left > start:
            yield start, region.left
        start = max(start, region.left + region.width)
    if start < columns:
        yield start, columns
