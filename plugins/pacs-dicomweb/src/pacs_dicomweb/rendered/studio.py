"""Where stored images are opened and drawn, a bounded number of frames at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_dicomweb.rendered.files import animated_gif, file_of, holds_profile
from pacs_dicomweb.rendered.media import GIF
from pacs_dicomweb.rendered.sight import nothing_to_see
from pacs_framework.errors import InstanceError
from pacs_framework.rendering.attributes import integer_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import NoSuchFrame, read_stored_image
from pacs_framework.rendering.video import VIDEO, VideoStream, read_video
from pacs_http.api import Problem

if TYPE_CHECKING:
    import threading

    from pacs_dicomweb.rendered.ways import Way
    from pacs_dicomweb.wado.objects import Objects
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.rendering.frames import StoredFrame, StoredImage
    from pacs_framework.rendering.picture import Picture

    Opened = StoredImage | VideoStream | Dataset

__all__ = ["DrawnFrame", "Studio", "is_video", "representative_frame"]

_FRAME_MILLISECONDS = 100.0  # where nobody says how fast a series of frames is


def is_video(stored: StoredInstance) -> bool:
    """Whether its pixel data are one stream."""
    return stored.transfer_syntax_uid in VIDEO


def representative_frame(image: StoredImage | VideoStream) -> int:
    """The frame that stands for all: the one that the header names, or the one in the middle."""
    named = integer_of(image.header, "RepresentativeFrameNumber", default=0)
    if 1 <= named <= image.number_of_frames:
        return named
    return (image.number_of_frames + 1) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFrame:
    """The file of one frame: its number, and the series that its instance says it is of."""

    number: int
    data: bytes
    series_instance_uid: str


class Studio:
    """Draws what one recipient may see.

    Each frame is decoded and drawn in the thread that asked, as soon as one of ``places`` is free:
    however many ask, so many frames are in memory. ``most`` pixels have a frame and a picture, and
    ``most_voxels`` a volume.
    """

    def __init__(
        self, objects: Objects, places: threading.Semaphore, most: int, most_voxels: int
    ) -> None:
        self._objects = objects
        self._decoder = objects.archive.transcoding.decoder
        self._places = places
        self._most = most
        self.most_voxels = most_voxels

    def place(self) -> AbstractContextManager[object]:
        """For who draws something else here; waits until one is free."""
        return self._places

    @contextmanager
    def opened(self, stored: StoredInstance) -> Iterator[Opened]:
        """An instance, read from its start; a data set where it has no pixels.

        What is found unreadable, also within the context, is a `Problem` 406; as
        `InstanceOpener.open` otherwise.
        """
        opened = self._objects.open(stored)
        syntax = opened.instance.transfer_syntax_uid
        with closing(opened.data) as data:
            try:
                yield (
                    read_video(data, syntax)
                    if syntax in VIDEO
                    else read_stored_image(data, syntax, self._decoder)
                )
            except NoSuchFrame as error:
                raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
            except InstanceError as error:
                raise Problem(
                    HTTPStatus.NOT_ACCEPTABLE, f"the instance cannot be rendered: {error}"
                ) from error

    @contextmanager
    def image(self, stored: StoredInstance) -> Iterator[StoredImage | VideoStream]:
        """As `opened`, for images and videos alone, of no more pixels than are drawn."""
        with self.opened(stored) as seen:
            if isinstance(seen, Dataset):
                raise nothing_to_see(stored.sop_class_uid)
            rows, columns = (
                integer_of(seen.header, keyword, default=0) for keyword in ("Rows", "Columns")
            )
            if rows * columns > self._most:
                raise Problem(
                    HTTPStatus.NOT_ACCEPTABLE,
                    f"frames of {columns} × {rows} pixels are not rendered: {self._most} are the "
                    "most (setting rendered_megapixels)",
                )
            yield seen

    @contextmanager
    def header(self, stored: StoredInstance) -> Iterator[Dataset]:
        """As `opened`, for instances without pixels: states, reports, documents."""
        with self.opened(stored) as seen:
            if not isinstance(seen, Dataset):
                raise Problem(
                    HTTPStatus.NOT_ACCEPTABLE,
                    "there are pixels in it, where its SOP class has none: retrieve the instance",
                )
            yield seen

    def count(self, stored: StoredInstance) -> int:
        """The number of frames."""
        with self.image(stored) as image:
            return image.number_of_frames

    def frames(self, stored: StoredInstance, wanted: range) -> Iterator[tuple[int, StoredFrame]]:
        """Frames as they are stored, for who draws another one: they take no place of their own."""
        with self.image(stored) as image:
            yield from image.frames(wanted)

    def slices(
        self, stored: StoredInstance, numbers: Collection[int]
    ) -> Iterator[tuple[FrameHeader, StoredFrame]]:
        """The frames of ``numbers`` in one pass, all where there are none, for a volume."""
        with self.image(stored) as image:
            wanted = numbers or range(1, image.number_of_frames + 1)
            span = _within(range(min(wanted), max(wanted) + 1), image.number_of_frames)
            for number, frame in image.frames(span):
                if number in wanted:
                    yield FrameHeader(image.header, number), frame

    def files(
        self,
        stored: StoredInstance,
        numbers: Sequence[int],
        way: Way,
        media_type: str,
    ) -> Iterator[DrawnFrame]:
        """The frames of ``numbers`` in their order, all where there are none."""
        for run in _runs(numbers):
            with self.image(stored) as image:
                frames = image.frames(_within(run, image.number_of_frames))
                while (made := self._next(frames, image, way, media_type)) is not None:
                    yield made

    def _next(
        self,
        frames: Iterator[tuple[int, StoredFrame]],
        image: StoredImage | VideoStream,
        way: Way,
        media_type: str,
    ) -> DrawnFrame | None:
        with self._places:
            taken = next(frames, None)
            if taken is None:
                return None
            picture = self._draw(taken, image.header, way, media_type)
            return DrawnFrame(
                number=taken[0],
                data=file_of(picture, media_type, way.quality),
                series_instance_uid=text_of(image.header, "SeriesInstanceUID"),
            )

    def _draw(
        self, taken: tuple[int, StoredFrame], header: Dataset, way: Way, media_type: str
    ) -> Picture:
        number, frame = taken
        holds = holds_profile(media_type)
        return way.picture(frame, header, number, most=self._most, holds=holds)

    def animation(self, stored: StoredInstance, numbers: Sequence[int], way: Way) -> bytes:
        """The frames of ``numbers``, all where there are none, as one GIF that moves.

        All its pictures together have no more pixels than one picture may. Raises `Problem` 406.
        """
        with self._places:
            pictures = self._counted(self._pictures(stored, numbers, way))
            with self.image(stored) as image:
                pace = _pace(image.header)
            return animated_gif(pictures, pace)

    def _pictures(
        self, stored: StoredInstance, numbers: Sequence[int], way: Way
    ) -> Iterator[Picture]:
        for run in _runs(numbers):
            with self.image(stored) as image:
                for taken in image.frames(_within(run, image.number_of_frames)):
                    yield self._draw(taken, image.header, way, GIF)

    def _counted(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        pixels = 0
        for picture in pictures:
            pixels += picture.width * picture.height
            if pixels > self._most:
                raise Problem(
                    HTTPStatus.NOT_ACCEPTABLE,
                    f"an animation of more than {self._most} pixels is not made: give a smaller "
                    "viewport or fewer frames",
                )
            yield picture


def _runs(numbers: Sequence[int]) -> Iterator[range | None]:
    """``numbers`` as runs that rise by one, each of them one pass; None is all frames."""
    if not numbers:
        yield None
        return
    start = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield range(start, last + 1)
            start = number
        last = number
    yield range(start, last + 1)


def _within(run: range | None, count: int) -> range:
    if run is None:
        return range(1, count + 1)
    if run[-1] > count:
        raise NoSuchFrame(f"the instance has {count} frames, not {run[-1]}")
    return run


def _pace(header: Dataset) -> float:
    """Milliseconds for a frame (PS3.3 C.7.6.5)."""
    if time := numbers_of(header, "FrameTime"):
        return time[0]
    rates = numbers_of(header, "RecommendedDisplayFrameRate") or numbers_of(header, "CineRate")
    return 1000 / rates[0] if rates and rates[0] > 0 else _FRAME_MILLISECONDS
