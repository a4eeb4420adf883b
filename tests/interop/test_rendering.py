"""DCMTK and GDCM as judges of what `pacs render` draws and `pacs extract` takes out.

A picture may differ by one grey level: DCMTK cuts fractions off where we round to the nearest. It
does so with both parts of the green of a YBR image, so there it may be two.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from click.testing import CliRunner
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from pacs_framework.cli.main import main
from pacs_framework.testing.logging_state import LoggingState

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore::UserWarning")]

Dcmtk = Callable[..., subprocess.CompletedProcess[str]]

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
SHARED = Path("/work/shared/dicom")

# What DCMTK has no decoder for, and a file that ends inside its pixels.
NOT_FOR_DCMTK = ("JPEG 2000", "JPEG-LS", "JPEG XL", "High-Throughput")
CUT_OFF = ("MR_truncated.dcm", "badVR.dcm")
MISREAD = ("SC_rgb_jpeg.dcm",)  # implicit VR in an explicit syntax, which DCMTK does not look for


def pacs(command: str, *arguments: object) -> list[dict[str, object]]:
    """The rows that a command prints."""
    done = CliRunner().invoke(main, [command, *map(str, arguments), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return json.loads(done.stdout)


def level(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def drawn_by_dcmtk(dcmtk: Dcmtk, file: Path, ppm: Path, *options: object) -> np.ndarray:
    done = dcmtk("dcmj2pnm", *options, "--write-raw-pnm", file, ppm)
    assert done.returncode == 0, done.stderr
    return level(ppm)


def assert_alike(
    dcmtk: Dcmtk, file: Path, theirs: tuple[object, ...], ours: tuple[object, ...], bound: int = 1
) -> None:
    """Our picture and DCMTK's, within so many levels."""
    png = file.with_suffix(".png")
    expected = drawn_by_dcmtk(dcmtk, file, file.with_suffix(".ppm"), *theirs)
    [row] = pacs("render", file, "-o", png, "--no-aspect", *ours)
    assert row["error"] == ""
    assert_near(level(png), expected, bound)


def assert_near(made: np.ndarray, expected: np.ndarray, bound: int) -> None:
    assert made.shape == expected.shape
    assert int(np.abs(made - expected).max()) <= bound
    assert int(expected.max()) > int(expected.min())


def image(path: Path, values: np.ndarray, **header: object) -> Path:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    frames = header.pop("frames", 1)
    shape = values.shape[1:] if frames != 1 else values.shape
    ds.Rows, ds.Columns, ds.NumberOfFrames = *shape[:2], frames
    ds.SamplesPerPixel = 3 if len(shape) == 3 else 1
    ds.PhotometricInterpretation = "RGB" if ds.SamplesPerPixel == 3 else "MONOCHROME2"
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8 * values.dtype.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(values.dtype.kind == "i")
    ds.PixelData = values.tobytes()
    ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    for keyword, value in header.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)
    return path


CT = (np.arange(96 * 80, dtype=np.int64).reshape(96, 80) * 37 % 4096 - 1024).astype("<i2")
BYTES = (np.arange(96 * 80, dtype=np.int64).reshape(96, 80) * 7 % 256).astype(np.uint8)
COLOUR = np.stack([BYTES, BYTES.T.reshape(96, 80), 255 - BYTES], axis=-1)
RESCALE = {"RescaleSlope": "1.5", "RescaleIntercept": "-100"}
TWELVE = {"BitsStored": 12, "HighBit": 11}


def table(first: int, entries: np.ndarray, bits: int = 12) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "SS" if first < 0 else "US", [len(entries), first, bits])
    item.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    item.ModalityLUTType = "US"
    return item


CURVE = table(-1024, np.sqrt(np.arange(4096)) * 63.9)


@pytest.mark.parametrize(
    ("values", "header", "theirs", "ours"),
    [
        (CT, {}, ("+Ww", 40, 400), ("--window", 40, 400)),
        (CT, RESCALE, ("+Ww", 40, 400), ("--window", 40, 400)),
        (CT, RESCALE, ("+Ww", 40.5, 1), ("--window", 40.5, 1)),
        (CT, RESCALE | TWELVE, ("+Wm",), ()),
        (CT, {"WindowCenter": [1, 900], "WindowWidth": [9, 3000]}, ("+Wi", 2), ("--voi", 2)),
        (
            CT,
            {"WindowCenter": 100, "WindowWidth": 700, "VOILUTFunction": "SIGMOID"},
            ("+Wi", 1, "+Wfs"),
            (),
        ),
        (CT, {"VOILUTSequence": Sequence([CURVE])}, ("+Wl", 1), ()),
        (
            CT,
            {"ModalityLUTSequence": Sequence([CURVE])},
            ("+Ww", 2000, 3000),
            ("--window", 2000, 3000),
        ),
        (CT, {"PhotometricInterpretation": "MONOCHROME1"}, ("+Ww", 40, 400), ("--window", 40, 400)),
        (BYTES, {}, ("+Wm",), ()),
        (COLOUR, {}, (), ()),
    ],
)
def test_dcm2pnm_draws_the_same_picture(
    dcmtk: Dcmtk, tmp_path: Path, values, header, theirs, ours
) -> None:
    """Modality LUT, windows, VOI LUT, sigmoid, MONOCHROME1, colours."""
    assert_alike(dcmtk, image(tmp_path / "a.dcm", values, **header), theirs, ours)


def test_dcm2pnm_draws_the_same_ybr(dcmtk: Dcmtk, tmp_path: Path) -> None:
    file = image(tmp_path / "a.dcm", COLOUR, PhotometricInterpretation="YBR_FULL")
    assert_alike(dcmtk, file, (), (), bound=2)


def test_dcm2pnm_draws_the_same_palette(dcmtk: Dcmtk, tmp_path: Path) -> None:
    ramp = np.arange(256)
    header: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, entries in (("Red", ramp), ("Green", ramp[::-1]), ("Blue", ramp // 2)):
        header[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        header[f"{colour}PaletteColorLookupTableData"] = (entries * 257).astype("<u2").tobytes()
    assert_alike(dcmtk, image(tmp_path / "a.dcm", BYTES, **header), (), ())


@pytest.mark.parametrize("frame", [1, 2, 3])
def test_dcm2pnm_draws_the_same_overlays(dcmtk: Dcmtk, tmp_path: Path, frame: int) -> None:
    """A plane of its own for each frame, and one in the unused bits of the cells."""
    values = np.stack([(CT + 1024 + 5 * number).astype("<u2") & 0xFFF for number in range(3)])
    marks = np.random.default_rng(7).integers(0, 2, values.shape, dtype=np.uint16)
    planes = np.random.default_rng(8).integers(0, 8, (3, 5, 11)) == 0
    file = image(tmp_path / "a.dcm", values | marks << 14, frames=3, **TWELVE)
    ds = pydicom.dcmread(file)
    for group, rows, columns, bits, position in (
        (0x60000000, 5, 11, 1, 0),
        (0x60020000, 96, 80, 16, 14),
    ):
        ds.add_new(group | 0x10, "US", rows)
        ds.add_new(group | 0x11, "US", columns)
        ds.add_new(group | 0x15, "IS", 3)
        ds.add_new(group | 0x40, "CS", "G")
        ds.add_new(group | 0x50, "SS", [20, -3])
        ds.add_new(group | 0x51, "US", 1)
        ds.add_new(group | 0x100, "US", bits)
        ds.add_new(group | 0x102, "US", position)
    ds[0x60020050].value = [1, 1]
    packed = np.packbits(planes.ravel(), bitorder="little").tobytes()
    ds.add_new(0x60003000, "OW", packed + b"\0" * (len(packed) % 2))
    ds.save_as(file)
    window = (2000, 5000)
    theirs = ("+F", frame, "+Ww", *window, "+Omr")
    assert_alike(dcmtk, file, theirs, ("--frame", frame, "--window", *window))


def decoded_by_dcmtk() -> list[Path]:
    files = []
    for file in sorted(BUNDLED.glob("*.dcm")):
        ds = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        name = UID(ds.file_meta.get("TransferSyntaxUID", "")).name
        if "Rows" in ds and name and not name.startswith(NOT_FOR_DCMTK):
            files.append(file)
    return [file for file in files if file.name not in CUT_OFF + MISREAD]


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What became of each frame of each file that is bundled with pydicom."""
    out = tmp_path_factory.mktemp("bundled")
    log = LoggingState.now()  # put back here: for a test, what its module set up was always so
    try:
        return pacs("render", BUNDLED, "-o", out, "--all-frames", "--no-aspect")
    finally:
        log.restore()


def test_dcm2pnm_draws_the_bundled_files_alike(
    dcmtk: Dcmtk, tmp_path: Path, bundled: list[dict[str, object]]
) -> None:
    """Real files: by their first window, greys without one by their lowest and highest value."""
    ours = {str(row["path"]): str(row["output"]) for row in bundled if row["frame"] == 1}
    files = decoded_by_dcmtk()
    assert len(files) > 40
    for file in files:
        ds = pydicom.dcmread(file, stop_before_pixels=True)
        by_window = ("+Wi", 1) if "WindowCenter" in ds else ("+Wm",)
        greys = ds.PhotometricInterpretation.startswith("MONOCHROME")
        expected = drawn_by_dcmtk(dcmtk, file, tmp_path / "a.ppm", *(by_window if greys else ()))
        bound = 2 if ds.PhotometricInterpretation.startswith("YBR") else 1
        assert_near(level(Path(ours[str(file)])), expected, bound)


def test_square_pixels_are_those_of_dcm2pnm(dcmtk: Dcmtk, tmp_path: Path) -> None:
    """The shape of the picture, scaled to a width."""
    file = image(tmp_path / "a.dcm", BYTES, PixelSpacing=[0.75, 0.5])
    done = dcmtk("dcm2pnm", "+Wm", "+a", "+Sxv", 160, "--write-raw-pnm", file, tmp_path / "a.ppm")
    assert done.returncode == 0, done.stderr
    pacs("render", file, "-o", tmp_path / "a.png", "--size", "160x1000")
    assert level(tmp_path / "a.png").shape == level(tmp_path / "a.ppm").shape


def test_gdcmraw_takes_out_the_same_bytes(tmp_path: Path) -> None:
    """Native frames, and compressed ones as they are."""
    if shutil.which("gdcmraw", path="/usr/bin") is None:
        pytest.skip("gdcmraw is not installed: apt-get install libgdcm-tools")
    for name in ("MR_small.dcm", "MR_small_jp2klossless.dcm", "JPEG-lossy.dcm", "MR_small_RLE.dcm"):
        raw = tmp_path / "theirs"
        done = subprocess.run(
            ["/usr/bin/gdcmraw", "-i", str(BUNDLED / name), "-o", str(raw)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        [row] = pacs("extract", BUNDLED / name, "-o", tmp_path / "ours", "--overwrite")
        assert Path(str(row["output"])).read_bytes() == raw.read_bytes(), name


def test_every_bundled_file_is_drawn_or_says_why_not(bundled: list[dict[str, object]]) -> None:
    rows = bundled
    failed = {Path(str(row["path"])).name: str(row["error"]) for row in rows if row["error"]}
    for name, error in failed.items():
        assert error.startswith(REASONS), f"{name}: {error}"
    assert sum(not row["error"] for row in rows) > 140
    images = {
        file.name
        for file in BUNDLED.rglob("*.dcm")
        if "Rows" in pydicom.dcmread(file, stop_before_pixels=True, force=True)
    }
    assert images & failed.keys() <= {*DAMAGED}


REASONS = (
    "no DICOM file",
    "there is neither an image nor a document in it",
    "the pixel data end inside frame 1",
    "data set unreadable at offset",
    "the compressed image has",
    "a JPEG 2000 code stream with extensions of Part 2",  # a header that is overwritten
    "NumberOfFrames is missing or no number",
    str(BUNDLED),  # a document beside its dump, which would have one name
)
DAMAGED = (
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "MR_truncated.dcm",
    "badVR.dcm",
    "meta_missing_tsyntax.dcm",
    "no_meta.dcm",
)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
def test_the_first_frame_of_every_shared_file_is_drawn_or_says_why_not(tmp_path: Path) -> None:
    folders = [SHARED / name for name in ("wg04", "pylibjpeg-data", "objects", "seven-syntaxes")]
    rows = pacs("render", *folders, "-o", tmp_path / "out", "--size", "64x64", "--format", "jpeg")
    failed = {Path(str(row["path"])).name for row in rows if row["error"]}
    assert len(rows) > 150
    assert failed <= {
        "sm_annotations.dcm",
        "sr_document.dcm",
        "sr_document_with_multiple_groups.dcm",
        "966.dcm",  # a code stream that is damaged
        "JPEGLosslessP14SV1_1s_1f_u_16_16.dcm",  # without UIDs
    }
