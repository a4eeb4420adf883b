"""Blending: one image seen through another that lies in the same plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from presented import BLENDING, area, item, reference
from pydicom import Dataset
from rendered import image, read

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.presentation.blending import SUPERIMPOSED
from pacs_framework.rendering.presentation.drawing import draw_by_state
from pacs_framework.rendering.presentation.other_frames import (
    FindSuperimposed,
    OtherFrames,
    Superimposed,
    Unaligned,
)
from pacs_framework.rendering.presentation.planes import Plane, nearest_plane, plane_of
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.state import presentation_state
from pacs_framework.rendering.volumes.assembling import assembled

RAMP = np.arange(0, 64, dtype=np.uint8).reshape(8, 8) * 4
FULL = [item(WindowCenter=128, WindowWidth=256)]


def placed(values: np.ndarray, z: float = 0.0, **attributes: Any) -> Dataset:
    """An image in the plane of ``z``, each pixel of a millimetre."""
    said = {
        "FrameOfReferenceUID": "1.2.9",
        "ImagePositionPatient": [0, 0, z],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1, 1],
    }
    return image(values, **(said | attributes))


def blending(under: Dataset, over: Dataset, opacity: float = 0.5, **more: Any) -> Dataset:
    """A state with ``over`` upon ``under``: in red, where the palette does not say otherwise."""
    sets = [
        item(
            BlendingPosition=position,
            ReferencedSeriesSequence=[
                item(SeriesInstanceUID="1.2.3", ReferencedImageSequence=[reference(each)])
            ],
            SoftcopyVOILUTSequence=FULL,
        )
        for position, each in (("UNDERLYING", under), ("SUPERIMPOSED", over))
    ]
    ramp = bytes(range(256))
    palette = {
        f"{colour}PaletteColorLookupTable{end}": value
        for colour in ("Red", "Green", "Blue")
        for end, value in (
            ("Descriptor", [256, 0, 8]),
            ("Data", ramp if colour == "Red" else bytes(256)),
        )
    }
    said = {"BlendingSequence": sets, "RelativeOpacity": opacity, **palette, **more}
    return item(SOPClassUID=BLENDING, SOPInstanceUID="1.2.3.9", **said)


def seen(under: Dataset, over: Dataset, dataset: Dataset | None = None) -> np.ndarray:
    """The pixels of ``under`` with ``over`` upon it, or with nothing where it is elsewhere."""

    def find(plane: Plane, _: SeenFrame) -> Superimposed | None:
        found = plane_of(FrameHeader(over, 1))
        if nearest_plane(plane, [found]) is None:
            return None
        [(_, frame)] = read(over).frames(range(1, 2))
        return Superimposed(frame=frame, header=over, seen=SeenFrame("1.2.3.4", 1), plane=found)

    return drawn_with(under, find, blending(under, over) if dataset is None else dataset)


def drawn_with(under: Dataset, find: FindSuperimposed, dataset: Dataset) -> np.ndarray:
    """The pixels of ``under`` with what is found for it."""
    [(_, frame)] = read(under).frames(range(1, 2))
    others = OtherFrames(superimposed={SUPERIMPOSED: find})
    by = presentation_state(dataset)
    return draw_by_state(frame, under, SeenFrame("1.2.3.4", 1), by, others=others).pixels


@pytest.mark.parametrize("opacity", [0.0, 0.25, 1.0])
def test_what_is_superimposed_has_its_share(opacity: float) -> None:
    """Ro = Rs × A + Yu × (1 - A), and so on (PS3.4 N.2.4.3)."""
    over = np.full((8, 8), 200, np.uint8)
    under, upon = placed(RAMP), placed(over)
    found = seen(under, upon, blending(under, upon, opacity)).astype(int)
    red = np.rint(200 * opacity + RAMP * (1 - opacity))
    rest = np.rint(RAMP * (1 - opacity))
    assert (abs(found[..., 0] - red) <= 1).all()
    assert (abs(found[..., 1:] - rest[..., np.newaxis]) <= 1).all()


def test_it_lies_where_it_lies_in_the_patient() -> None:
    """Moved, with larger pixels, and nothing beyond its edge."""
    over = np.full((2, 2), 255, np.uint8)
    # Pixels of 2 mm, whose corner is at 2 mm: they cover columns and rows 2 to 5.
    upon = placed(over, PixelSpacing=[2, 2], ImagePositionPatient=[2.5, 2.5, 0])
    under = placed(np.zeros((8, 8), np.uint8))
    found = seen(under, upon, blending(under, upon, 1.0))[..., 0]
    expected = np.zeros((8, 8), int)
    expected[2:6, 2:6] = 255
    assert (found == expected).all()


def test_between_its_pixels_it_is_interpolated() -> None:
    columns = np.array([[0, 100], [0, 100]], np.uint8)
    upon = placed(columns, PixelSpacing=[4, 4])
    under = placed(np.zeros((4, 5), np.uint8))
    found = seen(under, upon, blending(under, upon, 1.0))[0, :, 0]
    assert (abs(found.astype(int) - [0, 25, 50, 75, 100]) <= 1).all()


def test_it_may_be_turned_in_its_plane() -> None:
    """Its rows along the columns of what it lies upon, and seen from behind."""
    under = placed(np.zeros((8, 8), np.uint8))
    turned = placed(RAMP, ImageOrientationPatient=[0, 1, 0, 1, 0, 0])
    found = seen(under, turned, blending(under, turned, 1.0))[..., 0]
    assert (abs(found.astype(int) - RAMP.T) <= 1).all()


def test_a_slice_is_used_for_the_planes_in_it() -> None:
    """As far as half of its thickness; elsewhere the underlying image is seen alone."""
    over = np.full((8, 8), 200, np.uint8)
    under = placed(RAMP)
    for z, thickness, is_upon in (
        (1.4, 3, True),
        (-1.4, 3, True),
        (1.6, 3, False),
        (0.5, 0, False),
    ):
        upon = placed(over, z, SliceThickness=thickness)
        found = seen(under, upon)
        assert (found[..., 0] != found[..., 1]).any() == is_upon, (z, thickness)
        if not is_upon:
            assert (found == RAMP[..., np.newaxis]).all()


def test_the_nearest_slice_is_used() -> None:
    here = plane_of(FrameHeader(placed(RAMP, 5), 1))
    planes = [plane_of(FrameHeader(placed(RAMP, z, SliceThickness=4), 1)) for z in (0, 4, 5.5, 8)]
    assert nearest_plane(here, planes) == 2
    assert nearest_plane(here, []) is None


def test_what_follows_the_values_is_that_of_the_state() -> None:
    """The displayed area, here."""
    under, upon = placed(RAMP), placed(RAMP)
    whole = seen(under, upon)
    made = blending(under, upon, DisplayedAreaSelectionSequence=area(2, 3, 5, 6))
    assert (seen(under, upon, made) == whole[2:6, 1:5]).all()


def test_slices_that_lie_across_are_a_volume_that_is_cut() -> None:
    """Values are interpolated in it, then seen as the state says."""
    under = placed(np.zeros((5, 5), np.uint8))
    sagittal = {"ImageOrientationPatient": [0, 1, 0, 0, 0, 1]}
    over = [
        placed(np.full((3, 5), 40 * x, np.uint8), ImagePositionPatient=[x, 0, -1], **sagittal)
        for x in range(4)
    ]
    frames = [next(read(each).frames(range(1, 2)))[1] for each in over]
    stack = list(zip((FrameHeader(each, 1) for each in over), frames, strict=True))

    def find(_: Plane, __: SeenFrame) -> Unaligned:
        return Unaligned(
            volume=lambda modality: assembled(stack, 1000, modality),
            layout=frames[0].layout,
            header=over[0],
            seen=SeenFrame("1.2.3.4", 1),
        )

    found = drawn_with(under, find, blending(under, over[0], 1.0))
    assert found[..., 0].tolist() == [[0, 40, 80, 120, 0]] * 5  # none at the last column
    assert not found[..., 1:].any()


def test_what_lies_nowhere_is_told() -> None:
    under = placed(RAMP)
    for upon, reason in (
        (placed(RAMP, ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "no plane"),
        (placed(RAMP, PixelSpacing=[0, 0]), "no plane"),
        (image(RAMP), "where it lies"),
    ):
        with pytest.raises(UnreadableInstance, match=reason):
            seen(under, upon)


def test_states_that_are_not_whole_are_refused() -> None:
    """And such that need more than what is here."""
    under, upon = placed(RAMP), placed(RAMP)
    one = blending(under, upon)
    del one.BlendingSequence[0]
    none = blending(under, upon)
    del none.RelativeOpacity
    for dataset, reason in (
        (one, "UNDERLYING"),
        (none, "Relative Opacity"),
        (blending(under, upon, 1.5), "Relative Opacity"),
    ):
        with pytest.raises(UnreadableInstance, match=reason):
            presentation_state(dataset)
    [(_, frame)] = read(under).frames(range(1, 2))
    by = presentation_state(blending(under, upon))
    with pytest.raises(UnreadableInstance, match="superimposed images are needed"):
        draw_by_state(frame, under, SeenFrame("1.2.3.4", 1), by)
