"""Compressed images with a region made black: every other pixel is as it was, whoever reads it."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import JPEGExtended12Bit

from pacs_codecs_imagecodecs.codecs import available as of_imagecodecs
from pacs_codecs_pylibjpeg.codecs import available as of_pylibjpeg
from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.anonymizers.redacting import redacted
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.comparing import samples_of
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.syntaxes import SHORT_NAMES, named_syntax
from pacs_framework.codecs.transcoding import NativeFrames, Transcoding
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.suites.codec import areas

EXPLICIT = "1.2.840.10008.1.2.1"
PROVIDERS = {"imagecodecs": of_imagecodecs, "pylibjpeg": of_pylibjpeg}
GREY = PixelFormat(rows=60, columns=50, bits_allocated=16, bits_stored=12)
SIGNED = PixelFormat(rows=60, columns=50, bits_allocated=16, bits_stored=16, signed=True)
COLOUR = PixelFormat(
    rows=31,
    columns=33,
    samples_per_pixel=3,
    bits_allocated=8,
    bits_stored=8,
    photometric_interpretation="RGB",
)
REGION = Region(left=7, top=3, width=20, height=11, frames=frozenset({2}))
WORK = PixelWork(regions=(REGION,))
FRAMES = 3


def transcoding(*providers: str) -> Transcoding:
    registry = CodecRegistry()
    for provider in providers:
        registry.add(PROVIDERS[provider](), plugin=provider)
    return Transcoding(registry, encoder=registry)


def can(provider: str, name: str) -> bool:
    codecs = transcoding(provider)
    syntax = named_syntax(name)
    return codecs.decoder.decodes(syntax) and codecs.encoder.encodes(syntax)


LOSSLESS = [
    (provider, name)
    for provider in PROVIDERS
    for name in list(SHORT_NAMES)[4:]
    if can(provider, name)
]


def image(pixels: PixelFormat) -> tuple[io.BytesIO, list[np.ndarray]]:
    """A native image of several frames, and their samples."""
    header = make_instance(Rows=pixels.rows, Columns=pixels.columns, NumberOfFrames=FRAMES)
    header.BitsAllocated, header.BitsStored = pixels.bits_allocated, pixels.bits_stored
    header.HighBit, header.PixelRepresentation = pixels.bits_stored - 1, int(pixels.signed)
    pixels.describe(header)
    header.SamplesPerPixel = pixels.samples_per_pixel
    if pixels.samples_per_pixel > 1:
        header.PlanarConfiguration = 0
    frames = [bytes(areas(pixels).data) for _ in range(FRAMES)]
    header.PixelData = b"".join(frames) + b"\0" * (sum(map(len, frames)) % 2)
    header["PixelData"].VR = "OW" if pixels.bits_allocated > 8 else "OB"
    shape = (pixels.rows, pixels.columns, pixels.samples_per_pixel)
    samples = [np.array(samples_of(Frame(each, pixels))).reshape(shape) for each in frames]
    return io.BytesIO(encode_identifier(header, EXPLICIT)), samples


def expected(samples: list[np.ndarray], pixels: PixelFormat) -> np.ndarray:
    made = np.stack(samples)
    made[1, 3:14, 7:27] = -32768 if pixels.signed else 0
    return made


def compressed(name: str, pixels: PixelFormat) -> tuple[bytes, list[np.ndarray]]:
    """By whichever codec can; the test is skipped where none does."""
    native, samples = image(pixels)
    try:
        made = transcoding(*PROVIDERS).convert(native, EXPLICIT, named_syntax(name))
    except UnreadableInstance as error:
        pytest.skip(str(error))
    return b"".join(made), samples


def encodes(provider: str, syntax: str, pixels: PixelFormat) -> bool:
    codecs = PROVIDERS[provider]()
    return any(each.transfer_syntax == syntax and each.can_encode(pixels) for each in codecs)


@pytest.mark.parametrize("pixels", [GREY, SIGNED, COLOUR], ids=["grey", "signed", "colour"])
@pytest.mark.parametrize(("provider", "name"), LOSSLESS)
def test_lossless_images_stay_in_their_syntax_and_exact(
    provider: str, name: str, pixels: PixelFormat
) -> None:
    before, samples = compressed(name, pixels)
    codecs, syntax = transcoding(provider), named_syntax(name)
    made = redacted(io.BytesIO(before), syntax, WORK, codecs)
    data = b"".join(made.pieces)
    assert made.transfer_syntax == (syntax if encodes(provider, syntax, pixels) else EXPLICIT)
    found = codecs.native_frames(io.BytesIO(data), made.transfer_syntax)
    assert isinstance(found, NativeFrames)
    shape = (pixels.rows, pixels.columns, pixels.samples_per_pixel)
    after = [np.array(samples_of(frame)).reshape(shape) for frame in found.frames]
    np.testing.assert_array_equal(np.stack(after), expected(samples, pixels))


JUDGES = [
    ("dcmdjpeg", ("+cn",), "jpeg-lossless"),
    ("dcmdjpls", (), "jpeg-ls"),
    ("dcmdrle", (), "rle"),
    ("gdcmconv", ("-w",), "jpeg2000"),
    ("gdcmconv", ("-w",), "jpeg-lossless"),
    ("gdcmconv", ("-w",), "jpeg-ls"),
]


@pytest.mark.interop
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize(("tool", "options", "name"), JUDGES)
def test_dcmtk_and_gdcm_see_the_same(
    tool: str, options: tuple[str, ...], name: str, pixels: PixelFormat, tmp_path: Path
) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    before, samples = compressed(name, pixels)
    syntax = named_syntax(name)
    made = redacted(io.BytesIO(before), syntax, WORK, transcoding(*PROVIDERS))
    assert made.transfer_syntax == syntax
    header = make_instance()
    meta = FileMeta(
        sop_class_uid=header.SOPClassUID,
        sop_instance_uid=header.SOPInstanceUID,
        transfer_syntax_uid=made.transfer_syntax,
    )
    (tmp_path / "in.dcm").write_bytes(make_prefix(meta) + b"".join(made.pieces))
    command = (tool, *options, str(tmp_path / "in.dcm"), str(tmp_path / "out.dcm"))
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    found = pydicom.dcmread(tmp_path / "out.dcm")
    shape = (FRAMES, pixels.rows, pixels.columns, pixels.samples_per_pixel)
    after = found.pixel_array.reshape(shape)
    np.testing.assert_array_equal(after, expected(samples, pixels))


BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
LOSSY = ("SC_rgb_small_odd_jpeg.dcm", "JPEG-lossy.dcm", "JPEGLSNearLossless_16.dcm", "JPEG2000.dcm")


@pytest.mark.parametrize("name", LOSSY)
def test_images_with_loss_become_native_and_lose_nothing_more(name: str) -> None:
    if not (BUNDLED / name).exists():
        pytest.skip(f"pydicom brings no {name} here")
    codecs = transcoding("imagecodecs")
    image = pydicom.dcmread(BUNDLED / name)
    syntax = str(image.file_meta.TransferSyntaxUID)
    before = decoded(codecs, image, syntax)
    image.file_meta = FileMetaDataset()
    region = Region(left=1, top=1, width=3, height=2)
    source = io.BytesIO(encode_identifier(image, syntax))
    made = redacted(source, syntax, PixelWork(regions=(region,)), codecs)
    assert made.transfer_syntax == EXPLICIT
    found = codecs.native_frames(io.BytesIO(b"".join(made.pieces)), EXPLICIT)
    after = np.stack([np.array(samples_of(each)) for each in found.frames])
    shape = (image.Rows, image.Columns, image.SamplesPerPixel)
    ours, theirs = before.reshape(-1, *shape), after.reshape(-1, *shape)
    outside = np.ones(shape[:2], bool)
    outside[1:3, 1:4] = False
    np.testing.assert_array_equal(ours[:, outside], theirs[:, outside])
    assert len({tuple(each) for each in theirs[0, 1:3, 1:4].reshape(-1, shape[2])}) == 1


@pytest.mark.interop
@pytest.mark.parametrize(("tool", "options"), [("dcmdjpeg", ("+cn",)), ("gdcmconv", ("-w",))])
def test_twelve_bits_of_jpeg_extended_are_what_dcmtk_and_gdcm_decode(
    tool: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    """The judges decode the original; ours is native, and differs in the region alone."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    original = BUNDLED / "JPGExtended.dcm"
    if not original.exists():
        pytest.skip(f"pydicom brings no {original.name} here")
    command = (tool, *options, str(original), str(tmp_path / "judged.dcm"))
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    judged = pydicom.dcmread(tmp_path / "judged.dcm").pixel_array
    image = pydicom.dcmread(original)
    syntax = str(image.file_meta.TransferSyntaxUID)
    assert (syntax, image.BitsStored) == (JPEGExtended12Bit, 12)
    source = io.BytesIO(encode_identifier(Dataset(image), syntax))
    region = Region(left=100, top=500, width=60, height=200)
    made = redacted(source, syntax, PixelWork(regions=(region,)), transcoding("imagecodecs"))
    data = b"".join(made.pieces)
    found = transcoding().native_frames(io.BytesIO(data), made.transfer_syntax)
    assert isinstance(found, NativeFrames)
    (frame,) = found.frames
    assert found.header.LossyImageCompression == "01"
    assert judged[500:700, 100:160].any()
    judged[500:700, 100:160] = 0
    np.testing.assert_array_equal(np.array(samples_of(frame)).reshape(judged.shape), judged)


def decoded(codecs: Transcoding, image: Dataset, syntax: str) -> np.ndarray:
    found = codecs.native_frames(io.BytesIO(encode_identifier(image, syntax)), syntax)
    return np.stack([np.array(samples_of(each)) for each in found.frames])
