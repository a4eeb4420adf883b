"""Slices of note as a Key Object Selection (PS3.3 A.35.4, PS3.16 TID 2010)."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
from pydicom import Dataset

from pacs_ai.api import KeyImages
from pacs_ai.results.signature import Signature, coded
from pacs_ai.volumes.grid import Grid

__all__ = ["write_key_images"]


def write_key_images(
    made: KeyImages,
    sources: Sequence[Dataset],
    grid: Grid,
    signature: Signature,
    what: str,
    series_number: int,
) -> Dataset:
    """The instance; of multi-frame images it names the frames."""
    frames = _frames(made.slices, grid)
    chosen = [sources[number] for number in frames]
    content = hd.ko.KeyObjectSelection(
        document_title=coded(made.title),
        referenced_objects=chosen,
        observer_device_context=signature.as_observer(),
        description=made.reason or None,
    )
    written = hd.ko.KeyObjectSelectionDocument(
        evidence=chosen,
        content=content,
        series_instance_uid=signature.uid(f"{what}/series"),
        series_number=series_number,
        sop_instance_uid=signature.uid(what),
        instance_number=1,
        series_description=f"{signature.name}: {made.description}"[:64],
        **signature.equipment,
    )
    by_uid = {
        str(sources[number].SOPInstanceUID): found
        for number, found in frames.items()
        if "NumberOfFrames" in sources[number]
    }
    _name_frames(written, by_uid)
    return written


def _frames(slices: Sequence[int], grid: Grid) -> dict[int, list[int]]:
    """Which frames of which source the slices are, in the order of the slices."""
    found: dict[int, list[int]] = {}
    for number in slices:
        plane = grid.planes[number]
        found.setdefault(plane.source, []).append(plane.frame)
    return found


def _name_frames(written: Dataset, frames: dict[str, list[int]]) -> None:
    """The library refers to whole images."""
    for item in written.ContentSequence:
        for reference in item.get("ReferencedSOPSequence", ()):
            named = frames.get(str(reference.ReferencedSOPInstanceUID))
            if named:
                reference.ReferencedFrameNumber = sorted(named)
