"""The studies that lie in ``~/studies`` while a page's examples run."""

from __future__ import annotations

from pathlib import Path

from pydicom.uid import CTImageStorage, MRImageStorage

from pacs_framework.testing.instances import make_instance

__all__ = ["write_studies"]

_JANE = {
    "PatientID": "P1",
    "PatientName": "Doe^Jane",
    "StudyInstanceUID": "2.25.10001",
    "StudyDate": "20260102",
    "SOPClassUID": CTImageStorage,
    "Modality": "CT",
}
_RICHARD = {
    "PatientID": "P2",
    "PatientName": "Roe^Richard",
    "StudyInstanceUID": "2.25.10002",
    "StudyDate": "20260103",
    "SOPClassUID": MRImageStorage,
    "Modality": "MR",
}


def write_studies(folder: Path) -> None:
    """Three CT images of Jane Doe and two MR images of Richard Roe, as DICOM files."""
    for study, images in ((_JANE, 3), (_RICHARD, 2)):
        uid = study["StudyInstanceUID"]
        (folder / uid).mkdir(parents=True)
        for number in range(1, images + 1):
            instance = make_instance(
                **study,
                SeriesInstanceUID=f"{uid}.1",
                SOPInstanceUID=f"{uid}.1.{number}",
                InstanceNumber=number,
            )
            instance.save_as(folder / uid / f"{number}.dcm", enforce_file_format=True)
