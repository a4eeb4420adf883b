"""Values by a presentation state: what it says takes the place of what the image says."""

from __future__ import annotations

import numpy as np
import pytest
from presented import COLOUR, PSEUDO, VARIABLE, item, picture, reference, seen, state
from pydicom.uid import GrayscalePlanarMPRVolumetricPresentationStateStorage
from rendered import image, lut_item

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.presentation.state import UnsupportedState, presentation_state

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
WIDE = np.arange(4096, dtype="<u2").reshape(64, 64)
RGB = np.stack([RAMP, RAMP.T, 255 - RAMP], axis=-1)


def window(center: float, width: float, *only: object) -> list:
    made = item(WindowCenter=center, WindowWidth=width)
    if only:
        made.ReferencedImageSequence = list(only)
    return [made]


def test_what_a_state_does_not_say_is_the_identity() -> None:
    """Nothing of the image is used instead: no rescaling, no window, no inversion (PS3.4 N.2)."""
    plain = image(RAMP)
    said = image(
        RAMP,
        RescaleSlope=2,
        RescaleIntercept=-7,
        WindowCenter=10,
        WindowWidth=5,
        PresentationLUTShape="INVERSE",
        PhotometricInterpretation="MONOCHROME1",
    )
    assert (seen(plain, state(plain)) == RAMP).all()
    assert (seen(said, state(said)) == RAMP).all()


def test_the_identity_is_of_all_values_that_there_can_be() -> None:
    """And not of those that a frame happens to have: Bits Stored decides."""
    dark = image((WIDE // 16).astype("<u2"), BitsStored=12, HighBit=11)
    assert seen(dark, state(dark)).max() == round(255 * 255 / 4095)
    signed = image((WIDE.astype("<i4") - 2048).astype("<i2"))
    assert set(np.unique(seen(signed, state(signed)))) <= set(range(118, 138))


def test_modality_and_voi_are_those_of_the_state() -> None:
    """The window is in the values that the state's own rescaling makes."""
    ct = image(WIDE, RescaleIntercept=-9999)
    by_state = state(
        ct, RescaleSlope=1, RescaleIntercept=-1024, SoftcopyVOILUTSequence=window(0, 2048)
    )
    found = seen(ct, by_state).astype(int).ravel()
    assert found[0] == 0
    assert found[4095] == 255
    assert found[1024] in (127, 128)


def test_a_voi_is_for_the_frames_that_it_names() -> None:
    """Others are seen by the item that names nothing; items of other images are for nobody here."""
    frames = np.stack([RAMP, RAMP, RAMP])
    several = image(frames, frames=3)
    other = image(RAMP)
    other.SOPInstanceUID = "1.9"
    items = [
        *window(0, 1, reference(other)),
        *window(128, 2, reference(several, 2)),
        *window(128, 256),
    ]
    by_state = state(several, SoftcopyVOILUTSequence=items)
    assert len(np.unique(seen(several, by_state, 1))) > 200
    assert len(np.unique(seen(several, by_state, 2))) == 2
    assert len(np.unique(seen(several, by_state, 3))) > 200


def test_presentation_luts() -> None:
    """Inverted, and by a table whose input is all that the VOI LUT gives (C.11.6)."""
    plain = image(RAMP)
    assert (seen(plain, state(plain, PresentationLUTShape="INVERSE")) == 255 - RAMP).all()
    steps = lut_item(0, [0, 4095, 1024, 0], bits=12)
    found = seen(plain, state(plain, PresentationLUTSequence=[steps]))
    assert found[0, 0] == found[15, 15] == 0
    assert found.ravel()[85] == 255
    assert found.ravel()[170] == round(1024 / 4095 * 255)
    with pytest.raises(UnreadableInstance, match="Presentation LUT Shape"):
        seen(plain, state(plain, PresentationLUTShape="LIN OD"))


def test_pseudo_colours_are_spread_over_the_palette() -> None:
    """The whole output of the VOI LUT, whatever first value the palette is for (N.2.3)."""
    plain = image(RAMP)
    ramp = np.arange(4) * 21845
    palette = {}
    for colour, entries in (("Red", ramp), ("Green", ramp[::-1]), ("Blue", ramp * 0)):
        prefix = f"{colour}PaletteColorLookupTable"
        palette[f"{prefix}Descriptor"] = [4, 1000, 16]
        palette[f"{prefix}Data"] = entries.astype("<u2").tobytes()
    made = picture(plain, state(plain, PSEUDO, ICCProfile=b"profile!", **palette))
    assert made.pixels.shape == (16, 16, 3)
    assert made.pixels[0, 0].tolist() == [0, 255, 0]
    assert made.pixels[15, 15].tolist() == [255, 0, 0]
    assert made.pixels.reshape(-1, 3)[100].tolist() == [85, 170, 0]
    assert made.icc_profile == b"profile!"


def test_a_modality_lut_may_be_for_the_images_that_it_names() -> None:
    """Others have none; a palette of such a state makes colours, else it is greys (A.33.8)."""
    several = image(np.stack([RAMP, RAMP]), frames=2)
    only = item(
        RescaleSlope=1, RescaleIntercept=1000, ReferencedImageSequence=[reference(several, 2)]
    )
    said = {
        "VariableModalityLUTSequence": [only],
        "SoftcopyVOILUTSequence": window(1128, 256),
        "RescaleSlope": 7,
        "RescaleIntercept": 7,
    }
    by_state = state(several, VARIABLE, **said)
    assert not seen(several, by_state, 1).any()
    assert len(np.unique(seen(several, by_state, 2))) > 200
    ramp = np.arange(256).astype("<u2") * 257
    palette = {
        f"{colour}PaletteColorLookupTable{end}": value
        for colour in ("Red", "Green", "Blue")
        for end, value in (("Descriptor", [256, 0, 16]), ("Data", ramp.tobytes()))
    }
    coloured = seen(several, state(several, VARIABLE, **said, **palette), 2)
    assert (coloured[..., 0] == seen(several, by_state, 2)).all()
    assert seen(several, state(several, **said, **palette), 2).ndim == 2


def test_colours_stay_as_they_are() -> None:
    """By a state for colours; its profile says what they mean."""
    colours = image(RGB)
    made = picture(colours, state(colours, COLOUR, ICCProfile=b"profile!"))
    assert (made.pixels == RGB).all()
    assert made.icc_profile == b"profile!"


def test_a_state_is_for_its_kind_of_images() -> None:
    """Greys by a state for colours would be the wrong picture, and the other way round."""
    grey, colours = image(RAMP), image(RGB)
    with pytest.raises(UnreadableInstance, match="for greys"):
        seen(colours, state(colours))
    with pytest.raises(UnreadableInstance, match="for colours"):
        seen(grey, state(grey, COLOUR))


def test_states_that_would_make_another_picture_are_refused() -> None:
    """Kinds and steps that are not drawn, segments, and a state for nothing."""
    plain = image(RAMP)
    volumetric = state(plain, str(GrayscalePlanarMPRVolumetricPresentationStateStorage))
    with pytest.raises(UnsupportedState, match="Planar MPR Volumetric"):
        presentation_state(volumetric)
    segments = state(plain)
    segments.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSegmentNumber = 1
    with pytest.raises(UnreadableInstance, match="segments"):
        presentation_state(segments)
    nothing = state(plain)
    nothing.ReferencedSeriesSequence = []
    with pytest.raises(UnreadableInstance, match="refers to no image"):
        presentation_state(nothing)


def test_wide_values_and_floats_are_drawn_in_bands() -> None:
    """What has no table of all cells, in greys and in colours."""
    deep = image(WIDE.astype("<u4") << 20)
    assert seen(deep, state(deep)).ravel()[-1] == 255
    ramp = b"".join(int(step * 257).to_bytes(2, "little") for step in range(256))
    palette = {
        f"{colour}PaletteColorLookupTable{end}": value
        for colour in ("Red", "Green", "Blue")
        for end, value in (("Descriptor", [256, 0, 16]), ("Data", ramp))
    }
    coloured = seen(deep, state(deep, PSEUDO, **palette))
    assert (coloured[..., 0] == seen(deep, state(deep))).all()
