"""``pacs extract``, as far as it needs no codec."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from pacs_framework.cli.main import main

VALUES = np.arange(24, dtype=np.int16).reshape(2, 3, 4) - 5


def extract(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["extract", *map(str, arguments)])


def write(path: Path, ds: Dataset) -> Path:
    ds.SOPInstanceUID = "1.2.3.4"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """An image of two frames and a PDF."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.NumberOfFrames, ds.Rows, ds.Columns, ds.SamplesPerPixel = 2, 3, 4, 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = VALUES.astype("<i2").tobytes()
    ds["PixelData"].VR = "OW"
    write(tmp_path / "study" / "image.dcm", ds)
    ds = Dataset()
    ds.SOPClassUID = EncapsulatedPDFStorage
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument, ds.EncapsulatedDocumentLength = b"%PDF-1.7\0\0", 9
    write(tmp_path / "study" / "deep" / "1.2.840.7", ds)
    return tmp_path / "study"


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_comes_out_as_it_is_stored(study: Path, tmp_path: Path) -> None:
    done = extract(study, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "3 files" in done.output
    out = tmp_path / "out"
    assert files(out) == {"image.0001.raw", "image.0002.raw", "deep/1.2.840.7.pdf"}
    assert (out / "image.0002.raw").read_bytes() == VALUES[1].tobytes()
    assert (out / "deep" / "1.2.840.7.pdf").read_bytes() == b"%PDF-1.7\0"


def test_json_says_how_to_read_what_was_taken_out(study: Path, tmp_path: Path) -> None:
    done = extract(study / "image.dcm", "-o", tmp_path / "out", "--png", "--frame", 2, "--json")
    assert done.exit_code == 0, done.output
    out = tmp_path / "out" / "image.0002.png"
    assert json.loads(done.stdout) == [
        {
            "path": str(study / "image.dcm"),
            "output": str(out),
            "frame": 2,
            "bytes": out.stat().st_size,
            "offset": 32768,
            "error": "",
        }
    ]
    [row] = json.loads(
        extract(study / "image.dcm", "-o", tmp_path / "raw", "--raw", "--frame", 1, "--json").stdout
    )
    assert (row["rows"], row["columns"], row["signed"]) == (3, 4, True)


def test_npy_is_one_file_and_a_document_beside_it_a_failure(study: Path, tmp_path: Path) -> None:
    done = extract(study, "-o", tmp_path / "out", "--npy")
    assert done.exit_code == 1
    assert "an encapsulated document (application/pdf) has no frames" in done.output
    assert files(tmp_path / "out") == {"image.npy"}
    assert np.array_equal(np.load(tmp_path / "out" / "image.npy"), VALUES)


def test_two_forms_at_once_are_a_usage_error(study: Path, tmp_path: Path) -> None:
    done = extract(study, "-o", tmp_path / "out", "--npy", "--raw")
    assert done.exit_code == 2
    assert "--raw and --npy exclude each other" in done.output
    assert not (tmp_path / "out").exists()


def test_a_file_that_fails_in_the_middle_leaves_nothing_of_it(study: Path, tmp_path: Path) -> None:
    path = study / "image.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    done = extract(path, "-o", tmp_path / "out", "--npy")
    assert done.exit_code == 1
    assert "the pixel data end inside frame 2" in done.output
    assert files(tmp_path / "out") == set()


def test_nothing_is_overwritten_unless_asked(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "image.0001.raw"
    out.parent.mkdir()
    out.write_bytes(b"precious")
    done = extract(study / "image.dcm", "-o", out.parent)
    assert done.exit_code == 1
    assert f"{out} is there already; --overwrite replaces it" in done.output
    assert out.read_bytes() == b"precious"
    assert extract(study / "image.dcm", "-o", out.parent, "--overwrite").exit_code == 0
    assert out.read_bytes() == VALUES[0].tobytes()
