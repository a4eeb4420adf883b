"""Which of the images that a state superimposes lie upon another image, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.presentation.other_frames import Superimposed, Unaligned
from pacs_framework.rendering.presentation.planes import Plane, nearest_plane, plane_of
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.registration import InSpace, matrix_between
from pacs_framework.rendering.volumes.assembling import Modality, assembled

if TYPE_CHECKING:
    from pacs_dicomweb.rendered.studio import Studio
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.rendering.frames import StoredFrame
    from pacs_framework.rendering.presentation.references import ImageReference
    from pacs_framework.rendering.presentation.registration import Registration
    from pacs_framework.rendering.samples import Array
    from pacs_framework.rendering.volumes.volume import Volume

__all__ = ["Placing", "Superimposition"]


@dataclass(frozen=True, slots=True)
class Placing:
    """The spatial registrations for a set of images, and for those that it is laid upon."""

    own: Sequence[Registration]
    base: Sequence[Registration]

    def matrix(self, plane: Plane, uid: str, other: Plane, seen: SeenFrame) -> Array:
        """From the space of one plane to that of another. Raises `UnreadableInstance`."""
        source = InSpace(frame_of_reference=plane.frame_of_reference, sop_instance_uid=uid)
        target = InSpace(
            frame_of_reference=other.frame_of_reference, sop_instance_uid=seen.sop_instance_uid
        )
        return matrix_between(source, self.own, target, self.base)


@dataclass(frozen=True, slots=True, eq=False)
class _Lying:
    """A frame, and where it lies."""

    plane: Plane
    stored: StoredInstance
    number: int


class Superimposition:
    """The ``images`` that a state superimposes, for one recipient and one request.

    Where each of their frames lies is read once, when it is asked for first; so is the volume that
    they make, where they lie across the other images.
    """

    def __init__(
        self,
        studio: Studio,
        images: Sequence[tuple[StoredInstance, ImageReference]],
        placing: Placing,
    ) -> None:
        self._studio = studio
        self._placing = placing
        self.images = images
        self._volume: Volume | None = None

    def find(self, plane: Plane, seen: SeenFrame) -> Superimposed | Unaligned | None:
        """What lies in the plane of a frame. Raises `Problem` and `UnreadableInstance`."""
        if not self._frames:
            return None
        matrices = [self._matrix(each, plane, seen) for each in self._frames]
        here = plane.frame_of_reference
        planes = [
            each.plane.moved(matrix, here)
            for each, matrix in zip(self._frames, matrices, strict=True)
        ]
        if not all(map(plane.is_parallel, planes)):
            return self._across(matrices, here)
        place = nearest_plane(plane, planes)
        if place is None:
            return None
        frame, header = self._read(self._frames[place])
        return Superimposed(
            frame=frame, header=header.root, seen=_named(self._frames[place]), plane=planes[place]
        )

    def _matrix(self, each: _Lying, plane: Plane, seen: SeenFrame) -> Array:
        return self._placing.matrix(each.plane, each.stored.sop_instance_uid, plane, seen)

    def _across(self, matrices: Sequence[Array], frame_of_reference: str) -> Unaligned:
        first = matrices[0]
        if any(not np.allclose(each, first) for each in matrices):
            raise UnreadableInstance("images of one set are registered differently, and oblique")

        def volume(modality: Modality) -> Volume:
            if self._volume is None:
                slices = (
                    self._studio.slices(stored, reference.frames)
                    for stored, reference in self.images
                )
                frames = chain.from_iterable(slices)
                self._volume = assembled(frames, self._studio.most_voxels, modality)
            return self._volume.moved(first, frame_of_reference)

        middle = self._frames[len(self._frames) // 2]
        frame, header = self._read(middle)
        return Unaligned(
            volume=volume, layout=frame.layout, header=header.root, seen=_named(middle)
        )

    def _read(self, lying: _Lying) -> tuple[StoredFrame, FrameHeader]:
        with self._studio.image(lying.stored) as image:
            [(_, frame)] = image.frames(range(lying.number, lying.number + 1))
            return frame, FrameHeader(image.header, lying.number)

    @cached_property
    def _frames(self) -> Sequence[_Lying]:
        found = []
        for stored, reference in self.images:
            with self._studio.image(stored) as image:
                numbers = reference.frames or range(1, image.number_of_frames + 1)
                found += [
                    _Lying(plane_of(FrameHeader(image.header, number)), stored, number)
                    for number in numbers
                ]
        return found


def _named(lying: _Lying) -> SeenFrame:
    return SeenFrame(lying.stored.sop_instance_uid, lying.number)
