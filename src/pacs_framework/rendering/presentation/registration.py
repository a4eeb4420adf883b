"""Spatial registrations: where the images of one space lie in another (PS3.3 C.20.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.uid import SpatialRegistrationStorage

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import items_of, numbers_of, text_of
from pacs_framework.rendering.samples import Array

__all__ = ["InSpace", "Registration", "matrix_between", "registration_of"]

_TYPES = ("RIGID", "RIGID_SCALE", "AFFINE")
_TOLERANCE = 1e-3  # of a matrix that has been written in decimal digits
_SMALLEST = 1e-9  # of a determinant


@dataclass(frozen=True, slots=True, kw_only=True)
class InSpace:
    """An image, and the space that its positions are in."""

    frame_of_reference: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Registered:
    """What a matrix is for: a space, or some images of it."""

    frame_of_reference: str
    images: frozenset[str]
    matrix: Array

    def is_for(self, image: InSpace) -> bool:
        if self.images:
            return image.sop_instance_uid in self.images
        return image.frame_of_reference == self.frame_of_reference


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Registration:
    """Leads from several spaces to that of ``frame_of_reference``."""

    frame_of_reference: str
    items: tuple[_Registered, ...]

    def matrix_of(self, image: InSpace) -> Array | None:
        """From the space of an image to the registered one, 4 × 4; None where it is not named."""
        return next((each.matrix for each in self.items if each.is_for(image)), None)


def registration_of(dataset: Dataset) -> Registration:
    """A Spatial Registration that was read. Raises `UnreadableInstance`, also for others."""
    if text_of(dataset, "SOPClassUID") != SpatialRegistrationStorage:
        raise UnreadableInstance(
            "images are placed by Spatial Registrations, and this is none (deformable ones are not "
            "used)"
        )
    target = text_of(dataset, "FrameOfReferenceUID")
    items = tuple(map(_registered, items_of(dataset, "RegistrationSequence")))
    if not target or not items:
        raise UnreadableInstance("the spatial registration does not say from where to where")
    return Registration(frame_of_reference=target, items=items)


def matrix_between(
    source: InSpace,
    of_source: Sequence[Registration],
    target: InSpace,
    of_target: Sequence[Registration],
) -> Array:
    """From the space of one image to that of another, 4 × 4, through one that both lead to.

    A registration counts also where both are in one space already: it corrects (C.11.33.1.1).
    Raises `UnreadableInstance` where there is no way.
    """
    for from_source, common in _ways(source, of_source):
        for from_target, also in _ways(target, of_target):
            if common == also:
                made: Array = np.linalg.inv(from_target) @ from_source
                return made
    raise UnreadableInstance(
        "the images to blend are in different frames of reference, and no spatial registration "
        "leads from one to the other"
    )


def _ways(image: InSpace, registrations: Sequence[Registration]) -> Iterator[tuple[Array, str]]:
    for each in registrations:
        matrix = each.matrix_of(image)
        if matrix is not None:
            yield matrix, each.frame_of_reference
    yield np.eye(4), image.frame_of_reference


def _registered(item: Dataset) -> _Registered:
    images = items_of(item, "ReferencedImageSequence")
    matrices = [
        _matrix(each)
        for registration in items_of(item, "MatrixRegistrationSequence")[:1]
        for each in items_of(registration, "MatrixSequence")
    ]
    if not matrices:
        raise UnreadableInstance("the spatial registration has an item without a matrix")
    return _Registered(
        frame_of_reference=text_of(item, "FrameOfReferenceUID"),
        images=frozenset(text_of(each, "ReferencedSOPInstanceUID") for each in images),
        matrix=_product(matrices),
    )


def _product(matrices: list[Array]) -> Array:
    """All of them, one after the other, where their order makes no difference.

    Writers disagree which is the first to be applied (C.20.2.1.1), and a wrong guess would put a
    finding where it is not.
    """
    forth, back = np.eye(4), np.eye(4)
    for each in matrices:
        forth, back = forth @ each, each @ back
    if float(np.abs(forth - back).max()) > _TOLERANCE:
        raise UnreadableInstance(
            "the spatial registration has several matrices whose order matters; one is used"
        )
    return forth


def _matrix(item: Dataset) -> Array:
    numbers = numbers_of(item, "FrameOfReferenceTransformationMatrix")
    kind = text_of(item, "FrameOfReferenceTransformationMatrixType")
    if len(numbers) != 16 or kind not in _TYPES:
        raise UnreadableInstance("a matrix of the spatial registration is not what it has to be")
    made = np.array(numbers).reshape(4, 4)
    turning = made[:3, :3]
    square = turning.T @ turning
    if kind == "RIGID_SCALE":  # axes of any length, but at right angles
        square = square - np.diag(np.diag(square)) + np.eye(3)
    odd = kind != "AFFINE" and float(np.abs(square - np.eye(3)).max()) > _TOLERANCE
    if odd or abs(float(np.linalg.det(turning))) < _SMALLEST or (made[3] != (0, 0, 0, 1)).any():
        raise UnreadableInstance(f"a matrix of the spatial registration is not {kind}")
    return made
