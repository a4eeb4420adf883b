"""Subtraction of masks: which frames, how they are moved, and what of them stays visible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from presented import X_RAY, item, reference, seen, state
from pydicom import Dataset
from rendered import image, lut_item, read

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.presentation.drawing import draw_by_state
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.state import presentation_state

RAMP = np.arange(6 * 8, dtype="<i4").reshape(6, 8)
# Six frames of a run: what stands still, and something of its own in each.
OWN = [0, 4, 10, 20, 40, 80]
RUN = np.stack([100 + RAMP + own for own in OWN]).astype("<u2")
# A window of which each step is one level, with 0 at 128.
VOI = [item(WindowCenter=0, WindowWidth=256)]


@pytest.fixture
def run() -> Dataset:
    return image(RUN, frames=len(OWN))


def differences(run: Dataset, number: int, by: str | None = None, **said: Any) -> np.ndarray:
    """What is left of a frame; of one that nothing is subtracted from, far more than 100."""
    made = state(run, *([by] if by else []), SoftcopyVOILUTSequence=VOI, **said)
    return seen(run, made, number).astype(int) - 128


def mask(operation: str = "AVG_SUB", **said: Any) -> dict[str, Any]:
    """A Mask Module."""
    return {
        "MaskSubtractionSequence": [item(MaskOperation=operation, **said)],
        "RecommendedViewingMode": "SUB",
    }


def test_the_average_of_the_named_frames_is_subtracted(run: Dataset) -> None:
    """PS3.3 C.7.6.10.1.1: what stands still is gone; frames of a lesser value are negative."""
    assert (differences(run, 4, **mask(MaskFrameNumbers=1)) == 20).all()
    assert (differences(run, 4, **mask(MaskFrameNumbers=[1, 3])) == 15).all()
    assert (differences(run, 2, **mask(MaskFrameNumbers=4)) == -16).all()


def test_contrast_frames_are_averaged_from_the_frame_on(run: Dataset) -> None:
    """And a frame that has not as many behind it is shown as it is."""
    said = mask(MaskFrameNumbers=1, ContrastFrameAveraging=2)
    assert (differences(run, 4, **said) == 30).all()
    assert differences(run, 6, **said).max() == 127


@pytest.mark.parametrize(("offset", "frame", "left"), [(1, 4, 10), (2, 5, 30), (-1, 3, -10)])
def test_time_intervals_are_differences_to_frames_before(run, offset, frame, left) -> None:
    assert (differences(run, frame, **mask("TID", TIDOffset=offset)) == left).all()


def test_a_frame_without_a_mask_of_its_own_is_shown_as_it_is(run: Dataset) -> None:
    """The first of a run in time interval differencing."""
    plain = differences(run, 1)
    assert (differences(run, 1, **mask("TID", TIDOffset=1)) == plain).all()
    assert (differences(run, 4, **mask("TID")) == 10).all()  # 1 where it is not said


def test_a_mask_moves_by_parts_of_pixels(run: Dataset) -> None:
    """Down and to the left (C.7.6.10.1.2), the outermost pixels staying at the edges."""
    inner = np.s_[2:-2, 2:-2]
    for shift, left in (([1, 0], 8), ([0, 1], -1), ([0.5, 0], 4), ([-1, -1], -8 + 1)):
        found = differences(run, 4, **mask(MaskFrameNumbers=1, MaskSubPixelShift=shift))
        assert (found[inner] == 20 + left).all(), shift
    edge = differences(run, 4, **mask(MaskFrameNumbers=1, MaskSubPixelShift=[1, 0]))
    assert (edge[0] == 20).all()


def test_the_modality_lut_of_the_state_comes_before(run: Dataset) -> None:
    """The subtraction is of what it makes (PS3.4 N.2.1.1)."""
    said = mask(MaskFrameNumbers=1)
    assert (differences(run, 4, RescaleSlope=2, RescaleIntercept=-7, **said) == 40).all()


def test_without_a_window_the_range_is_that_of_differences() -> None:
    """One bit more, with no difference in its middle."""
    frames = np.array([[[10, 10]], [[10, 255]], [[10, 0]]], np.uint8).repeat(2, axis=1)
    run = image(frames, frames=3)
    said = mask(MaskFrameNumbers=1)
    assert seen(run, state(run, **said), 2)[0].tolist() == [128, 250]
    assert seen(run, state(run, **said), 3)[0].tolist() == [128, 122]


@pytest.mark.parametrize(
    "said",
    [
        mask(),
        mask("SUM", MaskFrameNumbers=1),
        mask("REV_TID"),
        mask(MaskFrameNumbers=1, ContrastFrameAveraging=0),
        mask(MaskFrameNumbers=1, MaskSubPixelShift=1),
        mask(MaskFrameNumbers=[1] * 65),
    ],
)
def test_what_cannot_be_subtracted_is_told(run: Dataset, said: dict[str, Any]) -> None:
    with pytest.raises(UnreadableInstance):
        differences(run, 4, **said)


def test_who_has_but_one_frame_is_told_which_is_missing(run: Dataset) -> None:
    """And gets no picture that looks like one."""
    [(_, frame)] = read(run).frames(range(4, 5))
    by = presentation_state(state(run, **mask(MaskFrameNumbers=1)))
    with pytest.raises(UnreadableInstance, match="frame 1 is needed"):
        draw_by_state(frame, run, SeenFrame(str(run.SOPInstanceUID), 4), by)


# --- XA/XRF -------------------------------------------------------------------------------------


def display(first: int, last: int, **said: Any) -> list[Dataset]:
    """A Multi-frame Presentation Sequence for a range of frames."""
    return [item(FrameDisplaySequence=[item(StartTrim=first, StopTrim=last, **said)])]


def test_each_range_of_frames_has_a_mask_of_its_own(run: Dataset) -> None:
    """Also another for another image (C.11.19)."""
    items = [
        item(MaskOperation="AVG_SUB", MaskFrameNumbers=1, ApplicableFrameRange=[2, 3]),
        item(MaskOperation="AVG_SUB", MaskFrameNumbers=3, ApplicableFrameRange=[4, 4, 6, 6]),
    ]
    found = {n: differences(run, n, X_RAY, MaskSubtractionSequence=items) for n in (3, 4, 6)}
    assert [found[number].max() for number in (3, 4, 6)] == [10, 10, 70]
    assert differences(run, 5, X_RAY, MaskSubtractionSequence=items).max() == 127
    other = item(ReferencedSOPInstanceUID="1.9", ReferencedSOPClassUID="1.8")
    for each in items:
        each.ReferencedImageSequence = [other]
    assert differences(run, 3, X_RAY, MaskSubtractionSequence=items).max() == 127


def test_reversed_time_intervals_go_backwards_from_the_first(run: Dataset) -> None:
    """MFN = (FCFN - TID Offset) - (CFN - FCFN)."""
    said = mask("REV_TID", TIDOffset=1, ApplicableFrameRange=[4, 6])
    assert (differences(run, 4, X_RAY, **said) == 10).all()  # frame 3
    assert (differences(run, 5, X_RAY, **said) == 36).all()  # frame 2


def test_a_mask_stays_visible_as_far_as_the_state_says(run: Dataset) -> None:
    """Psub = Pcontrast - (1 - X/100) × Pmask (C.8.19.7.1); 100 and NAT are the frame itself."""
    said = mask(MaskFrameNumbers=1)
    half = display(1, 4, RecommendedViewingMode="SUB", MaskVisibilityPercentage=50)
    shown = differences(run, 4, X_RAY, MultiFramePresentationSequence=half, **said)
    assert abs(shown[0] - 20 - (100 + RAMP[0]) / 2).max() <= 1
    assert (differences(run, 5, X_RAY, MultiFramePresentationSequence=half, **said) == 40).all()
    plain = differences(run, 4, X_RAY)
    for native in (
        display(1, 6, RecommendedViewingMode="NAT"),
        display(1, 6, RecommendedViewingMode="SUB", MaskVisibilityPercentage=100),
    ):
        found = differences(run, 4, X_RAY, MultiFramePresentationSequence=native, **said)
        assert (found == plain).all()


def test_regions_of_a_frame_have_shifts_of_their_own(run: Dataset) -> None:
    """What is in several has that of the last; outside of all nothing moves (C.11.19.1.2)."""
    regions = [
        item(VerticesOfTheRegion=[1, 1, 6, 4], MaskSubPixelShift=[0, 1]),
        item(VerticesOfTheRegion=[1, 3, 1, 6, 6, 6, 6, 3], MaskSubPixelShift=[0, 2]),
    ]
    shifts = [item(PixelShiftFrameRange=[4, 4], RegionPixelShiftSequence=regions)]
    said = mask(MaskFrameNumbers=1, PixelShiftSequence=shifts)
    found = differences(run, 4, X_RAY, **said)
    assert found[3].tolist() == [19, 19, 18, 18, 18, 18, 20, 20]
    assert (differences(run, 5, X_RAY, **said) == 40).all()


def test_values_become_logarithms_before_they_are_subtracted(run: Dataset) -> None:
    """A table for each range of frames; mask and contrast frames may have different ones."""
    double = lut_item(0, [2 * value for value in range(300)])
    double.LUTFrameRange = [1, 3]
    triple = lut_item(0, [3 * value for value in range(300)])
    triple.LUTFrameRange = [4, 6]
    said = mask(MaskFrameNumbers=1) | {"PixelIntensityRelationshipLUTSequence": [double, triple]}
    assert (differences(run, 3, X_RAY, **said) == 20).all()
    assert (differences(run, 4, X_RAY, **said)[0, 0]) == 127  # 3 × 120 - 2 × 100


def test_shutters_are_for_the_frames_that_they_name(run: Dataset) -> None:
    """C.11.20."""
    shutter = item(
        ShutterShape="RECTANGULAR",
        ShutterLeftVerticalEdge=3,
        ShutterRightVerticalEdge=5,
        ShutterUpperHorizontalEdge=2,
        ShutterLowerHorizontalEdge=4,
        ShutterPresentationValue=65535,
        ReferencedImageSequence=[reference(run, 4)],
    )
    made = state(run, X_RAY, FrameDisplayShutterSequence=[shutter])
    hidden = seen(run, made, 4) == 255
    assert not hidden[1:4, 2:5].any()
    assert hidden.sum() == 48 - 9
    assert not (seen(run, made, 5) == 255).any()
