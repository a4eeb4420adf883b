"""Stored series as volumes: in order, in Hounsfield units, at their place; or the reason."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from ai_archives import Start
from ai_phantom import ORIGIN, SHAPE, SPACING, ct_series, enhanced_ct, voxels
from pydicom import Dataset
from pydicom.uid import RLELossless, generate_uid

from pacs_ai.api import Wants
from pacs_ai.errors import NoVolume
from pacs_ai.volumes.grid import grid_of
from pacs_ai.volumes.loading import LoadedSeries, StoredSeries
from pacs_ai.volumes.planes import planes_of
from pacs_codecs_pylibjpeg import plugin as codecs


def load(start: Start, instances: list[Dataset], wants: Wants = Wants()) -> LoadedSeries:  # noqa: B008
    ai = start(others={"codecs-pylibjpeg": codecs})
    ai.running.take_in(*instances)
    return StoredSeries(ai.archive, str(instances[0].SeriesInstanceUID)).load(wants)


def shuffled(instances: list[Dataset]) -> list[Dataset]:
    return random.Random(3).sample(instances, len(instances))


def test_slices_are_sorted_by_where_they_lie(start: Start) -> None:
    """Whatever order they came in; values are Hounsfield units, to the voxel."""
    loaded = load(start, shuffled(ct_series())).loaded
    assert loaded is not None
    volume = loaded.volume
    np.testing.assert_array_equal(volume.voxels, voxels())
    assert (volume.shape, volume.spacing) == (SHAPE, SPACING)
    assert (volume.modality, volume.unit) == ("CT", "[hnsf'U]")
    assert volume.voxel_ml == pytest.approx(0.24)
    np.testing.assert_allclose(volume.orientation, [[0, 0, 1], [0, 1, 0], [1, 0, 0]], atol=1e-12)


def test_the_affine_leads_to_the_patient(start: Start) -> None:
    """(slice, row, column) to millimetres: columns run along the row's direction (C.7.6.2.1.1)."""
    loaded = load(start, ct_series()).loaded
    assert loaded is not None
    affine = loaded.volume.affine
    np.testing.assert_allclose(affine @ [0, 0, 0, 1], [*ORIGIN, 1])
    np.testing.assert_allclose(
        affine @ [2, 3, 4, 1], [ORIGIN[0] + 20, ORIGIN[1] + 18, ORIGIN[2] + 16, 1]
    )


def test_slices_follow_the_normal_of_an_oblique_series(start: Start) -> None:
    """Coronal images: rows run left, columns run down, so the normal leads to the front."""
    images = ct_series(ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    for number, image in enumerate(images):
        image.ImagePositionPatient = [0, -8.0 * number, 0]
    loaded = load(start, shuffled(images)).loaded
    assert loaded is not None
    normal = loaded.volume.orientation[:, 0]
    np.testing.assert_allclose(normal, np.cross([1, 0, 0], [0, 0, -1]), atol=1e-12)
    first = loaded.grid.planes[0].position
    assert first[1] == pytest.approx(-88 if normal[1] > 0 else 0)


def test_an_enhanced_image_is_the_same_volume(start: Start) -> None:
    """Its frames run the other way, and say by functional groups where they lie."""
    loaded = load(start, [enhanced_ct()]).loaded
    assert loaded is not None
    np.testing.assert_array_equal(loaded.volume.voxels, voxels())
    np.testing.assert_allclose(loaded.volume.affine @ [0, 0, 0, 1], [*ORIGIN, 1])


def test_compressed_images_are_decoded(start: Start) -> None:
    """By the codecs of the archive, to the same voxels."""
    images = ct_series()
    for image in images:
        image.compress(RLELossless, generate_instance_uid=False)
    loaded = load(start, images).loaded
    assert loaded is not None
    np.testing.assert_array_equal(loaded.volume.voxels, voxels())


def without(number: int) -> Any:
    return lambda images: images.pop(number)


def setting(keyword: str, value: Any, number: int = 3) -> Any:
    return lambda images: setattr(images[number], keyword, value)


def twice(images: list[Dataset]) -> None:
    images[5].ImagePositionPatient = images[4].ImagePositionPatient


def tilt(images: list[Dataset]) -> None:
    for number, image in enumerate(images):
        image.ImagePositionPatient = [0, number * 2.0, number * 8.0]


def aside(images: list[Dataset]) -> None:
    images[4].ImagePositionPatient = [ORIGIN[0] + 5, *images[4].ImagePositionPatient[1:]]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without(5), "but 16.00 mm between slice 5 and 6: one is missing"),
        (twice, "two images at one place"),
        (tilt, "shifted by 2.00 mm against the one before, as with a gantry tilted by 14.0°"),
        (aside, "slice 5 is 5.00 mm beside its place"),
        (setting("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "is a localizer"),
        (setting("ImageOrientationPatient", [0, 1, 0, 1, 0, 0]), "different orientation"),
        (setting("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), "no right angle"),
        (setting("PixelSpacing", [1, 1]), "different Pixel Spacing"),
        (setting("PixelSpacing", [0, 1]), "Pixel Spacing of an image is"),
        (setting("FrameOfReferenceUID", generate_uid()), "different frames of reference"),
        (setting("ImagePositionPatient", None), "does not say where it lies"),
    ],
)
def test_what_makes_no_regular_grid_is_refused(spoil: Any, reason: str) -> None:
    """With the reason; nothing is resampled or left out behind anybody's back."""
    images = ct_series()
    spoil(images)
    with pytest.raises(NoVolume) as refused:
        grid_of([plane for image in shuffled(images) for plane in planes_of(image, 0, 1)])
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("keyword", "value", "reason"),
    [
        ("RescaleIntercept", None, "does not say how it becomes Hounsfield units (HU)"),
        ("RescaleType", "US", "does not say how it becomes Hounsfield units (US)"),
    ],
)
def test_what_is_in_no_hounsfield_units_is_refused(
    start: Start, keyword: str, value: Any, reason: str
) -> None:
    """A model for CT takes every number for what it should be."""
    images = ct_series()
    setattr(images[3], keyword, value)
    with pytest.raises(NoVolume) as refused:
        load(start, images)
    assert reason in str(refused.value)


def test_a_series_that_a_model_does_not_want_is_refused(start: Start) -> None:
    """By modality and by number of slices."""
    with pytest.raises(NoVolume, match="the modality is CT, not MR or PT"):
        load(start, ct_series(), Wants(modality=("MR", "PT")))


def test_too_few_slices_are_refused(start: Start) -> None:
    with pytest.raises(NoVolume, match="it has 12 slices, and 20 to 5000 are wanted"):
        load(start, ct_series(), Wants(min_slices=20))


def test_a_single_image_has_the_depth_of_its_slice(start: Start) -> None:
    loaded = load(start, ct_series()[:1], Wants(min_slices=1)).loaded
    assert loaded is not None
    assert loaded.volume.spacing == SPACING


def test_what_is_not_there_is_told(start: Start) -> None:
    with pytest.raises(NoVolume, match=r"there is no series '1\.2\.3' in the archive"):
        StoredSeries(start().archive, "1.2.3")
