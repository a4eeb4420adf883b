"""What a header says of one frame (PS3.3 C.7.6.16: multi-frame functional groups)."""

from __future__ import annotations

from pydicom import Dataset

from pacs_framework.rendering.attributes import items_of

__all__ = ["FrameHeader"]


class FrameHeader:
    """The header of an image as it is for frame ``number``, from 1 on.

    What an enhanced multi-frame image says of the frame comes before what it says of all frames,
    and both before the data set itself, which is all that other images have.
    """

    def __init__(self, header: Dataset, number: int) -> None:
        self.root = header
        per_frame = items_of(header, "PerFrameFunctionalGroupsSequence")
        shared = items_of(header, "SharedFunctionalGroupsSequence")
        self._groups = [*per_frame[number - 1 : number], *shared[:1]]

    def macro(self, keyword: str) -> Dataset:
        """The item of the functional group ``keyword``; the data set where there is no such."""
        for group in self._groups:
            if items := items_of(group, keyword):
                return items[0]
        return self.root
