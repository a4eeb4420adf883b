"""For tests of models: phantoms as volumes and as stored series, and what a model makes of them.

Images and archives are those of ``pacs-framework[testing]``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from pacs_ai.api import Volume
from pacs_ai.catalogue import chosen, models_of
from pacs_ai.inference import Inference
from pacs_ai.settings import AiSettings
from pacs_framework.testing.instances import make_instance

if TYPE_CHECKING:
    from pacs_framework.testing.running import RunningArchive

__all__ = ["ct_images", "made_by", "set_hounsfield", "volume_of"]

_ORIGIN = (0.0, 0.0, 0.0)
_MILLIMETRE = (1.0, 1.0, 1.0)
_LOWEST_HU = -1024


def volume_of(
    voxels: NDArray[Any],
    *,
    spacing: tuple[float, float, float] = _MILLIMETRE,
    origin: tuple[float, float, float] = _ORIGIN,
) -> Volume:
    """Hounsfield units (slice, row, column) as a model is given them: axial, from feet to head.

    ``spacing`` is millimetres between slices, rows and columns; ``origin`` is where the first voxel
    lies in the patient.
    """
    affine = np.zeros((4, 4))
    for axis, (direction, step) in enumerate(zip((2, 1, 0), spacing, strict=True)):
        affine[direction, axis] = step
    affine[:3, 3] = origin
    affine[3, 3] = 1
    return Volume(
        voxels=np.asarray(voxels, np.float32), affine=affine, modality="CT", unit="[hnsf'U]"
    )


def ct_images(
    voxels: NDArray[Any],
    *,
    spacing: tuple[float, float, float] = _MILLIMETRE,
    origin: tuple[float, float, float] = _ORIGIN,
    **attributes: Any,
) -> list[Dataset]:
    """The same as a series of CT images, from the feet on; ``attributes`` are set in each."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    made = []
    for number, values in enumerate(voxels):
        image = make_instance(
            **{
                "StudyInstanceUID": study,
                "SeriesInstanceUID": series,
                "FrameOfReferenceUID": frame,
                "InstanceNumber": number + 1,
                "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
                "ImagePositionPatient": [*origin[:2], origin[2] + number * spacing[0]],
                "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
                "PixelSpacing": [spacing[1], spacing[2]],
                "SliceThickness": spacing[0],
                "SpacingBetweenSlices": spacing[0],
                "AcquisitionNumber": 1,
                "PositionReferenceIndicator": "",
                "KVP": 120,
                "PatientPosition": "HFS",
                **attributes,
            }
        )
        set_hounsfield(image, values)
        made.append(image)
    return made


def set_hounsfield(image: Dataset, values: NDArray[Any]) -> None:
    """Make whole Hounsfield units from -1024 to 3071 the pixels of ``image``: 12 bits, unsigned."""
    image.Rows, image.Columns = values.shape[-2:]
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation, image.SamplesPerPixel = 0, 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.RescaleSlope, image.RescaleIntercept, image.RescaleType = 1, _LOWEST_HU, "HU"
    image.PixelData = (np.asarray(values) - _LOWEST_HU).astype("<u2").tobytes()


def made_by(
    running: RunningArchive,
    model: str,
    images: Sequence[Dataset],
    settings: AiSettings | None = None,
) -> list[Dataset]:
    """Store ``images``, run ``model`` (NAME or NAME@VERSION) on their series, or one of studies on
    their study; what it stored.

    That is nothing where the model said so. Raises AssertionError with the reason and the last
    words of the model where its run did not go well.
    """
    running.take_in(*images)
    archive, settings = running.archive, settings or AiSettings()
    inference = Inference.configured(archive, settings)
    book = inference.book
    wanted = chosen(models_of(archive, settings), model)
    first = images[0]
    series = "" if wanted.level == "study" else str(first.SeriesInstanceUID)
    record = inference.run(wanted, str(first.StudyInstanceUID), series)
    assert record.state.went_well, f"{record.state}: {record.reason}\n{record.log}"
    made: list[Dataset] = []
    for result in book.results(record):
        with archive.open_file(result.sop_instance_uid) as file:
            made.append(dcmread(io.BytesIO(file.read())))
    return made
