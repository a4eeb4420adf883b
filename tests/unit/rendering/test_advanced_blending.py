"""Advanced blending: several inputs, each in its colours, blended step by step (PS3.4 N.2.6)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from presented import ADVANCED_BLENDING, item, reference
from pydicom import Dataset
from rendered import image, read

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.presentation.drawing import draw_by_state
from pacs_framework.rendering.presentation.other_frames import (
    OtherFrames,
    Superimposed,
    Unaligned,
)
from pacs_framework.rendering.presentation.planes import Plane, nearest_plane, plane_of
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.state import UnsupportedState, presentation_state
from pacs_framework.rendering.volumes.assembling import assembled

FULL = [item(WindowCenter=128, WindowWidth=256)]
RED, GREEN, BLUE = range(3)


def placed(values: Any, **attributes: Any) -> Dataset:
    """An image of millimetres in the plane of z = 0."""
    said = {
        "FrameOfReferenceUID": "1.2.9",
        "ImagePositionPatient": [0, 0, 0],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1, 1],
    }
    return image(np.asarray(values, np.uint8), **(said | attributes))


def palette(colour: int) -> list[Dataset]:
    """From black to a colour."""
    made = Dataset()
    for number, name in enumerate(("Red", "Green", "Blue")):
        data = bytes(range(256)) if number == colour else bytes(256)
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(made, f"{name}PaletteColorLookupTableData", data)
    return [made]


def threshold(kind: str, *values: float) -> Dataset:
    """An item of Threshold Sequence."""
    return item(
        ThresholdType=kind, ThresholdValueSequence=[item(ThresholdValue=each) for each in values]
    )


def an_input(number: int, made: Dataset, **said: Any) -> Dataset:
    """An item of Advanced Blending Sequence; grey, where it has no palette."""
    return item(
        BlendingInputNumber=number,
        StudyInstanceUID="1.2",
        SeriesInstanceUID=f"1.2.{number}",
        ReferencedImageSequence=[reference(made)],
        **{"SoftcopyVOILUTSequence": FULL, **said},
    )


def step(*inputs: int, result: int | None = None, opacity: float | None = None) -> Dataset:
    """An item of Blending Display Sequence: EQUAL without an opacity."""
    made = item(
        BlendingDisplayInputSequence=[item(BlendingInputNumber=each) for each in inputs],
        BlendingMode="EQUAL" if opacity is None else "FOREGROUND",
    )
    if opacity is not None:
        made.RelativeOpacity = opacity
    if result is not None:
        made.BlendingInputNumber = result
    return made


def blended(inputs: list[Dataset], *steps: Dataset) -> Dataset:
    """A state of these."""
    return item(
        SOPClassUID=ADVANCED_BLENDING,
        SOPInstanceUID="1.2.3.9",
        AdvancedBlendingSequence=inputs,
        BlendingDisplaySequence=list(steps),
    )


def seen(dataset: Dataset, images: dict[int, Dataset]) -> np.ndarray:
    """The pixels of the first of ``images``, by their number, with the others upon it."""
    shown = min(images)

    def find(of: Dataset, plane: Plane, _: SeenFrame) -> Superimposed | Unaligned | None:
        found = plane_of(FrameHeader(of, 1))
        frame = next(read(of).frames(range(1, 2)))[1]
        name = SeenFrame("1.2.3.4", 1)
        if not plane.is_parallel(found):
            return Unaligned(
                volume=lambda modality: assembled([(FrameHeader(of, 1), frame)], 999, modality),
                layout=frame.layout,
                header=of,
                seen=name,
            )
        if nearest_plane(plane, [found]) is None:
            return None
        return Superimposed(frame=frame, header=of, seen=name, plane=found)

    others = OtherFrames(
        superimposed={number: partial(find, each) for number, each in images.items()}
    )
    [(_, frame)] = read(images[shown]).frames(range(1, 2))
    by = presentation_state(dataset)
    here = SeenFrame("1.2.3.4", 1)
    return draw_by_state(frame, images[shown], here, by, others=others).pixels


def two(first: Dataset, second: Dataset, *steps: Dataset, **of_second: Any) -> np.ndarray:
    """Two inputs, in red and in green."""
    inputs = [
        an_input(1, first, PaletteColorLookupTableSequence=palette(RED)),
        an_input(2, second, **{"PaletteColorLookupTableSequence": palette(GREEN), **of_second}),
    ]
    return seen(blended(inputs, *steps), {1: first, 2: second})


def test_the_foreground_has_its_opacity() -> None:
    """Relative Opacity × first + (1 - Relative Opacity) × second."""
    found = two(placed([[200, 100]]), placed([[40, 80]]), step(1, 2, opacity=0.25))
    assert found.tolist() == [[[50, 30, 0], [25, 60, 0]]]


def test_equal_ones_share_alike_where_they_are() -> None:
    """Without padding, in it, and where an input has ended."""
    second = placed([[90, 7]], PixelPaddingValue=7)
    found = two(placed([[200, 100, 60]]), second, step(1, 2))
    assert found.tolist() == [[[100, 45, 0], [100, 0, 0], [60, 0, 0]]]


def test_in_the_foreground_padding_leaves_the_other_alone() -> None:
    """From either side; where both are padding, it is black."""
    first = placed([[7, 200, 7]], PixelPaddingValue=7)
    second = placed([[80, 9, 9]], PixelPaddingValue=9)
    found = two(first, second, step(1, 2, opacity=0.25))
    assert found.tolist() == [[[0, 80, 0], [200, 0, 0], [0, 0, 0]]]


def test_steps_build_upon_each_other() -> None:
    """The one without a number is what is seen, wherever it stands."""
    images = {1: placed([[200]]), 2: placed([[100]]), 3: placed([[40]])}
    inputs = [
        an_input(number, each, PaletteColorLookupTableSequence=palette(number - 1))
        for number, each in images.items()
    ]
    made = blended(inputs, step(4, 3, opacity=0.5), step(1, 2, result=4))
    assert seen(made, images).tolist() == [[[50, 25, 20]]]


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ([threshold("RANGE_INCL", 20, 10)], [10, 15, 20]),
        ([threshold("RANGE_EXCL", 10, 20)], [5, 25]),
        ([threshold("GREATER_OR_EQUAL", 20)], [20, 25]),
        ([threshold("LESS_OR_EQUAL", 10)], [5, 10]),
        ([threshold("GREATER_THAN", 20)], [25]),
        ([threshold("LESS_THAN", 10)], [5]),
        ([threshold("LESS_THAN", 10), threshold("GREATER_THAN", 20)], [5, 25]),
    ],
)
def test_values_beyond_all_thresholds_are_padding(items: list[Dataset], shown: list[int]) -> None:
    """C.11.33.1.2.1: shown is what any of the items shows."""
    values = [5, 10, 15, 20, 25]
    found = two(placed([[0] * 5]), placed([values]), step(1, 2), ThresholdSequence=items)
    assert [value for value, pixel in zip(values, found[0], strict=True) if pixel[1]] == shown


def test_values_are_those_that_are_measured() -> None:
    """By the image: the module of the state has no Modality LUT. By the state where it has."""
    second = placed([[10, 20]], RescaleSlope=2, RescaleIntercept=50)
    over = [threshold("GREATER_THAN", 80)]
    found = two(placed([[0, 0]]), second, step(1, 2), ThresholdSequence=over)
    assert found[0, :, 1].tolist() == [0, 45]
    own = {"RescaleSlope": 10, "RescaleIntercept": 0}
    found = two(placed([[0, 0]]), second, step(1, 2), ThresholdSequence=over, **own)
    assert found[0, :, 1].tolist() == [50, 100]


def test_without_a_window_all_values_are_seen() -> None:
    """From the lowest that there can be to the highest, as they are measured."""
    second = placed([[0, 255]], RescaleSlope=2, RescaleIntercept=-100)
    found = two(placed([[0, 0]]), second, step(1, 2, opacity=0.0), SoftcopyVOILUTSequence=[])
    assert found[0, :, 1].tolist() == [0, 255]


def test_colours_and_greys_are_inputs_too() -> None:
    """RGB as they are, greys without a palette with R = G = B."""
    coloured = placed(np.array([[[10, 20, 200]]]))
    grey = placed([[100]])
    made = blended([an_input(1, grey), an_input(2, coloured)], step(1, 2))
    assert seen(made, {1: grey, 2: coloured}).tolist() == [[[55, 60, 150]]]


def test_what_lies_across_is_cut() -> None:
    """A sagittal slice of two millimetres is a stripe."""
    sagittal = placed(
        np.full((5, 5), 100),
        ImagePositionPatient=[2, 0, -2],
        ImageOrientationPatient=[0, 1, 0, 0, 0, 1],
        SliceThickness=2,
    )
    found = two(placed(np.zeros((5, 5))), sagittal, step(1, 2, opacity=0.0))
    assert found[..., 1].tolist() == [[0, 100, 100, 100, 0]] * 5


def test_what_is_elsewhere_is_not_seen() -> None:
    found = two(placed([[80]]), placed([[200]], ImagePositionPatient=[0, 0, 9]), step(1, 2))
    assert found.tolist() == [[[80, 0, 0]]]


def test_the_input_that_says_so_gives_the_geometry() -> None:
    """The first one where none does."""
    first, second = placed([[1]]), placed([[2]])
    inputs = [an_input(1, first), an_input(2, second)]
    by = presentation_state(blended(inputs, step(1, 2)))
    assert (set(by.superimposed), by.references[0].series_instance_uid) == ({2}, "1.2.1")
    inputs[1].GeometryForDisplay = "TRUE"
    by = presentation_state(blended(inputs, step(1, 2)))
    assert (set(by.superimposed), by.references[0].series_instance_uid) == ({1}, "1.2.2")


def test_an_input_may_be_a_whole_series() -> None:
    whole = an_input(1, placed([[1]]))
    del whole.ReferencedImageSequence
    [only] = presentation_state(blended([whole], step(1))).references
    assert (only.series_instance_uid, only.sop_instance_uid) == ("1.2.1", "")


def test_states_that_are_not_whole_are_refused() -> None:
    """Before anything is drawn, each with its reason."""
    made = placed([[1]])
    one, other = an_input(1, made), an_input(2, made)
    odd = step(1, 2)
    odd.BlendingMode = "MULTIPLY"
    optical = an_input(1, made)
    optical.ReferencedImageSequence[0].ReferencedOpticalPathIdentifier = "1"
    both = [an_input(number, made, GeometryForDisplay="TRUE") for number in (1, 2)]
    for dataset, reason in (
        (blended([], step(1)), "1 to 64 items"),
        (blended([one, one], step(1)), "number of its own"),
        (blended([one, other]), "not one item"),
        (blended([one, other], step(1), step(2)), "not one item"),
        (blended([one, other], step(1, 3)), "no blending input 3"),
        (blended([one], step(1, result=1), step(1)), "have one number"),
        (blended([one], step(3), step(4, result=3), step(3, result=4)), "circle"),
        (blended([one, other], step(1, 2, opacity=1.5)), "Relative Opacity"),
        (blended([one, other], step(1, opacity=0.5)), "of two inputs"),
        (blended([one, other], odd), "not EQUAL"),
        (blended([optical], step(1)), "optical paths"),
        (blended(both, step(1, 2)), "Geometry for Display"),
    ):
        with pytest.raises(UnreadableInstance, match=reason):
            presentation_state(dataset)
    in_time = an_input(1, made, TimeSeriesBlending="TRUE")
    with pytest.raises(UnsupportedState, match="points in time"):
        presentation_state(blended([in_time], step(1)))
    for items, reason in (
        ([threshold("RANGE_INCL", 1)], "of 1 values"),
        ([threshold("LESS_THAN", 1, 2)], "of 2 values"),
        ([threshold("ABOUT", 1)], "not known"),
    ):
        with pytest.raises(UnreadableInstance, match=reason):
            two(made, made, step(1, 2), ThresholdSequence=items)
