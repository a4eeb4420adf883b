"""Generated instances: real data sets with unique UIDs, made from one template per kind.

pydicom encodes the header of each kind once, with placeholders of the final length; an instance is
the header with its UIDs and numbers written over them, and pixels that all instances share. So
making a thousand costs milliseconds and a gigabyte costs four megabytes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
)

__all__ = ["KINDS", "Instance", "Kind", "Uids", "encoded", "instances", "kind_named", "write_file"]

_NOISE = 1 << 22
_SEED = 20240601


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of instance: how many frames of which size."""

    name: str
    title: str
    sop_class: str
    modality: str
    frames: int
    side: int

    @property
    def pixel_bytes(self) -> int:
        """Bytes of pixel data, 16 bits allocated."""
        return self.frames * self.side * self.side * 2


KINDS = (
    Kind("mr", "10 KB MR", MRImageStorage, "MR", 1, 68),
    Kind("ct", "0.5 MB CT", CTImageStorage, "CT", 1, 512),
    Kind("multiframe", "200 MB enhanced MR", EnhancedMRImageStorage, "MR", 400, 512),
    Kind("gigabyte", "1 GB enhanced MR", EnhancedMRImageStorage, "MR", 2000, 512),
)


def kind_named(name: str) -> Kind:
    """The kind called ``name``. Raises KeyError."""
    return {kind.name: kind for kind in KINDS}[name]


class Uids:
    """UIDs of one run, all of 44 characters (PS3.5 B.2), the same for the same ``run``."""

    def __init__(self, run: str) -> None:
        digest = int.from_bytes(hashlib.sha256(run.encode()).digest()[:15], "big")
        self._base = 10**38 + digest * 100_000_000 % (2 * 10**38)

    def __getitem__(self, number: int) -> str:
        return f"2.25.{self._base + number}"


# Placeholders: as long as what takes their place, and found nowhere else in the header.
_HOLES = {
    "study": "2.25." + "7" * 38 + "1",
    "series": "2.25." + "7" * 38 + "2",
    "instance": "2.25." + "7" * 38 + "3",
    "patient": "PATIENT-000000000000",
    "accession": "ACC0000000000000",
    "number": "919191",
}


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: its data set is ``head``, then ``pixels`` bytes of noise."""

    kind: Kind
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str
    head: bytes

    @property
    def size(self) -> int:
        """Bytes of the data set."""
        return len(self.head) + self.kind.pixel_bytes

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The data set in explicit VR little endian."""
        yield self.head
        noise, left = memoryview(_noise()), self.kind.pixel_bytes
        while left > 0:
            yield noise[:left]
            left -= len(noise)


def instances(
    kind: Kind,
    uids: Uids,
    count: int,
    *,
    first: int = 0,
    study: int = 0,
    series_of: int = 250,
) -> list[Instance]:
    """``count`` instances of one study, numbered from ``first``, in series of ``series_of``.

    ``study`` tells the studies of a run apart. The numbers of UIDs are kept apart by stride.
    """
    template = _template(kind)
    study_uid = uids[study * 1_000_000]
    patient = f"PATIENT-{study_uid[-12:]}"
    made = []
    for n in range(first, first + count):
        series_uid = uids[study * 1_000_000 + 900_000 + n // series_of]
        instance_uid = uids[study * 1_000_000 + 1 + n]
        head = template.filled(
            {
                "study": study_uid,
                "series": series_uid,
                "instance": instance_uid,
                "patient": patient,
                "accession": f"ACC{study_uid[-13:]}",
                "number": f"{n + 1:06d}",
            }
        )
        made.append(Instance(kind, instance_uid, study_uid, series_uid, patient, head))
    return made


def write_file(instance: Instance, path: Path) -> None:
    """Write a DICOM file (PS3.10), for the stock tools."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(instance.kind.sop_class)
    meta.MediaStorageSOPInstanceUID = UID(instance.sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with path.open("wb") as file:
        file.write(bytes(128) + b"DICM")
        write_file_meta_info(DicomFileLike(file), meta, enforce_standard=True)
        for piece in instance.pieces():
            file.write(piece)


@dataclass(frozen=True, slots=True)
class _Template:
    head: bytes
    places: tuple[tuple[str, int], ...]

    def filled(self, values: dict[str, str]) -> bytes:
        """The header with every placeholder replaced."""
        head = bytearray(self.head)
        for name, place in self.places:
            value = values[name].encode()
            head[place : place + len(value)] = value
        return bytes(head)


@lru_cache
def _template(kind: Kind) -> _Template:
    head = encoded(_header(kind))
    head += bytes.fromhex("e07f1000") + b"OW\0\0" + kind.pixel_bytes.to_bytes(4, "little")
    places = []
    for name, placeholder in _HOLES.items():
        found = head.find(placeholder.encode())
        assert found >= 0, name
        while found >= 0:
            places.append((name, found))
            found = head.find(placeholder.encode(), found + 1)
    return _Template(head, tuple(places))


def encoded(dataset: Dataset) -> bytes:
    """A data set in explicit VR little endian."""
    buffer = BytesIO()
    target = DicomFileLike(buffer)
    target.is_little_endian, target.is_implicit_VR = True, False
    write_dataset(target, dataset)
    return buffer.getvalue()


@lru_cache
def _noise() -> bytes:
    return random.Random(_SEED).randbytes(_NOISE)


def _header(kind: Kind) -> Dataset:
    """What a scanner writes in front of the pixels, as far as archives care."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.InstanceCreationDate = ds.StudyDate = ds.SeriesDate = ds.ContentDate = "20240601"
    ds.InstanceCreationTime = ds.StudyTime = ds.SeriesTime = ds.ContentTime = "101112"
    ds.SOPClassUID = UID(kind.sop_class)
    ds.SOPInstanceUID = UID(_HOLES["instance"])
    ds.AccessionNumber = _HOLES["accession"]
    ds.Modality = kind.modality
    ds.Manufacturer, ds.InstitutionName = "Bench", "General Hospital"
    ds.ReferringPhysicianName = "Referrer^Anna"
    ds.StationName, ds.ManufacturerModelName = "SCANNER1", "Model One"
    ds.StudyDescription, ds.SeriesDescription = "Head routine", "Axial 1 mm"
    ds.PatientName = "Bench^Patient"
    ds.PatientID = _HOLES["patient"]
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19600102", "F", "064Y"
    ds.PatientWeight = "70"
    ds.BodyPartExamined, ds.ProtocolName = "HEAD", "Head routine"
    ds.SliceThickness, ds.PatientPosition = "1", "HFS"
    ds.StudyInstanceUID = UID(_HOLES["study"])
    ds.SeriesInstanceUID = UID(_HOLES["series"])
    ds.StudyID, ds.SeriesNumber = "1", "1"
    ds.InstanceNumber = _HOLES["number"]
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ds.FrameOfReferenceUID = UID(_HOLES["study"])
    ds.SliceLocation = "0"
    _add_pixel_module(ds, kind)
    if kind.frames > 1:
        ds.NumberOfFrames = kind.frames
        ds.PerFrameFunctionalGroupsSequence = Sequence(_frame(n) for n in range(kind.frames))
    return ds


def _add_pixel_module(ds: Dataset, kind: Kind) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = kind.side
    ds.PixelSpacing = [0.5, 0.5]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.WindowCenter, ds.WindowWidth = "40", "400"
    ds.RescaleIntercept, ds.RescaleSlope = "0", "1"


def _frame(number: int) -> Dataset:
    """The functional groups of one frame (PS3.3 C.7.6.16)."""
    content, position, frame = Dataset(), Dataset(), Dataset()
    content.StackID = "1"
    content.InStackPositionNumber = number + 1
    content.DimensionIndexValues = [1, number + 1]
    position.ImagePositionPatient = [0, 0, number]
    frame.FrameContentSequence = Sequence([content])
    frame.PlanePositionSequence = Sequence([position])
    return frame
