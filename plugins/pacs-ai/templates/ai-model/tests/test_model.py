"""The model on a phantom of which all is known: alone, and in an archive."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pacs_ai import plugin as ai
from pacs_ai.api import Measurements, Nothing, Segmentation
from pacs_ai.testing import ct_images, made_by, volume_of
from pacs_framework.testing.factories import Archives

from pacs_samplename import plugin
from pacs_samplename.model import Bone

SPACING = (5.0, 2.0, 1.0)  # millimetres between slices, rows and columns


@pytest.fixture
def voxels() -> NDArray[np.float32]:
    """Water, in which lies a block of bone."""
    made = np.zeros((6, 20, 30), np.float32)
    made[2:4, 5:10, 12:22] = 700
    return made


def told(_done: float) -> None:
    """For the progress."""


def test_bone_is_found_and_measured(voxels: NDArray[np.float32]) -> None:
    made = Bone().run(volume_of(voxels, spacing=SPACING), told)
    assert not isinstance(made, Nothing)
    segmentation, report = made
    assert isinstance(segmentation, Segmentation)
    np.testing.assert_array_equal(segmentation.segments[0].mask, voxels == 700)
    assert isinstance(report, Measurements)
    assert report.findings[0].measurements[0].value == 1.0  # 100 voxels of 10 mm³


def test_where_nothing_is_dense_it_says_so(voxels: NDArray[np.float32]) -> None:
    made = Bone().run(volume_of(voxels * 0, spacing=SPACING), told)
    assert made == Nothing(reason="nothing in this series is as dense as bone")


def test_its_results_are_stored_in_the_study(
    pacs_archive: Archives, voxels: NDArray[np.float32]
) -> None:
    """A segmentation and a report, in a process of its own and through the archive's door."""
    running = pacs_archive({"ai": ai, Bone.name: plugin})
    images = ct_images(voxels, spacing=SPACING, PatientID="P1")
    segmentation, report = made_by(running, f"{Bone.name}@{Bone.version}", images)
    assert (segmentation.Modality, report.Modality) == ("SEG", "SR")
    assert segmentation.NumberOfFrames == 2  # slices without bone are left out
    assert np.count_nonzero(segmentation.pixel_array) == np.count_nonzero(voxels)
    for each in (segmentation, report):
        assert each.PatientID == "P1"
        assert each.StudyInstanceUID == images[0].StudyInstanceUID
        assert (each.ManufacturerModelName, each.SoftwareVersions) == (Bone.name, Bone.version)
