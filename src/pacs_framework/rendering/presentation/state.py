"""What a presentation state says of all its images, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO

from pydicom import Dataset
from pydicom.uid import (
    UID,
    AdvancedBlendingPresentationStateStorage,
    BlendingSoftcopyPresentationStateStorage,
    ColorSoftcopyPresentationStateStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    PseudoColorSoftcopyPresentationStateStorage,
    VariableModalityLUTSoftcopyPresentationStateStorage,
    XAXRFGrayscaleSoftcopyPresentationStateStorage,
)

from pacs_framework.dicom.header import split_data_set
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.rewrite import decode_header
from pacs_framework.errors import InstanceError
from pacs_framework.rendering.attributes import text_of
from pacs_framework.rendering.presentation.advanced import advanced_blending_of, image_set
from pacs_framework.rendering.presentation.blending import SUPERIMPOSED, blending_of
from pacs_framework.rendering.presentation.references import (
    ImageReference,
    ImageSet,
    references_in,
    registrations_in,
)

__all__ = [
    "PresentationState",
    "StateKind",
    "UnsupportedState",
    "is_presentation_state",
    "open_state",
    "presentation_state",
]


class UnsupportedState(InstanceError):
    """A presentation state of a kind, or with a step, that is not drawn."""


class StateKind(Enum):
    """Which pipeline is for its images (PS3.4 N.2)."""

    GREY = str(GrayscaleSoftcopyPresentationStateStorage)
    COLOUR = str(ColorSoftcopyPresentationStateStorage)
    PSEUDO_COLOUR = str(PseudoColorSoftcopyPresentationStateStorage)
    VARIABLE_MODALITY_LUT = str(VariableModalityLUTSoftcopyPresentationStateStorage)
    BLENDING = str(BlendingSoftcopyPresentationStateStorage)
    X_RAY = str(XAXRFGrayscaleSoftcopyPresentationStateStorage)
    ADVANCED_BLENDING = str(AdvancedBlendingPresentationStateStorage)

    @property
    def is_grey(self) -> bool:
        """Whether it makes P-Values alone, and so no colours."""
        return self in (StateKind.GREY, StateKind.X_RAY)


@dataclass(frozen=True, slots=True, eq=False)
class PresentationState:
    """``dataset`` is all of it, ``references`` the images that it is for, and ``registrations`` the
    spatial registrations that say where these lie. ``superimposed`` are the sets of images that are
    seen with them, by their number.
    """

    kind: StateKind
    dataset: Dataset
    references: tuple[ImageReference, ...]
    registrations: tuple[ImageReference, ...] = ()
    superimposed: Mapping[int, ImageSet] = field(default_factory=dict)

    def is_for(self, sop_instance_uid: str, number: int) -> bool:
        """Whether frame ``number`` of an image is one that it is for."""
        return any(
            each.sop_instance_uid == sop_instance_uid and (not each.frames or number in each.frames)
            for each in self.references
        )


def is_presentation_state(sop_class_uid: str) -> bool:
    """Whether instances of a SOP class are presentation states, of any kind."""
    return "Presentation Stat" in UID(sop_class_uid).name


def open_state(file: BinaryIO) -> PresentationState:
    """The state in a Part 10 file. Raises as `presentation_state`."""
    prefix = read_prefix(file)
    file.seek(prefix.dataset_offset)
    split = split_data_set(file, prefix.meta.transfer_syntax_uid)
    return presentation_state(decode_header(split))


def presentation_state(dataset: Dataset) -> PresentationState:
    """A state that was read. Raises `UnsupportedState` and `UnreadableInstance`.

    What would make another picture where it is passed over is refused here: views of volumes, and
    series of points in time that are blended.
    """
    uid = text_of(dataset, "SOPClassUID")
    try:
        kind = StateKind(uid)
    except ValueError:
        raise UnsupportedState(
            f"presentation states of this kind are not rendered: {UID(uid).name[:80]}; Grayscale, "
            "Color, Pseudo-Color, Variable Modality LUT, Blending and XA/XRF Grayscale Softcopy "
            "Presentation States are, and Advanced Blending Presentation States"
        ) from None
    if kind is StateKind.BLENDING:
        return _blending_state(dataset)
    if kind is StateKind.ADVANCED_BLENDING:
        return _advanced_blending_state(dataset)
    return PresentationState(kind, dataset, references_in(dataset))


def _blending_state(dataset: Dataset) -> PresentationState:
    blending = blending_of(dataset)
    registrations = registrations_in(dataset)
    return PresentationState(
        StateKind.BLENDING,
        dataset,
        references_in(blending.underlying),
        registrations,
        {SUPERIMPOSED: ImageSet(references_in(blending.superimposed), registrations)},
    )


def _advanced_blending_state(dataset: Dataset) -> PresentationState:
    blending = advanced_blending_of(dataset)
    if any(text_of(each, "TimeSeriesBlending") == "TRUE" for each in blending.inputs.values()):
        raise UnsupportedState(
            "presentation states that blend points in time (Time Series Blending) are not rendered"
        )
    sets = {number: image_set(item) for number, item in blending.inputs.items()}
    shown = sets.pop(blending.shown)
    return PresentationState(
        StateKind.ADVANCED_BLENDING, dataset, shown.images, shown.registrations, sets
    )
