"""DCMTK and GDCM as judges: what `pacs convert` writes they read, and what they write it reads."""

from __future__ import annotations

import subprocess
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from pacs_codecs_imagecodecs.codecs import available
from pacs_codecs_pylibjpeg.codecs import available as others
from pacs_framework.codecs.comparing import samples_of
from pacs_framework.codecs.files import FileConverter
from pacs_framework.codecs.image import CompressedImage, read_image
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.syntaxes import is_lossless, named_syntax
from pacs_framework.codecs.transcoding import NativeFrames, Transcoding
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.suites.codec import areas, noise

pytestmark = pytest.mark.interop

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "dicom"
PACKAGES = {
    "dcmdjpeg": "dcmtk",
    "dcmdjpls": "dcmtk",
    "dcmdrle": "dcmtk",
    "dcmcjpeg": "dcmtk",
    "dcmcjpls": "dcmtk",
    "dcmcrle": "dcmtk",
    "gdcmconv": "libgdcm-tools",
    "dciodvfy": "dicom3tools",
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

# Tool, its options, and our name of the syntax.
READERS = [
    ("dcmdjpeg", ("+cn",), "jpeg-lossless", ALL),
    ("dcmdjpls", (), "jpeg-ls", ALL),
    ("dcmdrle", (), "rle", ALL),
    ("gdcmconv", ("-w",), "jpeg-lossless", ALL),
    ("gdcmconv", ("-w",), "jpeg-ls", ALL),
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


# What is written with loss: its reader, our name of the syntax, how much is lost, and the largest
# difference to what we read. GDCM does not write YBR_FULL_422.
LOSSY_READERS = [
    ("dcmdjpeg", ("+cn",), "jpeg", Loss(Measure.QUALITY, 90), (BYTES, COLOUR), 0),
    ("dcmdjpeg", (), "jpeg-12", Loss(Measure.QUALITY, 90), (GREY,), 0),
    ("dcmdjpls", (), "jpeg-ls-near", Loss(Measure.NEAR, 2), (GREY, FULL, BYTES, COLOUR), 0),
    ("gdcmconv", ("-w",), "jpeg", Loss(Measure.QUALITY, 90), (BYTES,), 0),
    ("gdcmconv", ("-w",), "jpeg-ls-near", Loss(Measure.NEAR, 2), (GREY, FULL, BYTES, COLOUR), 0),
    ("gdcmconv", ("-w",), "jpeg2000-lossy", Loss(Measure.QUALITY, 50), ALL, 1),
    ("gdcmconv", ("-w",), "jpeg2000-lossy", Loss(Measure.RATIO, 1.5), (GREY, FULL, SIGNED), 1),
]


# Who decodes each transfer syntax without us; GDCM would spoil colours of 16 bits in RLE.
JPEG = "1.2.840.10008.1.2.4."
JUDGES = {
    **{JPEG + number: ("dcmdjpeg", "+cn") for number in ("50", "51", "57", "70")},
    **{JPEG + number: ("dcmdjpls",) for number in ("80", "81")},
    **{JPEG + number: ("gdcmconv", "-w") for number in ("90", "91")},
    "1.2.840.10008.1.2.5": ("dcmdrle",),
}
NOT_JUDGED = {
    "SC_rgb_jpeg.dcm",  # implicit VR in an explicit syntax, which DCMTK does not look for
    "JPEG2000-embedded-sequence-delimiter.dcm",  # nobody finds an image in this one
    "966.dcm",  # and in this one
    "RG3_JPLY",  # they read white beyond Bits Stored as black
}
LARGEST = 512 << 10  # bytes of a file; larger ones take all the time and show nothing else


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


def pacs(*arguments: object) -> None:
    done = run_module("pacs_framework.cli", *map(str, arguments), seconds=60)
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
    pacs("convert", sources, "--to", syntax, "-o", ours)
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
    pacs("convert", written, "--to", "explicit", "-o", tmp_path / "read", "--verify")
    assert not [n for n, source in sources.items() if not same(tmp_path / "read" / n, source)]


def transcoding() -> Transcoding:
    """With both providers, in this process."""
    registry = CodecRegistry()
    registry.add(available(), plugin="codecs-imagecodecs")
    registry.add(others(), plugin="codecs-pylibjpeg")
    return Transcoding(registry, encoder=registry)


def what_we_see(path: Path) -> list[array[int]]:
    """The samples of every frame."""
    with path.open("rb") as file:
        prefix = read_prefix(file)
        file.seek(prefix.dataset_offset)
        image = transcoding().native_frames(file, prefix.meta.transfer_syntax_uid)
        assert isinstance(image, NativeFrames)
        return [samples_of(frame) for frame in image.frames]


def furthest(path: Path, from_what_we_see_in: Path) -> int:
    """The largest difference of a sample to what pydicom has in ``path``."""
    theirs = pixel_array(path, raw=True).astype(np.int64).ravel()
    ours = np.concatenate(what_we_see(from_what_we_see_in)).astype(np.int64)
    return int(np.abs(theirs - ours).max())


def published(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every compressed image below ``folder`` that its judge decodes, with its transfer syntax."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in NOT_JUDGED and path.stat().st_size < LARGEST:
            with suppress(UnreadableInstance), path.open("rb") as file:
                prefix = read_prefix(file)
                syntax = prefix.meta.transfer_syntax_uid
                file.seek(prefix.dataset_offset)
                if syntax in JUDGES and isinstance(read_image(file, syntax), CompressedImage):
                    yield path, syntax


@pytest.mark.parametrize(
    ("folder", "least"),
    [
        (BUNDLED, 35),
        pytest.param(
            SHARED,
            100,
            marks=pytest.mark.skipif(not SHARED.is_dir(), reason="no folder shared/dicom"),
        ),
    ],
)
def test_of_every_published_file_they_see_what_we_see(
    tmp_path: Path, folder: Path, least: int
) -> None:
    """All frames; of what was compressed without loss exactly, else a step of rounding apart."""
    judged = 0
    for path, syntax in published(folder):
        name, *options = JUDGES[syntax]
        theirs = tmp_path / f"{judged}.dcm"
        run(tool(name), *options, path, theirs)
        assert furthest(theirs, path) <= (0 if is_lossless(syntax) else 1), path
        theirs.unlink()
        judged += 1
    assert judged >= least


@pytest.mark.parametrize(("name", "options", "syntax", "loss", "kinds", "most"), LOSSY_READERS)
def test_they_see_what_we_see_in_what_we_write_with_loss(
    tmp_path: Path,
    name: str,
    options: Sequence[str],
    syntax: str,
    loss: Loss,
    kinds: Sequence[PixelFormat],
    most: int,
) -> None:
    """Another library decodes every lossy syntax that it knows to the same samples."""
    reader = tool(name)
    converter = FileConverter(transcoding(), named_syntax(syntax), loss=loss, verify=True)
    for number, pixels in enumerate(kinds):
        source = original(tmp_path / f"{number}.dcm", pixels)
        ours, theirs = tmp_path / f"ours-{number}.dcm", tmp_path / f"theirs-{number}.dcm"
        converter.convert(source, ours)
        run(reader, *options, ours, theirs)
        assert furthest(theirs, ours) <= most, pixels


@pytest.mark.parametrize("pixels", ALL, ids=str)
def test_another_library_sees_what_we_see_in_htj2k(tmp_path: Path, pixels: PixelFormat) -> None:
    """OpenJPEG, through pydicom, in what OpenJPH wrote. Both compute in 32-bit floats."""
    loss, rounding = Loss(Measure.QUALITY, 50), 1 + (1 << pixels.bits_stored) // (1 << 14)
    converter = FileConverter(transcoding(), named_syntax("htj2k-lossy"), loss=loss, verify=True)
    ours = tmp_path / "ours.dcm"
    converter.convert(original(tmp_path / "source.dcm", pixels), ours)
    assert furthest(ours, ours) <= rounding


def complaints(validator: str, path: Path) -> set[str]:
    done = subprocess.run([validator, path], capture_output=True, text=True, check=False)
    return {line for line in done.stderr.splitlines() if line.startswith(("Error", "Warning"))}


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_a_validator_has_nothing_more_to_say_of_the_derived_image(
    tmp_path: Path, name: str
) -> None:
    """Its attributes are those that the IOD asks for (PS3.3 C.7.6.1.1)."""
    validator = tool("dciodvfy")
    source, made = BUNDLED / name, tmp_path / name
    loss, syntax = Loss(Measure.QUALITY, 50), named_syntax("jpeg2000-lossy")
    FileConverter(transcoding(), syntax, loss=loss).convert(source, made)
    assert complaints(validator, made) <= complaints(validator, source)
