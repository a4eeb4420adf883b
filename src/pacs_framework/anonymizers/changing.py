"""One native frame with the work of an anonymizer done on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydicom import Dataset

from pacs_framework.anonymizers.blanking import blanked
from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.codecs.codec import Frame
from pacs_framework.errors import NotAnonymized

__all__ = ["changed_frame", "found_regions"]


def changed_frame(frame: Frame, number: int, work: PixelWork, header: Dataset) -> Frame:
    """One native frame with all of ``work`` done. Raises `NotAnonymized`."""
    found = found_regions(frame, number, work)
    with _failures(number):
        made = work.change(frame, number) if work.change else frame
    if made.pixels != frame.pixels or len(made.data) != len(frame.data):
        raise NotAnonymized(f"what was to change frame {number} made one of another kind of it")
    regions = [each for each in (*work.regions, *found) if each.is_in(number)]
    return blanked(made, regions, header)


def found_regions(frame: Frame, number: int, work: PixelWork) -> Sequence[Region]:
    """What of a frame is to be made black besides, by those who look at it.

    Raises `NotAnonymized`.
    """
    with _failures(number):
        return tuple(work.find(frame, number)) if work.find else ()


@contextmanager
def _failures(number: int) -> Iterator[None]:
    try:
        yield
    except NotAnonymized:
        raise
    except Exception as error:
        # Not its message: that may quote what was read in the pixels.
        raise NotAnonymized(
            f"what was to look at frame {number} failed: {type(error).__name__}"
        ) from error
