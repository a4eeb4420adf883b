"""How the frames of an image are to be seen: as the request says, or a presentation state."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from pacs_dicomweb.rendered.artist import drawn
from pacs_dicomweb.rendered.colours import with_profile
from pacs_framework.rendering.attributes import text_of
from pacs_framework.rendering.presentation.drawing import draw_by_state
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_dicomweb.rendered.look import Look
    from pacs_framework.rendering.frames import StoredFrame
    from pacs_framework.rendering.picture import Picture
    from pacs_framework.rendering.presentation.other_frames import OtherFrames
    from pacs_framework.rendering.presentation.state import PresentationState

__all__ = ["ByLook", "ByState", "Way"]


class Way(Protocol):
    """Makes a picture of a frame. ``quality`` is that of JPEG."""

    @property
    def quality(self) -> int:
        """From 1 to 100."""

    def picture(
        self, frame: StoredFrame, header: Dataset, number: int, *, most: int, holds: bool
    ) -> Picture:
        """Of frame ``number``, with at most ``most`` pixels. ``holds``: the file holds a profile.

        Raises `Problem` 400 and `pacs_framework.errors.InstanceError`.
        """


@dataclass(frozen=True, slots=True)
class ByLook:
    """As the header says, and the request.

    ``several``: images are seen together, so windows are for the grey ones among them.
    """

    look: Look
    several: bool = False

    @property
    def quality(self) -> int:
        """As `Way.quality`."""
        return self.look.quality

    def picture(
        self, frame: StoredFrame, header: Dataset, number: int, *, most: int, holds: bool
    ) -> Picture:
        """As `Way.picture`."""
        return drawn(frame, header, number, self._look_at(header), most=most, holds=holds)

    def _look_at(self, header: Dataset) -> Look:
        """Windows are for greys (PS3.18 8.3.5.1.4)."""
        look = self.look
        photometric = text_of(header, "PhotometricInterpretation")
        if look.window is None or photometric.startswith("MONOCHROME"):
            return look
        if self.several:
            return look.without_window()
        raise Problem(HTTPStatus.BAD_REQUEST, "windows are for greys, and the image is in colours")


@dataclass(frozen=True, slots=True)
class ByState:
    """As a presentation state says, which knows the image as ``sop_instance_uid``; ``others`` has
    its other frames.

    Of the look, size, quality and profile are heeded; nobody may ask for the others.
    """

    state: PresentationState
    sop_instance_uid: str
    look: Look
    others: OtherFrames

    @property
    def quality(self) -> int:
        """As `Way.quality`."""
        return self.look.quality

    def picture(
        self, frame: StoredFrame, header: Dataset, number: int, *, most: int, holds: bool
    ) -> Picture:
        """As `Way.picture`."""
        seen = SeenFrame(self.sop_instance_uid, number)
        made = draw_by_state(frame, header, seen, self.state, self.look.box, most, self.others)
        return with_profile(made, self.look.icc_profile, holds=holds)
