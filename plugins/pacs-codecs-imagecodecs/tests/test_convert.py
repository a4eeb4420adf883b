"""``pacs convert`` with codecs that encode."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.pixels import pixel_array

from pacs_framework.testing.forked import run_module

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
IMAGES = (
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_rle_2frame.dcm",
    "examples_palette.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
)


def convert(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_module("pacs_framework.cli", "convert", *map(str, arguments), seconds=100)


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def images(names: Sequence[str] = IMAGES) -> list[Path]:
    return [BUNDLED / name for name in names]


@pytest.mark.parametrize(
    "syntax", ["htj2k", "1.2.840.10008.1.2.4.90", "DeflatedImageFrameCompression"]
)
def test_images_of_every_kind_are_converted_and_verified(tmp_path: Path, syntax: str) -> None:
    """And pydicom, where it knows the syntax, reads the same pixels."""
    done = convert(*images(), "--to", syntax, "-o", tmp_path, "--verify", "--json")
    assert done.returncode == 0, done.stderr
    for row, source in zip(rows(done), images(), strict=True):
        assert (row["path"], row["outcome"], row["error"]) == (str(source), "converted", "")
        made = Path(str(row["output"]))
        assert row["bytes_after"] == made.stat().st_size
        dataset = pydicom.dcmread(made)
        if "Deflated" not in syntax:
            assert dataset.file_meta.TransferSyntaxUID.is_encapsulated
            same = np.array_equal(pixel_array(dataset, raw=True), pixel_array(source, raw=True))
            assert same, source


def test_there_and_back_is_the_same_data_set(tmp_path: Path) -> None:
    there = convert(BUNDLED / "MR_small.dcm", "--to", "htj2k", "-o", tmp_path / "there")
    back = convert(tmp_path / "there", "--to", "explicit", "-o", tmp_path / "back")
    assert (there.returncode, back.returncode) == (0, 0)
    assert pydicom.dcmread(tmp_path / "back/MR_small.dcm") == pydicom.dcmread(images()[0])


def test_a_damaged_file_is_a_line_and_not_the_end(tmp_path: Path) -> None:
    """And what is no DICOM file; all others are written."""
    folder = tmp_path / "in"
    folder.mkdir()
    for source in images():
        (folder / source.name).write_bytes(source.read_bytes())
    whole = (BUNDLED / "JPEG2000.dcm").read_bytes()
    (folder / "cut.dcm").write_bytes(whole[:-20])
    (folder / "no.txt").write_text("no DICOM file")
    done = convert(folder, "--to", "rle", "-o", tmp_path / "out", "--jobs", 2)
    assert done.returncode == 1
    assert f"{folder / 'cut.dcm'}: the data end inside the pixel data\n" in done.stderr
    assert f"{folder / 'no.txt'}: no DICOM file" in done.stderr
    assert "4 converted, 2 copied, 2 failed" in done.stdout
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {source.name for source in images()}


def test_pixels_that_the_syntax_cannot_hold_are_told(tmp_path: Path) -> None:
    """JPEG XL has no signed samples."""
    done = convert(BUNDLED / "MR_small.dcm", "--to", "jpegxl", "-o", tmp_path)
    assert done.returncode == 1
    assert "no codec encodes MONOCHROME2 of 16 in 16 bits, signed" in done.stderr
    assert not list(tmp_path.iterdir())


def test_jpeg_xl_comes_back(tmp_path: Path) -> None:
    """Nobody else here reads it, so the verification does."""
    source = BUNDLED / "examples_overlay.dcm"
    done = convert(source, "--to", "jpegxl", "-o", tmp_path / "there", "--verify")
    assert done.returncode == 0, done.stderr
    convert(tmp_path / "there", "--to", "explicit", "-o", tmp_path / "back")
    back = pixel_array(tmp_path / "back" / source.name, raw=True)
    assert np.array_equal(back, pixel_array(source, raw=True))
