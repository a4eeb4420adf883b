"""Rendered MPR and 3D volumes answered (PS3.18 10.4.1.1.7, 10.4.1.1.8, Annex K)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.valuerep import DSfloat

from pacs_dicomweb.model.datasets import dataset_json
from pacs_dicomweb.model.xml_writing import xml_document
from pacs_dicomweb.rendered.annotating import annotated
from pacs_dicomweb.rendered.artist import window_of_look
from pacs_dicomweb.rendered.files import animated_gif, file_of
from pacs_dicomweb.rendered.kinds import Kind, kind_of
from pacs_dicomweb.rendered.media import GIF, IMAGES, choose_single
from pacs_dicomweb.rendered.volume_parameters import View
from pacs_dicomweb.stow.results import JSON, chosen_form
from pacs_framework.errors import InstanceError
from pacs_framework.rendering.picture import Picture
from pacs_framework.rendering.voi import Span, Window, voi_of
from pacs_framework.rendering.volumes.assembling import TooLarge, assembled
from pacs_framework.rendering.volumes.projecting import (
    RenderingMethod,
    rays_through,
    rendered_greys,
)
from pacs_framework.rendering.volumes.spanning import usual_span
from pacs_http.api import Problem

if TYPE_CHECKING:
    from pacs_dicomweb.rendered.sight import Sight
    from pacs_dicomweb.rendered.volume_parameters import VolumeAsked
    from pacs_framework.archive.retrieve import StoredInstance
    from pacs_framework.rendering.frame_header import FrameHeader
    from pacs_framework.rendering.frames import StoredFrame
    from pacs_framework.rendering.volumes.camera import Camera
    from pacs_framework.rendering.volumes.projecting import Rays
    from pacs_framework.rendering.volumes.volume import Volume
    from pacs_http.api import Response

__all__ = ["Volumes", "show_volume"]

_RETRY_AFTER = "10"  # seconds
_USUAL_SAMPLES = 24_000_000  # of a picture whose size nobody says: some two seconds of one core


class Volumes:
    """One volume is in memory at a time; who has to wait for longer than ``wait`` seconds, may ask
    again.
    """

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self.place = threading.BoundedSemaphore(1)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises `Problem` 503."""
        if not self.place.acquire(timeout=self._wait):
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "other volumes are being rendered: ask again in some seconds",
                headers=[("Retry-After", _RETRY_AFTER)],
            )
        try:
            yield
        finally:
            self.place.release()


@dataclass(frozen=True, slots=True)
class _Scene:
    """A volume, how its values are seen, and the header of one of its images."""

    volume: Volume
    voi: Window | Span
    header: FrameHeader
    asked: VolumeAsked

    def rays(self, camera: Camera, most: int, pictures: int) -> Rays:
        """Raises `Problem` 413 where they take more samples than there may be."""
        asked, usual = self.asked, min(most / pictures, _USUAL_SAMPLES)
        rays = rays_through(self.volume, camera, box=asked.look.box, slab=asked.slab, most=usual)
        samples = rays.samples * pictures
        if samples > most:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{pictures} pictures of {rays.width} × {rays.height} pixels take {samples} "
                f"samples, and {most} are the most (setting rendered_megavoxels): give a smaller "
                "viewport, or none",
            )
        return rays

    def picture(self, camera: Camera, most: int, pictures: int = 1) -> Picture:
        """Seen from there; ``pictures`` of the same size are made in all."""
        rays = self.rays(camera, most, pictures)
        pixels = rendered_greys(self.volume, rays, self.asked.method, self.voi)
        words = self.voi.in_words
        if self.asked.look.annotations:
            pixels = annotated(pixels, self.header.root, self.asked.look.annotations, words)
        return Picture(pixels=pixels, voi=words)


def show_volume(
    sight: Sight, located: Sequence[StoredInstance], asked: VolumeAsked, volumes: Volumes
) -> Response:
    """The view of the volume that the images of ``located`` make, or what it is made with."""
    chosen = _chosen(located, asked)
    form = chosen_form(sight.request) if asked.metadata else ""
    offered = IMAGES if asked.swivel is None else (GIF,)
    media = "" if form else choose_single(sight.ranges, offered, parts=False).media_type
    etag = sight.etag(media + form, repr(asked), made_of=chosen)
    if (unchanged := sight.unchanged(etag)) is not None:
        return unchanged
    with volumes.turn():
        scene = _scene(sight, chosen, asked)
        if form:
            return sight.whole(form, _module_file(scene, form), etag)
        return sight.whole(media, _file(sight, scene, media), etag)


def _chosen(located: Sequence[StoredInstance], asked: VolumeAsked) -> Sequence[StoredInstance]:
    """The images that are named, or all. Raises `Problem` 404, 406, and 501 for states."""
    uids = asked.references.uids
    if uids:
        located = [each for each in located if each.sop_instance_uid in uids]
    images = [each for each in located if kind_of(each.sop_class_uid) is Kind.IMAGE]
    if images:
        return images
    if any(kind_of(each.sop_class_uid) is Kind.STATE for each in located):
        raise Problem(
            HTTPStatus.NOT_IMPLEMENTED,
            "volumetric presentation states are not rendered: ask for the images, with the "
            "parameters of a view",
        )
    status = HTTPStatus.NOT_FOUND if uids else HTTPStatus.NOT_ACCEPTABLE
    raise Problem(status, "there are no such images to make a volume of")


def _scene(sight: Sight, chosen: Sequence[StoredInstance], asked: VolumeAsked) -> _Scene:
    """Raises `Problem` 406 and 413."""
    first: list[FrameHeader] = []

    def frames() -> Iterator[tuple[FrameHeader, StoredFrame]]:
        for stored in chosen:
            for header, frame in sight.studio.slices(stored, asked.references.frames):
                if not first:
                    first.append(header)
                yield header, frame

    try:
        volume = assembled(frames(), sight.studio.most_voxels)
        voi = window_of_look(asked.look) or _voi(first[0], volume, asked)
    except TooLarge as error:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{error} (setting rendered_megavoxels): name fewer images by volumeinputreference",
        ) from error
    except InstanceError as error:
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, f"there is no volume: {error}") from error
    return _Scene(volume, voi, first[0], asked)


def _voi(header: FrameHeader, volume: Volume, asked: VolumeAsked) -> Window | Span:
    """Of a cut, the window of one of the images, or all values; else what is usual for a view
    through all of the volume: the same from each side.
    """
    if asked.view is View.THREE_D:
        return usual_span(volume, asked.method)
    found = voi_of(header, signed=True)
    return found if isinstance(found, Window) else Span(*volume.extremes())


def _file(sight: Sight, scene: _Scene, media_type: str) -> bytes:
    asked, most = scene.asked, sight.studio.most_voxels
    camera = asked.camera(scene.volume)
    with sight.studio.place():
        if asked.swivel is None:
            return file_of(scene.picture(camera, most), media_type, asked.look.quality)
        angles = asked.swivel.angles
        pictures = (scene.picture(camera.turned(each), most, len(angles)) for each in angles)
        return animated_gif(pictures, 1000 / asked.swivel.rate)


def _module_file(scene: _Scene, form: str) -> bytes:
    text = dataset_json(_response_module(scene))
    return text.encode() if form == JSON else xml_document(json.loads(text))


def _response_module(scene: _Scene) -> Dataset:
    """What a view is made with (PS3.18 Table K.1-1)."""
    asked, made = scene.asked, Dataset()
    camera = asked.camera(scene.volume)
    made.ReformattingOperationType = asked.view.value
    made.RenderingMethod = asked.method.value
    made.ViewpointPosition = camera.position.tolist()
    made.ViewpointLookAtPoint = camera.look_at.tolist()
    made.ViewpointUpDirection = camera.up.tolist()
    if asked.view is View.MPR and asked.slab:
        made.MPRSlabThickness = asked.slab
    if asked.method is not RenderingMethod.VOLUME_RENDERED:
        _add_window(made, scene.voi)
    if asked.swivel is not None:
        made.SwivelRange = asked.swivel.range_
        made.AnimationStepSize = asked.swivel.step
        made.RecommendedAnimationRate = asked.swivel.rate
    return made


def _add_window(made: Dataset, voi: Window | Span) -> None:
    if isinstance(voi, Window):
        center, width, function = voi.center, voi.width, voi.function.value
    else:
        center, width, function = (voi.low + voi.high) / 2, voi.high - voi.low, "LINEAR_EXACT"
    made.VOILUTFunction = function
    made.WindowCenter = DSfloat(center, auto_format=True)
    made.WindowWidth = DSfloat(width, auto_format=True)
