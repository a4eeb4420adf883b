"""RT structure sets of programs: contours in the coordinates of their images, or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ai_archives import Start
from ai_phantom import ct_series
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from pacs_ai.book import State

OTHER = "1.2.840.99.1"


def item(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def image_reference(image: Dataset) -> Dataset:
    return item(
        ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
    )


def structure_set(images: Sequence[Dataset]) -> Dataset:
    """One contour on one image (PS3.3 A.19), written without this project."""
    first = images[0]
    series = item(
        SeriesInstanceUID=first.SeriesInstanceUID,
        ContourImageSequence=[image_reference(image) for image in images],
    )
    study = item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=first.StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    contour = item(
        ContourImageSequence=[image_reference(first)],
        ContourGeometricType="POINT",
        NumberOfContourPoints=1,
        ContourData=[0, 0, 0],
    )
    made = item(
        file_meta=FileMetaDataset(),
        SOPClassUID=RTStructureSetStorage,
        SOPInstanceUID=generate_uid(),
        SeriesInstanceUID=generate_uid(),
        StudyInstanceUID=first.StudyInstanceUID,
        PatientID=first.PatientID,
        Modality="RTSTRUCT",
        StructureSetLabel="x",
        FrameOfReferenceUID=first.FrameOfReferenceUID,
        ReferencedFrameOfReferenceSequence=[
            item(FrameOfReferenceUID=first.FrameOfReferenceUID, RTReferencedStudySequence=[study])
        ],
        StructureSetROISequence=[
            item(
                ROINumber=1,
                ROIName="x",
                ReferencedFrameOfReferenceUID=first.FrameOfReferenceUID,
                ROIGenerationAlgorithm="AUTOMATIC",
            )
        ],
        ROIContourSequence=[item(ReferencedROINumber=1, ContourSequence=[contour])],
    )
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def of_roi(made: Dataset) -> None:
    made.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = OTHER


def of_reference(made: Dataset) -> None:
    made.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = OTHER


def of_all(made: Dataset) -> None:
    made.FrameOfReferenceUID = OTHER


def of_none(made: Dataset) -> None:
    del made.StructureSetROISequence[0].ReferencedFrameOfReferenceUID


def of_another_image(made: Dataset) -> None:
    contour = made.ROIContourSequence[0].ContourSequence[0]
    contour.ContourImageSequence[0].ReferencedSOPInstanceUID = OTHER


def of_another_series(made: Dataset) -> None:
    study = made.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    series = study.RTReferencedSeriesSequence[0]
    series.ContourImageSequence[0].ReferencedSOPInstanceUID = OTHER


def as_it_should_be(_made: Dataset) -> None:
    """Nothing is spoiled."""


def without_references(made: Dataset) -> None:
    """The module may leave them out (PS3.3 C.8.8.5), and older ones have no frame of their own."""
    del made.ReferencedFrameOfReferenceSequence
    del made.FrameOfReferenceUID


OTHER_FRAME = f"it made a structure set of another frame of reference: {OTHER}, and the series has "
OTHER_IMAGE = "its structure set refers to an image that it was not given"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (as_it_should_be, ""),
        (without_references, ""),
        (of_roi, OTHER_FRAME),
        (of_reference, OTHER_FRAME),
        (of_all, OTHER_FRAME),
        (of_none, "ROI 1 of the structure set does not say which frame of reference it is in"),
        (of_another_image, OTHER_IMAGE),
        (of_another_series, OTHER_IMAGE),
    ],
)
def test_a_structure_set_lies_where_its_images_do(
    start: Start, tmp_path: Path, spoil: Callable[[Dataset], None], reason: str
) -> None:
    """Contours are millimetres in a frame of reference: in another one they are elsewhere."""
    images, made = ct_series(), tmp_path / "made.dcm"
    structures = structure_set(images)
    spoil(structures)
    structures.save_as(made, enforce_file_format=True)
    ai = start({"name": "x", "command": ["cp", str(made), "{output}"], "network": True})
    ai.running.take_in(*images)
    record = ai.run("x", images)
    assert record.state is (State.REFUSED if reason else State.DONE), record.reason
    assert reason in record.reason
    assert ai.archive.lookup.count() == len(images) + (not reason)


def test_of_a_study_it_is_held_against_the_series_that_it_is_of(
    start: Start, tmp_path: Path
) -> None:
    """Which frames of reference the others have says nothing of it."""
    images, made = ct_series(), tmp_path / "made.dcm"
    others = ct_series(StudyInstanceUID=images[0].StudyInstanceUID)
    assert others[0].FrameOfReferenceUID != images[0].FrameOfReferenceUID
    command = {"name": "x", "command": ["cp", str(made), "{output}"], "network": True}
    ai = start({**command, "level": "study"})
    ai.running.take_in(*images, *others)
    states = []
    for frame in (images[0].FrameOfReferenceUID, others[0].FrameOfReferenceUID):
        structures = structure_set(images)
        structures.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = frame
        structures.save_as(made, enforce_file_format=True)
        record = ai.inference().run(ai.model("x"), str(images[0].StudyInstanceUID), "")
        states.append(record.state)
    assert states == [State.DONE, State.REFUSED]


def test_a_series_without_a_frame_of_reference_is_nothing_to_hold_it_against(
    start: Start, tmp_path: Path
) -> None:
    """As projections have none; its images are known all the same."""
    images, made = ct_series(), tmp_path / "made.dcm"
    structures = structure_set(images)
    structures.save_as(made, enforce_file_format=True)
    for image in images:
        del image.FrameOfReferenceUID
    ai = start({"name": "x", "command": ["cp", str(made), "{output}"], "network": True})
    ai.running.take_in(*images)
    assert ai.run("x", images).state is State.DONE
