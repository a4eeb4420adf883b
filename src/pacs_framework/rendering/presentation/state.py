"""What a presentation state says of all its images, checked when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from pydicom import Dataset
from pydicom.uid import (
    UID,
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
from pacs_framework.rendering.attributes import items_of, text_of
from pacs_framework.rendering.presentation.blending import blending_of
from pacs_framework.rendering.presentation.references import ImageReference, references_in

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

    @property
    def is_grey(self) -> bool:
        """Whether it makes P-Values alone, and so no colours."""
        return self in (StateKind.GREY, StateKind.X_RAY)


@dataclass(frozen=True, slots=True, eq=False)
class PresentationState:
    """``dataset`` is all of it, ``references`` the images that it is for, ``superimposed`` those
    that are seen upon them.
    """

    kind: StateKind
    dataset: Dataset
    references: tuple[ImageReference, ...]
    superimposed: tuple[ImageReference, ...] = ()

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

    What would make another picture where it is passed over is refused here: volumes, blending of
    more than two sets, and of such that have to be registered.
    """
    uid = text_of(dataset, "SOPClassUID")
    try:
        kind = StateKind(uid)
    except ValueError:
        raise UnsupportedState(
            f"presentation states of this kind are not rendered: {UID(uid).name[:80]}; Grayscale, "
            "Color, Pseudo-Color, Variable Modality LUT, Blending and XA/XRF Grayscale Softcopy "
            "Presentation States are"
        ) from None
    if kind is StateKind.BLENDING:
        return _blending_state(dataset)
    return PresentationState(kind, dataset, references_in(dataset))


def _blending_state(dataset: Dataset) -> PresentationState:
    if items_of(dataset, "ReferencedSpatialRegistrationSequence"):
        raise UnsupportedState(
            "presentation states that blend by a spatial registration are not rendered"
        )
    blending = blending_of(dataset)
    return PresentationState(
        StateKind.BLENDING,
        dataset,
        references_in(blending.underlying),
        references_in(blending.superimposed),
    )
