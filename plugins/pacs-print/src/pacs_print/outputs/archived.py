"""Films as DICOM secondary captures, into the archive by the door that all instances take.

The pixels are P-values, so a display that is calibrated by the Grayscale Standard Display Function
shows what the film shows (PS3.14). UIDs are made from that of the job: what is delivered twice is
one instance.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from pacs_framework.archive.incoming import Origin
from pacs_framework.config.types import Section
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.errors import PacsError, RefusedByPolicy
from pacs_print.layout import MM_PER_INCH
from pacs_print.lettering import draw
from pacs_print.outputs.contract import Delivery, OutputError, PrintJob, PrintOutput
from pacs_print.terms import DOOR

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_print.film import Pixels
    from pacs_print.sheet import Sheet

__all__ = ["ArchiveOutput", "ArchiveSettings"]

_ROWS = 512  # that are handed over together
_LONGEST = 65535  # of Rows and Columns


class ArchiveSettings(Section):
    """``{to = "archive"}``: nothing else is to be said."""


class ArchiveOutput(PrintOutput[ArchiveSettings]):
    """Keeps each film as an instance of Secondary Capture Image Storage."""

    name = "archive"
    settings = ArchiveSettings

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def begin(self, job: PrintJob, settings: ArchiveSettings) -> Delivery:  # noqa: ARG002 - none are
        """See `PrintOutput`."""
        return _ArchiveDelivery(self._archive, job)


class _ArchiveDelivery(Delivery):
    def __init__(self, archive: Archive, job: PrintJob) -> None:
        self._archive = archive
        self._job = job

    def add(self, number: int, sheet: Sheet) -> None:
        header = header_of(self._job, number, sheet)
        meta = FileMeta(
            sop_class_uid=header.SOPClassUID,
            sop_instance_uid=header.SOPInstanceUID,
            transfer_syntax_uid=ExplicitVRLittleEndian,
        )
        origin = Origin(
            door=DOOR,
            calling_aet=self._job.originator,
            called_aet=self._job.printer.ae_title,
        )
        try:
            with self._archive.receive(origin, meta) as reception:
                for piece in encoded(header, sheet):
                    reception.write(piece)
                reception.commit()
        except RefusedByPolicy as error:
            raise OutputError(f"the archive refused the film: {error}", permanent=True) from error
        except PacsError as error:
            raise OutputError(f"the archive did not keep the film: {error}") from error


def header_of(job: PrintJob, number: int, sheet: Sheet) -> Dataset:
    """All of the instance but its pixels (PS3.3 A.8.1)."""
    rows, columns = sheet.pixels.shape[:2]
    if max(rows, columns) > _LONGEST:
        raise OutputError(f"a film of {columns} × {rows} pixels is no DICOM image", permanent=True)
    header = _subject(job)
    day, time = f"{job.created:%Y%m%d}", f"{job.created:%H%M%S}"
    header.SOPClassUID = SecondaryCaptureImageStorage
    header.SOPInstanceUID = _uid(job, f"film {number}")
    header.SeriesInstanceUID = _uid(job, "series")
    header.SeriesNumber = 1
    header.Laterality = ""
    header.InstanceNumber = number
    header.Modality = "OT"
    header.ConversionType = "DI"
    header.SeriesDescription = job.label or f"Film of {job.printer.ae_title}"
    header.SeriesDate = header.ContentDate = header.DateOfSecondaryCapture = day
    header.SeriesTime = header.ContentTime = header.TimeOfSecondaryCapture = time
    header.TimezoneOffsetFromUTC = f"{job.created:%z}"
    header.Manufacturer = job.printer.manufacturer
    header.SecondaryCaptureDeviceID = job.printer.ae_title
    header.SecondaryCaptureDeviceManufacturer = job.printer.manufacturer
    header.SecondaryCaptureDeviceManufacturerModelName = job.printer.model
    header.InstitutionName = ""
    header.PatientOrientation = None
    header.BurnedInAnnotation = "YES"
    header.ImageType = ["DERIVED", "SECONDARY"]
    spacing = f"{MM_PER_INCH / sheet.dpi:.8f}"
    header.NominalScannedPixelSpacing = [spacing, spacing]
    _describe_pixels(header, sheet)
    return header


def encoded(header: Dataset, sheet: Sheet) -> Iterator[bytes]:
    """The data set in Explicit VR Little Endian, in pieces; Pixel Data comes last."""
    head = BytesIO()
    dcmwrite(head, header, implicit_vr=False, little_endian=True)
    yield head.getvalue()
    pixels = _with_words(sheet)
    odd = pixels.nbytes % 2
    vr = b"OB" if pixels.itemsize == 1 else b"OW"
    yield struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr, 0, pixels.nbytes + odd)
    for top in range(0, pixels.shape[0], _ROWS):
        strip = pixels[top : top + _ROWS]
        yield strip.astype(strip.dtype.newbyteorder("<"), copy=False).tobytes()
    if odd:
        yield b"\0"


def _subject(job: PrintJob) -> Dataset:
    """Whose film it is, where that is known; else a study of its own, of nobody."""
    subject = Dataset()
    subject.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "ReferringPhysicianName",
        "AccessionNumber",
        "StudyID",
    ):
        setattr(subject, keyword, "")
    subject.StudyInstanceUID = _uid(job, "study")
    subject.StudyDate, subject.StudyTime = f"{job.created:%Y%m%d}", f"{job.created:%H%M%S}"
    if job.attributes is not None:
        known = Dataset()
        known.update(job.attributes)
        known.pop("SpecificCharacterSet", None)  # pydicom has decoded what is written anew
        subject.update(known)
    return subject


def _uid(job: PrintJob, what: str) -> str:
    return f"2.25.{uuid5(NAMESPACE_OID, f'{job.uid} {what}').int}"


def _describe_pixels(header: Dataset, sheet: Sheet) -> None:
    header.Rows, header.Columns = sheet.pixels.shape[:2]
    header.SamplesPerPixel = 3 if sheet.colour else 1
    header.PhotometricInterpretation = "RGB" if sheet.colour else "MONOCHROME2"
    if sheet.colour:
        header.PlanarConfiguration = 0
    else:
        header.PresentationLUTShape = "IDENTITY"  # the pixels are P-values
        header.WindowCenter, header.WindowWidth = 1 << (sheet.bits - 1), 1 << sheet.bits  # all
    header.BitsAllocated = 8 * sheet.pixels.itemsize
    header.BitsStored = sheet.bits
    header.HighBit = sheet.bits - 1
    header.PixelRepresentation = 0
    header.LossyImageCompression = "00"


def _with_words(sheet: Sheet) -> Pixels:
    if not sheet.texts:
        return sheet.pixels
    pixels = np.array(sheet.pixels)
    draw(sheet, pixels, (1 << sheet.bits) - 1)
    return pixels
