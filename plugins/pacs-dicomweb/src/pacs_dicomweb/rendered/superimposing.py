"""Which of the superimposed images of a blending presentation state lies upon another image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.presentation.other_frames import Superimposed
from pacs_framework.rendering.presentation.planes import Plane, nearest_plane, plane_of
from pacs_framework.rendering.presentation.references import SeenFrame

if TYPE_CHECKING:
    from pacs_dicomweb.rendered.studio import Studio
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.rendering.presentation.references import ImageReference

__all__ = ["Superimposition"]


class Superimposition:
    """The ``images`` that a state superimposes, for one recipient.

    Where each of their frames lies is read once, when it is asked for first.
    """

    def __init__(
        self, studio: Studio, images: Sequence[tuple[StoredInstance, ImageReference]]
    ) -> None:
        self._studio = studio
        self.images = images

    def find(self, plane: Plane) -> Superimposed | None:
        """The frame that lies in a plane. Raises `Problem` and `UnreadableInstance`."""
        place = nearest_plane(plane, [each for each, _, _ in self._planes])
        if place is None:
            return None
        found, stored, number = self._planes[place]
        [(_, frame)] = self._studio.frames(stored, range(number, number + 1))
        return Superimposed(
            frame=frame, seen=SeenFrame(stored.sop_instance_uid, number), plane=found
        )

    @cached_property
    def _planes(self) -> Sequence[tuple[Plane, StoredInstance, int]]:
        found = []
        for stored, reference in self.images:
            with self._studio.image(stored) as image:
                numbers = reference.frames or range(1, image.number_of_frames + 1)
                found += [
                    (plane_of(FrameHeader(image.header, number)), stored, number)
                    for number in numbers
                ]
        return found
