"""What they are given: real headers, and instances with identifiers planted at every depth.

Each planted value stands nowhere else, so what is left of it is found in the bytes that come out.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from pacs_anonymize.engine.table import confidentiality_table
from pacs_framework.dicom.header import split_data_set
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.rewrite import decode_header
from pacs_framework.dicom.uids import DEFLATED, IMPLICIT_VR
from pacs_framework.errors import InstanceError

__all__ = ["Given", "Planted", "generated", "kept_tags", "real"]

_BUNDLED = Path(pydicom.data.__file__ or "").parent / "test_files"
_TEXTS = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT")
_CHAINS = (
    (),
    ("RequestAttributesSequence",),
    ("SharedFunctionalGroupsSequence", "DerivationImageSequence"),
)
_LETTERS = "bcdfghjklmnprstw"


@dataclass(frozen=True, slots=True)
class Planted:
    """A value that should not come out: where it stands, and what to look for."""

    where: str
    needle: bytes


@dataclass(frozen=True, slots=True)
class Given:
    """A file without pixel data, and what was planted in it."""

    name: str
    data: bytes
    planted: tuple[Planted, ...] = ()


def real() -> list[Given]:
    """The headers of the files that pydicom brings along, where they are whole instances."""
    paths = [path for path in sorted(_BUNDLED.rglob("*")) if path.is_file()]
    headers = ((path.name, _header_of(path)) for path in paths)
    return [Given(name, data) for name, data in headers if data]


def _header_of(path: Path) -> bytes:
    """The file up to its pixel data; empty where it is no instance that everybody can read."""
    with path.open("rb") as file:
        try:
            prefix = read_prefix(file)
            file.seek(prefix.dataset_offset)
            syntax = prefix.meta.transfer_syntax_uid
            split = split_data_set(file, syntax)
            dataset = decode_header(split)
        except InstanceError:
            return b""
        whole = all(dataset.get(keyword) for keyword in _NEEDED)
        if not whole or syntax in DEFLATED or split.implicit != (syntax == IMPLICIT_VR):
            return b""
        file.seek(0)
        data = file.read(prefix.dataset_offset) + split.header
        return data if data[128:132] == b"DICM" else b""


_NEEDED = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")


def generated(number: int) -> list[Given]:
    """Instances with every text attribute of Table E.1-1 that the Basic Profile takes out, at the
    top and in sequences; private elements; names in what is to stay.
    """
    return [_instance(each) for each in range(number)]


def _instance(number: int) -> Given:
    dataset = _frame(number)
    planted: list[Planted] = []
    marks = _marks(number)
    for chain in _CHAINS:
        inner = _descend(dataset, chain)
        planted += _plant_table(inner, chain, marks)
        planted += _plant_private(inner, chain, marks)
    # What operators type where it does not belong.
    name = str(dataset.PatientName).partition("^")[0]
    dataset.ReceiveCoilName = f"coil of {name}"
    planted.append(Planted("ReceiveCoilName", name.lower().encode()))
    target = io.BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return Given(f"generated {number}", target.getvalue(), tuple(planted))


def _frame(number: int) -> FileDataset:
    """An image without what identifies."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.10.543.9.{number}"
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.10.543.7"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.10.543.8"
    dataset.Modality, dataset.Manufacturer = "CT", "Maker of scanners"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SliceThickness, dataset.KVP = "5", "120"
    dataset.BodyPartExamined, dataset.ConvolutionKernel = "HEAD", "B30f"
    dataset.InstanceNumber, dataset.Rows, dataset.Columns = number, 512, 512
    dataset.ImagePositionPatient = ["-158.1", "-179.0", "-75.7"]
    dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
    return dataset


def _plant_table(dataset: Dataset, chain: tuple[str, ...], marks: Iterator[str]) -> list[Planted]:
    planted = []
    for tag, row in confidentiality_table().exact.items():
        if tag >> 16 < 8 or not row.keyword:
            continue
        if not dictionary_has_tag(tag):  # newer than pydicom: it could not be set by its name
            continue
        vr = dictionary_VR(tag)
        if vr not in _TEXTS:
            continue
        mark = next(marks)
        setattr(dataset, row.keyword, f"{mark}^{mark}" if vr == "PN" else mark)
        planted.append(Planted(" > ".join((*chain, row.keyword)), mark.lower().encode()))
    return planted


def _plant_private(dataset: Dataset, chain: tuple[str, ...], marks: Iterator[str]) -> list[Planted]:
    planted = []
    block = dataset.private_block(0x0029, "BENCH", create=True)
    for offset, vr in enumerate(("LO", "OB", "UN", "PN"), 1):
        mark = next(marks)
        block.add_new(offset, vr, mark.encode() if vr in ("OB", "UN") else mark)
        planted.append(Planted(" > ".join((*chain, f"private {vr}")), mark.lower().encode()))
    return planted


def _descend(dataset: Dataset, chain: tuple[str, ...]) -> Dataset:
    for keyword in chain:
        item = Dataset()
        setattr(dataset, keyword, [item])
        dataset = item
    return dataset


def _marks(number: int) -> Iterator[str]:
    """Letters that no word has, other ones in each instance."""
    for count in range(1 << 12):
        code = number << 12 | count
        yield "Zq" + "".join(_LETTERS[code >> shift & 15] for shift in range(20, -1, -4)) + "Xv"


def kept_tags(dataset: Dataset) -> set[int]:
    """The attributes that nobody has a reason to take out: in the standard, not in its table."""
    table = confidentiality_table()
    return {
        int(tag)
        for tag, element in dataset.items()
        if not tag.is_private
        and tag.element != 0
        and 0x0008 <= tag.group < 0x7FE0
        # What says how it was de-identified; what describes overlays and curves that are removed.
        and tag.group != 0x0012
        and tag.group & 0xFF00 not in (0x5000, 0x6000)
        and table.row(int(tag)) is None
        and element.VR != "SQ"
    }
