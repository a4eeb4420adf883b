"""DCMTK and GDCM as judges: what `pacs convert` writes they read, and what they write it reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.testing.suites.codec import areas, noise

pytestmark = pytest.mark.interop

PACS = (sys.executable, "-m", "pacs_framework.cli")
PACKAGES = {
    "dcmdjpeg": "dcmtk",
    "dcmdjpls": "dcmtk",
    "dcmdrle": "dcmtk",
    "dcmcjpeg": "dcmtk",
    "dcmcjpls": "dcmtk",
    "dcmcrle": "dcmtk",
    "gdcmconv": "libgdcm-tools",
}

GREY = PixelFormat(rows=60, columns=50, bits_allocated=16, bits_stored=12)
FULL = PixelFormat(rows=60, columns=50, bits_allocated=16, bits_stored=16)
SIGNED = PixelFormat(rows=60, columns=50, bits_allocated=16, bits_stored=16, signed=True)
BYTES = PixelFormat(rows=31, columns=33, bits_allocated=8, bits_stored=8)
COLOUR = PixelFormat(
    rows=31,
    columns=33,
    samples_per_pixel=3,
    bits_allocated=8,
    bits_stored=8,
    photometric_interpretation="RGB",
)
ALL = (GREY, FULL, SIGNED, BYTES, COLOUR)
WHOLE = (FULL, SIGNED, BYTES, COLOUR)  # of which JPEG-LS is written

# Tool, its options, and our name of the syntax.
READERS = [
    ("dcmdjpeg", ("+cn",), "jpeg-lossless", ALL),
    ("dcmdjpls", (), "jpeg-ls", WHOLE),
    ("dcmdrle", (), "rle", ALL),
    ("gdcmconv", ("-w",), "jpeg-lossless", ALL),
    ("gdcmconv", ("-w",), "jpeg-ls", WHOLE),
    ("gdcmconv", ("-w",), "jpeg2000", ALL),
    ("gdcmconv", ("-w",), "rle", ALL),
]
WRITERS = [
    ("dcmcjpeg", ("+e1", "+cn"), ALL),
    ("dcmcjpeg", ("+el", "+cn"), ALL),
    ("dcmcjpls", (), ALL),
    ("dcmcrle", (), ALL),
    ("gdcmconv", ("-J",), ALL),
    ("gdcmconv", ("-L",), ALL),
    ("gdcmconv", ("-K",), ALL),
    ("gdcmconv", ("-R",), ALL),
]


def tool(name: str) -> str:
    path = Path("/usr/bin") / name
    if not path.exists():
        pytest.skip(f"{name} is not installed: apt-get install {PACKAGES[name]}")
    return str(path)


def run(*command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def original(path: Path, pixels: PixelFormat) -> Path:
    """A native file of two frames; of one where GDCM would refuse to write two."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage if pixels.signed else SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    dataset.Rows, dataset.Columns = pixels.rows, pixels.columns
    dataset.SamplesPerPixel = pixels.samples_per_pixel
    if pixels.samples_per_pixel > 1:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = pixels.photometric_interpretation
    dataset.BitsAllocated, dataset.BitsStored = pixels.bits_allocated, pixels.bits_stored
    dataset.HighBit = pixels.bits_stored - 1
    dataset.PixelRepresentation = int(pixels.signed)
    data = bytes(areas(pixels).data)
    if not pixels.signed:
        dataset.NumberOfFrames = 2
        data += bytes(noise(pixels).data)
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if pixels.bits_allocated > 8 else "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def same(one: Path, other: Path) -> bool:
    return np.array_equal(pixel_array(one, raw=True), pixel_array(other, raw=True))


@pytest.mark.parametrize(("name", "options", "syntax", "kinds"), READERS)
def test_they_read_what_we_write(
    tmp_path: Path,
    name: str,
    options: Sequence[str],
    syntax: str,
    kinds: Sequence[PixelFormat],
) -> None:
    """Every lossless syntax that they know, every kind of pixels that it is written for."""
    reader, sources, ours = tool(name), tmp_path / "sources", tmp_path / "ours"
    for number, pixels in enumerate(kinds):
        original(sources / f"{number}.dcm", pixels)
    run(*PACS, "convert", sources, "--to", syntax, "-o", ours)
    for number, pixels in enumerate(kinds):
        read = tmp_path / f"{number}.dcm"
        run(reader, *options, ours / read.name, read)
        assert same(read, sources / read.name), pixels


def test_we_read_what_they_write(tmp_path: Path) -> None:
    written, sources = tmp_path / "theirs", {}
    written.mkdir()
    for number, (name, options, kinds) in enumerate(WRITERS):
        writer = tool(name)
        for kind, pixels in enumerate(kinds):
            source = original(tmp_path / f"{number}-{kind}.dcm", pixels)
            theirs = written / f"{name}{''.join(options)}-{kind}.dcm"
            run(writer, *options, source, theirs)
            assert pydicom.dcmread(theirs).file_meta.TransferSyntaxUID.is_compressed, theirs
            sources[theirs.name] = source
    run(*PACS, "convert", written, "--to", "explicit", "-o", tmp_path / "read", "--verify")
    assert not [n for n, source in sources.items() if not same(tmp_path / "read" / n, source)]
