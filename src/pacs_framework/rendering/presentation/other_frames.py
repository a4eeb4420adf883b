"""Other frames of the image that is drawn, for steps that need more than the frame itself."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.frames import StoredFrame
from pacs_framework.rendering.layout import FrameLayout
from pacs_framework.rendering.presentation.planes import Plane
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.samples import Array
from pacs_framework.rendering.volumes.assembling import Modality
from pacs_framework.rendering.volumes.volume import Volume

__all__ = [
    "FindSuperimposed",
    "OtherFrames",
    "ReadFrames",
    "Superimposed",
    "Unaligned",
    "no_frames",
]

ReadFrames = Callable[[range], Iterator[tuple[int, StoredFrame]]]
"""The frames of a range with their numbers, from 1 on; each call reads the image anew."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Superimposed:
    """A frame that lies upon another one, in its plane, by the name that the state has for it."""

    frame: StoredFrame
    header: Dataset
    seen: SeenFrame
    plane: Plane


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Unaligned:
    """Frames that lie across another one: ``volume`` makes one of what they measure.

    It lies where the other one does. ``layout`` is that of all of them, ``header`` that of one,
    which the state knows as ``seen``.
    """

    volume: Callable[[Modality], Volume]
    layout: FrameLayout
    header: Dataset
    seen: SeenFrame


FindSuperimposed = Callable[[Plane, SeenFrame], Superimposed | Unaligned | None]
"""What of a set of superimposed images lies in the plane of a frame; None where nothing does."""

_MOST = 64  # averaged for one mask; each takes a pass of its own where they lie apart

_KEPT = 2  # a mask, and the contrast frames that were averaged for one picture


def no_frames(wanted: range) -> Iterator[tuple[int, StoredFrame]]:
    """For who has but the one frame: there are no others. Raises `UnreadableInstance`."""
    raise UnreadableInstance(f"frame {wanted[0]} is needed for this picture, and is not at hand")


class OtherFrames:
    """Reads other frames of one image, and finds those of others that lie upon it.

    The last averages are kept: all frames of a run have the same mask, as a rule. Used from many
    threads.
    """

    def __init__(
        self,
        read: ReadFrames = no_frames,
        superimposed: Mapping[int, FindSuperimposed] = MappingProxyType({}),
    ) -> None:
        self._read = read
        self._superimposed = superimposed
        self._kept: OrderedDict[tuple[int, ...], Array] = OrderedDict()
        self._lock = threading.Lock()

    def superimposed(
        self, number: int, plane: Plane, seen: SeenFrame
    ) -> Superimposed | Unaligned | None:
        """What of the set of that number lies in the plane of a frame; None where nothing does.

        Raises `UnreadableInstance`.
        """
        find = self._superimposed.get(number)
        if find is None:
            raise UnreadableInstance(
                "the superimposed images are needed for this picture, and not at hand"
            )
        return find(plane, seen)

    def average(self, numbers: Sequence[int], values: Callable[[StoredFrame, int], Array]) -> Array:
        """The average of what ``values`` makes of each frame of ``numbers``, as floats.

        ``values`` has to make the same of a frame each time. Raises `UnreadableInstance`.
        """
        key = tuple(numbers)
        with self._lock:
            made = self._kept.get(key)
        if made is None:
            made = self._averaged(key, values)
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made

    def _averaged(
        self, numbers: tuple[int, ...], values: Callable[[StoredFrame, int], Array]
    ) -> Array:
        if len(numbers) > _MOST:
            raise UnreadableInstance(f"{len(numbers)} frames to average, and {_MOST} are the most")
        total: Array | None = None
        found = 0
        for run in _runs(sorted(numbers)):
            for number, frame in self._read(run):
                made = values(frame, number) * numbers.count(number)
                total = made.astype(np.float32) if total is None else total + made
                found += numbers.count(number)
        if total is None or found < len(numbers):
            raise UnreadableInstance("frames that this picture needs are not in the image")
        return total / found


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """Sorted ``numbers`` as ranges without gaps."""
    start = last = numbers[0]
    for number in numbers[1:]:
        if number > last + 1:
            yield range(start, last + 1)
            start = number
        last = number
    yield range(start, last + 1)
