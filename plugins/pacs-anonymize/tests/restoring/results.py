"""Results as a site outside makes them of de-identified images: a segmentation and a report."""

from __future__ import annotations

import datetime as dt

import pydicom
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    SegmentationStorage,
    generate_uid,
)

MADE_ON = "20260815"
"""When the result was made: a true date, which nobody moved."""

_PATIENT = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    "LongitudinalTemporalInformationModified",
)
_STUDY = (
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"),
    *("ReferringPhysicianName", "AcquisitionDate"),
)


def segmentation(images: list[Dataset]) -> Dataset:
    """A binary segmentation with a frame for each image (PS3.3 A.51)."""
    first = images[0]
    ds = _result(first, SegmentationStorage, "SEG")
    ds.FrameOfReferenceUID = first.FrameOfReferenceUID
    ds.PositionReferenceIndicator = ""
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.NumberOfFrames = first.Rows, first.Columns, len(images)
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    ds.LossyImageCompression = "00"
    ds.SegmentationType = "BINARY"
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "LESIONS", "", ""
    ds.SegmentSequence = [_segment()]
    ds.ReferencedSeriesSequence = [_referenced_series(images)]
    organization = Dataset()
    organization.DimensionOrganizationUID = generate_uid()
    ds.DimensionOrganizationSequence = [organization]
    ds.DimensionIndexSequence = []
    shared = Dataset()
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = [_frame(image) for image in images]
    bits = first.Rows * first.Columns * len(images)
    ds.PixelData = bytes(range(256)) * (bits // 8 // 256 + 1)
    ds.PixelData = ds.PixelData[: (bits + 15) // 16 * 2]
    return ds


def report(images: list[Dataset]) -> Dataset:
    """A comprehensive report on the images, which names its subject (PS3.16 TID 1007)."""
    first = images[0]
    ds = _result(first, ComprehensiveSRStorage, "SR")
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.PerformedProcedureCodeSequence = []
    ds.ReferencedPerformedProcedureStepSequence = []
    evidence = Dataset()
    evidence.StudyInstanceUID = first.StudyInstanceUID
    series = _referenced_series(images)
    series.ReferencedSOPSequence = series.ReferencedInstanceSequence
    del series.ReferencedInstanceSequence
    evidence.ReferencedSeriesSequence = [series]
    ds.CurrentRequestedProcedureEvidenceSequence = [evidence]
    ds.ValueType = "CONTAINER"
    ds.ConceptNameCodeSequence = [_code("126000", "Imaging Measurement Report")]
    ds.ContinuityOfContent = "SEPARATE"
    subject = _item("HAS OBS CONTEXT", "TEXT", "121030", "Subject ID")
    subject.TextValue = str(first.PatientID)
    name = _item("HAS OBS CONTEXT", "PNAME", "121029", "Subject Name")
    name.PersonName = first.PatientName
    study = _item("HAS OBS CONTEXT", "UIDREF", "121018", "Procedure Study Instance UID")
    study.UID = first.StudyInstanceUID
    ds.ContentSequence = [subject, name, study, *(_image(image) for image in images)]
    return ds


def _result(image: Dataset, sop_class: str, modality: str) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = sop_class, generate_uid(), modality
    for keyword in (*_PATIENT, *_STUDY):
        if keyword in image:
            ds[keyword] = image[keyword]
    ds.SeriesInstanceUID, ds.SeriesNumber, ds.InstanceNumber = generate_uid(), 900, 1
    ds.Manufacturer = ds.ManufacturerModelName = ds.DeviceSerialNumber = "RESULTS"
    ds.SoftwareVersions = "1"
    ds.SeriesDate = ds.ContentDate = MADE_ON
    ds.SeriesTime = ds.ContentTime = dt.time(10, 11, 12).strftime("%H%M%S")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _segment() -> Dataset:
    item = Dataset()
    item.SegmentNumber, item.SegmentLabel, item.SegmentAlgorithmType = 1, "Lesion", "MANUAL"
    item.SegmentedPropertyCategoryCodeSequence = [_code("49755003", "Abnormality", "SCT")]
    item.SegmentedPropertyTypeCodeSequence = [_code("52988006", "Lesion", "SCT")]
    return item


def _frame(image: Dataset) -> Dataset:
    source, derivation, item, segment, position = (Dataset() for _ in range(5))
    source.ReferencedSOPClassUID = image.SOPClassUID
    source.ReferencedSOPInstanceUID = image.SOPInstanceUID
    source.PurposeOfReferenceCodeSequence = [_code("121322", "Source Image")]
    derivation.DerivationCodeSequence = [_code("113076", "Segmentation")]
    derivation.SourceImageSequence = [source]
    item.DerivationImageSequence = [derivation]
    segment.ReferencedSegmentNumber = 1
    item.SegmentIdentificationSequence = [segment]
    position.ImagePositionPatient = image.ImagePositionPatient
    item.PlanePositionSequence = [position]
    return item


def _referenced_series(images: list[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.ReferencedInstanceSequence = [_reference(image) for image in images]
    return series


def _reference(image: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = image.SOPClassUID
    reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return reference


def _image(image: Dataset) -> Dataset:
    item = _item("CONTAINS", "IMAGE", "121112", "Source of Measurement")
    item.ReferencedSOPSequence = [_reference(image)]
    return item


def _item(relationship: str, value_type: str, code: str, meaning: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, value_type
    item.ConceptNameCodeSequence = [_code(code, meaning)]
    return item


def _code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def uids_in(dataset: pydicom.Dataset) -> set[str]:
    """Every UID that names an instance, or something that instances share."""
    found: set[str] = set()
    for element in dataset.iterall():
        if element.VR == "UI" and element.value and "Class" not in element.keyword:
            found.add(str(element.value))
    return found
