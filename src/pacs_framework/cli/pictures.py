"""What ``pacs render`` does with each file; imports NumPy and Pillow, unlike the command itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from pydicom import Dataset

from pacs_framework.cli.files import FileTask
from pacs_framework.cli.pieces import NewFile, NewFiles, named
from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.transcoding import Decoder
from pacs_framework.errors import InstanceError, UnreadableInstance
from pacs_framework.rendering.attributes import text_of
from pacs_framework.rendering.drawing import View, draw
from pacs_framework.rendering.frames import StoredFrame, wanted_frames
from pacs_framework.rendering.opening import open_image
from pacs_framework.rendering.picture import Picture, PictureFormat
from pacs_framework.rendering.presentation.drawing import draw_by_state
from pacs_framework.rendering.presentation.other_frames import OtherFrames
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.state import PresentationState, open_state
from pacs_framework.rendering.voi import Window

__all__ = ["Artist", "Drawing", "View", "by_state", "by_view", "window_of"]

Drawing = Callable[[StoredFrame, Dataset, int, OtherFrames], Picture]
"""A picture of a frame, by its header, its number, and other frames of its image."""


def by_view(view: View) -> Drawing:
    """As the header says, and the user."""
    return lambda frame, header, number, _: draw(frame, header, number, view)


def by_state(path: Path, size: tuple[int, int] | None, context: click.Context) -> Drawing:
    """As a file says, which has to be a presentation state that can be drawn by."""
    try:
        with path.open("rb") as file:
            state = open_state(file)
    except InstanceError as error:
        raise click.BadParameter(f"{path}: {error}", context, param_hint="--state") from error
    return partial(_drawn_by_state, state=state, size=size)


def _drawn_by_state(
    frame: StoredFrame,
    header: Dataset,
    number: int,
    others: OtherFrames,
    *,
    state: PresentationState,
    size: tuple[int, int] | None,
) -> Picture:
    uid = text_of(header, "SOPInstanceUID")
    if not state.is_for(uid, number):
        raise UnreadableInstance(f"the presentation state is not for frame {number} of this image")
    seen = SeenFrame(uid, number)
    return draw_by_state(frame, header, seen, state, size, others=others)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A picture as it will be written."""

    number: int
    picture: Picture
    data: bytes


class Artist:
    """Draws frames of files, ``threads`` of them beside each other.

    ``quality`` is for JPEG. Used from many threads.
    """

    def __init__(
        self,
        decoder: Decoder,
        threads: FrameThreads,
        files: NewFiles,
        drawing: Drawing,
        form: str,
        quality: int,
    ) -> None:
        self._decoder = decoder
        self._threads = threads
        self._files = files
        self._drawing = drawing
        self._form = PictureFormat(form)
        self._quality = quality

    def draw(self, task: FileTask, frame: int | None) -> Iterator[NewFile]:
        """Frame number ``frame`` of a file, every one where it is None; each is written at once."""
        with task.source.open("rb") as reader:
            image = open_image(reader, self._decoder, self._threads)
            total = image.number_of_frames
            others = OtherFrames(partial(self._frames, task.source))

            def drawn(numbered: tuple[int, StoredFrame]) -> _Drawn:
                picture = self._drawing(numbered[1], image.header, numbered[0], others)
                data = picture.encoded(self._form, quality=self._quality)
                return _Drawn(numbered[0], picture, data)

            frames = image.frames(wanted_frames(frame, total))
            for each in self._threads.map(drawn, frames):
                yield self._write(task, each, total if frame is None else 1)

    def _frames(self, path: Path, wanted: range) -> Iterator[tuple[int, StoredFrame]]:
        """Frames of a file, read anew."""
        with path.open("rb") as reader:
            yield from open_image(reader, self._decoder).frames(wanted)

    def _write(self, task: FileTask, drawn: _Drawn, total: int) -> NewFile:
        """Only where there are several pictures of a file does each get its number."""
        destination = task.destination
        if total > 1:
            place = destination.with_name(destination.name.removesuffix(self._form.suffix))
            destination = named(place, drawn.number, total, self._form.suffix)
        return NewFile(
            path=task.source,
            output=destination,
            frame=drawn.number,
            size=self._files.write(destination, (drawn.data,)),
            facts={
                "width": drawn.picture.width,
                "height": drawn.picture.height,
                "colour": drawn.picture.is_colour,
                "voi": drawn.picture.voi,
            },
        )


def window_of(window: tuple[float, float] | None, context: click.Context) -> Window | None:
    """What ``--window`` means; a usage error for a window that cannot be."""
    if window is None:
        return None
    try:
        return Window(*window)
    except ValueError as error:
        raise click.BadParameter(str(error), context, param_hint="--window") from error
