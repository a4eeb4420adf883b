"""Data sets to work on: real files, and encoders that are not ours."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_files
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import _read_file_meta_info, read_dataset, read_preamble
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

SHARED = Path(__file__).resolve().parents[4] / "shared" / "dicom"


def pydicom_encode(dataset: Dataset, syntax: str) -> bytes:
    target = DicomBytesIO()
    target.is_implicit_VR = syntax == ImplicitVRLittleEndian
    target.is_little_endian = syntax != ExplicitVRBigEndian
    write_dataset(target, dataset)
    encoded = target.getvalue()
    if syntax == DeflatedExplicitVRLittleEndian:
        engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return engine.compress(encoded) + engine.flush()
    return encoded


def pydicom_decode(data: bytes, syntax: str) -> Dataset:
    if syntax == DeflatedExplicitVRLittleEndian:
        data = zlib.decompress(data, -zlib.MAX_WBITS)
    return read_dataset(
        io.BytesIO(data),
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=syntax != ExplicitVRBigEndian,
    )


def split_file(path: Path) -> tuple[bytes, str]:
    """Data set and transfer syntax of a file with complete meta information."""
    whole = path.read_bytes()
    stream = io.BytesIO(whole)
    read_preamble(stream, force=True)
    meta = _read_file_meta_info(stream)
    return whole[stream.tell() :], str(meta.get("TransferSyntaxUID", ImplicitVRLittleEndian))


@pytest.fixture
def encode() -> Callable[[Dataset, str], bytes]:
    """Encode a data set with pydicom."""
    return pydicom_encode


@pytest.fixture
def decode() -> Callable[[bytes, str], Dataset]:
    """Decode a data set with pydicom."""
    return pydicom_decode


@pytest.fixture(scope="session")
def bundled() -> Callable[[str], tuple[bytes, str]]:
    """Data set and transfer syntax of one of pydicom's test files."""
    paths = {Path(name).name: Path(name) for name in get_testdata_files("**/*")}
    return lambda name: split_file(paths[name])


def _real_files() -> Iterator[Path]:
    for name in get_testdata_files("**/*"):
        if Path(name).is_file():
            yield Path(name)
    if SHARED.is_dir():
        yield from (path for path in sorted(SHARED.rglob("*")) if path.is_file())


@pytest.fixture(scope="session")
def real_files() -> list[Path]:
    """pydicom's bundled test files, and those of the workplace where they are."""
    return list(_real_files())


@pytest.fixture(scope="session")
def split() -> Callable[[Path], tuple[bytes, str]]:
    """Data set and transfer syntax of a file."""
    return split_file
