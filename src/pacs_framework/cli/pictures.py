"""What ``pacs render`` does with each file; imports NumPy and Pillow, unlike the command itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click

from pacs_framework.cli.files import FileTask
from pacs_framework.cli.pieces import NewFile, NewFiles, named
from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.transcoding import Decoder
from pacs_framework.rendering.drawing import View, draw
from pacs_framework.rendering.frames import StoredFrame, wanted_frames
from pacs_framework.rendering.opening import open_image
from pacs_framework.rendering.picture import Picture, PictureFormat
from pacs_framework.rendering.voi import Window

__all__ = ["Artist", "View", "window_of"]


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
        view: View,
        form: str,
        quality: int,
    ) -> None:
        self._decoder = decoder
        self._threads = threads
        self._files = files
        self._view = view
        self._form = PictureFormat(form)
        self._quality = quality

    def draw(self, task: FileTask, frame: int | None) -> Iterator[NewFile]:
        """Frame number ``frame`` of a file, every one where it is None; each is written at once."""
        with task.source.open("rb") as reader:
            image = open_image(reader, self._decoder, self._threads)
            total = image.number_of_frames

            def drawn(numbered: tuple[int, StoredFrame]) -> _Drawn:
                picture = draw(numbered[1], image.header, numbered[0], self._view)
                data = picture.encoded(self._form, quality=self._quality)
                return _Drawn(numbered[0], picture, data)

            frames = image.frames(wanted_frames(frame, total))
            for each in self._threads.map(drawn, frames):
                yield self._write(task, each, total if frame is None else 1)

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
