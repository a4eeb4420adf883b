"""Spatial registrations: where images lie that are in another space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from presented import item
from pydicom import Dataset
from pydicom.uid import DeformableSpatialRegistrationStorage, SpatialRegistrationStorage

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.presentation.planes import Plane
from pacs_framework.rendering.presentation.registration import (
    InSpace,
    Registration,
    matrix_between,
    registration_of,
)

ORIGIN = np.array((0.0, 0.0, 0.0, 1.0))


def shift(x: float, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    """A matrix that moves."""
    made = np.eye(4)
    made[:3, 3] = x, y, z
    return made


def turn(degrees: float) -> np.ndarray:
    """A matrix that turns around the z axis."""
    made, angle = np.eye(4), np.radians(degrees)
    made[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return made


def registered(*matrices: np.ndarray, kind: str = "RIGID", **said: Any) -> Dataset:
    """An item of Registration Sequence."""
    steps = [
        item(
            FrameOfReferenceTransformationMatrix=[f"{each:.9g}" for each in matrix.flat],
            FrameOfReferenceTransformationMatrixType=kind,
        )
        for matrix in matrices
    ]
    return item(MatrixRegistrationSequence=[item(MatrixSequence=steps)], **said)


def read(*items: Dataset, target: str = "1.9", sop_class: str = SpatialRegistrationStorage) -> Any:
    """A registration of these items."""
    made = item(SOPClassUID=sop_class, FrameOfReferenceUID=target)
    made.RegistrationSequence = list(items)
    return registration_of(made)


def place(space: str, uid: str = "1.2.3") -> InSpace:
    """An image in a space."""
    return InSpace(frame_of_reference=space, sop_instance_uid=uid)


def between(source: InSpace, target: InSpace, *by: Registration) -> np.ndarray:
    """Where the origin of one space is in the other."""
    return (matrix_between(source, by, target, by) @ ORIGIN)[:3]


def test_it_leads_to_the_registered_space_and_back() -> None:
    """A = M × B (C.20.2.1.1)."""
    by = read(registered(shift(1, 2, 3), FrameOfReferenceUID="1.1"))
    assert between(place("1.1"), place("1.9"), by) == pytest.approx((1, 2, 3))
    assert between(place("1.9"), place("1.1"), by) == pytest.approx((-1, -2, -3))


def test_it_leads_from_one_space_to_another_through_a_third() -> None:
    """Invert one, and multiply by the other (Equation C.20.2-3)."""
    by = read(
        registered(turn(90), FrameOfReferenceUID="1.1"),
        registered(shift(5), FrameOfReferenceUID="1.2"),
    )
    assert between(place("1.2"), place("1.1"), by) == pytest.approx((0, -5, 0))


def test_images_that_are_named_are_registered_alone() -> None:
    """Also where both are in one space: it corrects (C.11.33.1.1)."""
    named = item(ReferencedSOPInstanceUID="1.2.3")
    by = read(registered(shift(7), ReferencedImageSequence=[named]))
    assert between(place("1.9"), place("1.9", "1.2.4"), by) == pytest.approx((7, 0, 0))
    assert between(place("1.9", "1.2.4"), place("1.9", "1.2.5"), by) == pytest.approx((0, 0, 0))


def test_without_a_way_there_is_none() -> None:
    by = read(registered(shift(1), FrameOfReferenceUID="1.1"))
    with pytest.raises(UnreadableInstance, match="no spatial registration"):
        between(place("1.1"), place("1.2"), by)
    assert between(place("1.2"), place("1.2")) == pytest.approx((0, 0, 0))


def test_several_matrices_are_used_where_their_order_does_not_matter() -> None:
    by = read(registered(shift(1), shift(2), FrameOfReferenceUID="1.1"))
    assert between(place("1.1"), place("1.9"), by) == pytest.approx((3, 0, 0))
    with pytest.raises(UnreadableInstance, match="order matters"):
        read(registered(shift(1), turn(90), FrameOfReferenceUID="1.1"))


@pytest.mark.parametrize(
    ("matrix", "kind", "usable"),
    [
        (np.diag((2.0, 3.0, 1.0, 1.0)), "RIGID_SCALE", True),
        (np.diag((2.0, 3.0, 1.0, 1.0)), "RIGID", False),
        (np.diag((2.0, 3.0, 0.0, 1.0)), "AFFINE", False),
        (np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "AFFINE", True),
        (np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "RIGID", False),
        (np.diag((1.0, 1.0, 1.0, 2.0)), "AFFINE", False),
        (np.eye(4), "ELASTIC", False),
        (np.eye(3), "RIGID", False),
    ],
)
def test_a_matrix_is_what_it_says(matrix: np.ndarray, kind: str, usable: bool) -> None:
    """C.20.2.1.2."""
    made = registered(matrix, kind=kind, FrameOfReferenceUID="1.1")
    if usable:
        read(made)
        return
    with pytest.raises(UnreadableInstance, match="matrix of the spatial registration"):
        read(made)


def test_what_is_no_registration_is_told() -> None:
    whole = registered(np.eye(4), FrameOfReferenceUID="1.1")
    with pytest.raises(UnreadableInstance, match="deformable"):
        read(whole, sop_class=DeformableSpatialRegistrationStorage)
    with pytest.raises(UnreadableInstance, match="from where"):
        read(whole, target="")
    with pytest.raises(UnreadableInstance, match="without a matrix"):
        read(item(FrameOfReferenceUID="1.1"))


def test_a_plane_is_moved_with_its_thickness() -> None:
    """Larger, turned and elsewhere; pixels that are sheared are found where they are."""
    plane = Plane(
        frame_of_reference="1.1",
        corner=np.array((1.0, 0, 0)),
        along_row=np.array((1.0, 0, 0)),
        along_column=np.array((0, 1.0, 0)),
        thickness=2.0,
    )
    moved = plane.moved(shift(0, 0, 5) @ turn(90) @ np.diag((3.0, 3, 3, 1)), "1.9")
    assert moved.frame_of_reference == "1.9"
    assert moved.corner == pytest.approx((0, 3, 5))
    assert moved.along_row == pytest.approx((0, 3, 0))
    assert moved.thickness == pytest.approx(6)
    sheared = np.eye(4)
    sheared[0, 1] = 1.0
    ramp = np.arange(25.0).reshape(5, 5)[..., np.newaxis]
    seen, inside = plane.moved(sheared, "1.1").upon(ramp, plane, range(5), 5)
    assert seen[2, 2:, 0] == pytest.approx(ramp[2, :3, 0])
    assert inside[2].tolist() == [False, False, True, True, True]
