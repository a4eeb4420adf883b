"""A stored series as a volume: headers first, and pixels once it is known that they fit."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from pydicom import Dataset

from pacs_ai.api import Volume, Wants
from pacs_ai.errors import NoVolume
from pacs_ai.exchange import VOXELS
from pacs_ai.terms import DOOR
from pacs_ai.volumes.grid import Grid, grid_of
from pacs_ai.volumes.planes import Plane, planes_of
from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.conditions import Condition, DataSetFacts
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.rendering.attributes import integer_of, items_of, numbers_of, text_of
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.frames import StoredFrame, StoredImage, read_stored_image
from pacs_framework.rendering.modality import modality_transform
from pacs_framework.rendering.samples import cells_of, values_of

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import InstanceOpener, StoredInstance

__all__ = ["LoadedSeries", "LoadedVolume", "StoredSeries"]

_HOUNSFIELD = "[hnsf'U]"
_MOST_BYTES = 8 << 30
_VOXEL_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedVolume:
    """The pixels of a series, and which frame each slice is."""

    grid: Grid
    volume: Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSeries:
    """A series as a run gets it: ``headers`` are without pixels, in the order of its instances.

    ``loaded`` is None for those who take files, see `export`.
    """

    stored: StoredSeries
    headers: tuple[Dataset, ...]
    loaded: LoadedVolume | None

    @property
    def study_instance_uid(self) -> str:
        """Of the study that it is in."""
        return text_of(self.headers[0], "StudyInstanceUID")

    @property
    def series_instance_uid(self) -> str:
        """Its own."""
        return text_of(self.headers[0], "SeriesInstanceUID")

    @property
    def parts(self) -> tuple[LoadedSeries, ...]:
        """Itself, as of a study all its series."""
        return (self,)

    @property
    def sop_instance_uids(self) -> tuple[str, ...]:
        """Of its instances."""
        return tuple(text_of(header, "SOPInstanceUID") for header in self.headers)

    def planes(self) -> list[Plane]:
        """Where its frames lie; none for images that do not say so. Raises as `planes_of`."""
        if "ImagePositionPatient" not in self.headers[0] and not _is_enhanced(self.headers[0]):
            return []
        return [
            plane
            for source, header in enumerate(self.headers)
            for plane in planes_of(header, source, integer_of(header, "NumberOfFrames", 1))
        ]

    def export(self, folder: Path) -> None:
        """Write its instances as DICOM files, by the names that mercure gives them."""
        self.stored.export(folder)


class StoredSeries:
    """One series of an archive, as it is given to models: patients as they were corrected last.

    What the hook ``on_retrieve`` changes or refuses for the door ``ai`` holds here, too: then the
    results would belong to somebody else, so such a series is refused.
    """

    def __init__(self, archive: Archive, series_instance_uid: str) -> None:
        self._decoder = archive.transcoding.decoder
        self._opener: InstanceOpener = archive.retrieve.opener(Recipient(door=DOOR, aet=""))
        self._uid = series_instance_uid
        named = Dataset()
        named.SeriesInstanceUID = series_instance_uid
        located = archive.retrieve.locate(Level.SERIES, Root.STUDY, named, relational=True)
        self.instances: Sequence[StoredInstance] = tuple(located)
        if not self.instances:
            raise NoVolume(f"there is no series {series_instance_uid!r} in the archive")

    def load(
        self, wants: Wants, *, pixels: bool = True, folder: Path | None = None
    ) -> LoadedSeries:
        """The series, if ``wants`` is for it; as a volume, too, with ``pixels``.

        Its voxels are in a file of ``folder`` (see `pacs_ai.exchange`), so that they take no memory
        while a model works on them; without one, in memory.
        Raises `NoVolume`, `UnreadableInstance` and what opening an instance raises.
        """
        headers, slices = [], 0
        for number in range(len(self.instances)):
            with self._image(number) as image:
                headers.append(image.header)
                slices += image.number_of_frames
        self._check_identity(headers)
        modality = text_of(headers[0], "Modality")
        if refusal := wants.refusal(modality, slices):
            raise NoVolume(refusal)
        if wants.when and not Condition.read(wants.when).holds(DataSetFacts(headers[0])):
            raise NoVolume(f"what the model is for, {wants.when!r}, is not known to be true of it")
        loaded = self._volume(headers, modality, folder) if pixels else None
        return LoadedSeries(stored=self, headers=tuple(headers), loaded=loaded)

    def export(self, folder: Path) -> None:
        """Write the instances as DICOM files."""
        for stored in self.instances:
            opened = self._opener.open(stored)
            try:
                kind = opened.instance
                meta = FileMeta(
                    sop_class_uid=kind.sop_class_uid,
                    sop_instance_uid=kind.sop_instance_uid,
                    transfer_syntax_uid=kind.transfer_syntax_uid,
                )
                name = f"{self._uid}#{kind.sop_instance_uid}.dcm"
                with (folder / name).open("xb") as file:
                    file.write(make_prefix(meta))
                    shutil.copyfileobj(opened.data, file)
            finally:
                opened.data.close()

    def _check_identity(self, headers: Sequence[Dataset]) -> None:
        for header, stored in zip(headers, self.instances, strict=True):
            uids = text_of(header, "SeriesInstanceUID"), text_of(header, "SOPInstanceUID")
            if uids != (self._uid, stored.sop_instance_uid):
                raise NoVolume("the archive gives this series to models under other UIDs")

    def _volume(
        self, headers: Sequence[Dataset], modality: str, folder: Path | None
    ) -> LoadedVolume:
        planes = [
            plane
            for number, header in enumerate(headers)
            for plane in planes_of(header, number, integer_of(header, "NumberOfFrames", 1))
        ]
        grid = grid_of(planes)
        if math.prod(grid.shape) * _VOXEL_BYTES > _MOST_BYTES:
            raise NoVolume(f"a volume of {grid.shape} takes more than {_MOST_BYTES >> 30} GiB")
        volume = Volume(
            voxels=self._voxels(grid, folder),
            affine=grid.affine,
            modality=modality,
            unit=_HOUNSFIELD if modality == "CT" else "",
        )
        return LoadedVolume(grid=grid, volume=volume)

    def _voxels(self, grid: Grid, folder: Path | None) -> NDArray[np.float32]:
        voxels = np.empty(grid.shape, np.float32) if folder is None else _in_file(grid, folder)
        places = {(plane.source, plane.frame): k for k, plane in enumerate(grid.planes)}
        for number in range(len(self.instances)):
            with self._image(number) as image:
                for frame, stored in image.frames(range(1, image.number_of_frames + 1)):
                    voxels[places[number, frame]] = _values(stored, image.header, frame)
        return voxels

    @contextmanager
    def _image(self, number: int) -> Iterator[StoredImage]:
        opened = self._opener.open(self.instances[number])
        try:
            syntax = opened.instance.transfer_syntax_uid
            image = read_stored_image(opened.data, syntax, self._decoder)
            if isinstance(image, Dataset):
                raise NoVolume("an instance of the series is no image")
            yield image
        finally:
            opened.data.close()


def _in_file(grid: Grid, folder: Path) -> NDArray[np.float32]:
    """Room for the voxels, which is really there: a full disk would end the process later on."""
    path = folder / VOXELS
    made: NDArray[np.float32] = open_memmap(path, mode="w+", dtype=np.float32, shape=grid.shape)
    with path.open("rb+") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return made


def _is_enhanced(header: Dataset) -> bool:
    return bool(items_of(header, "PerFrameFunctionalGroupsSequence"))


def _values(stored: StoredFrame, header: Dataset, number: int) -> NDArray[np.floating]:
    """A frame in the units of its modality transform."""
    of_frame = FrameHeader(header, number)
    if text_of(header, "Modality") == "CT":
        _check_hounsfield(of_frame)
    values = values_of(cells_of(stored), stored.layout)
    transform = modality_transform(of_frame, signed=stored.layout.signed)
    return values if transform is None else transform(values)


def _check_hounsfield(header: FrameHeader) -> None:
    rescale = header.macro("PixelValueTransformationSequence")
    kind = text_of(rescale, "RescaleType") or "HU"
    if not numbers_of(rescale, "RescaleIntercept") or kind not in ("HU", "HU_MOD"):
        raise NoVolume(f"a CT image does not say how it becomes Hounsfield units ({kind})")
