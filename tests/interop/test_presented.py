"""DCMTK as the judge of presentation states and structured reports.

dcmpsmk makes states and dcmpschk checks those that are made of them. dcmp2pgm draws an image by a
state: values, presentation LUTs, rotation, flip and bitmap shutters, always all of the image. It
draws no geometric shutters, graphics, texts or overlays. A picture may differ by one grey level,
as fractions are cut off there and rounded here; behind a LUT of few entries that is one entry.
dsrdump and dsr2html say what is in a report, item by item in the order of its tree.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.rendering.opening import open_image
from pacs_framework.rendering.presentation.drawing import draw_by_state
from pacs_framework.rendering.presentation.references import SeenFrame
from pacs_framework.rendering.presentation.state import presentation_state
from pacs_framework.rendering.reports.html import in_html
from pacs_framework.rendering.reports.plain import in_plain_text
from pacs_framework.rendering.reports.reading import read_report

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore::UserWarning")]

Dcmtk = Callable[..., subprocess.CompletedProcess[str]]

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
SHARED = Path("/work/shared/dicom")
CT, MR = BUNDLED / "CT_small.dcm", BUNDLED / "MR_small.dcm"


class NoDecoder:
    """The images here are not compressed."""

    def decodes(self, transfer_syntax: str) -> bool:
        return False

    def decode(self, frame: Buffer, transfer_syntax: str, pixels: PixelFormat) -> Frame:
        raise AssertionError("nothing is compressed here")


def item(**attributes: object) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


@pytest.fixture
def made_by_dcmtk(dcmtk: Dcmtk, tmp_path: Path) -> Callable[[Path], Dataset]:
    """A state for an image, made by dcmpsmk: its rescaling and window, and all of it displayed."""

    def make(image: Path) -> Dataset:
        done = dcmtk("dcmpsmk", image, tmp_path / "made.dcm")
        assert done.returncode == 0, done.stderr
        return dcmread(tmp_path / "made.dcm")

    return make


def theirs(dcmtk: Dcmtk, image: Path, state: Dataset, folder: Path) -> np.ndarray:
    """As dcmp2pgm draws it; the state is one that dcmpschk finds nothing wrong with."""
    file, pgm = folder / "state.dcm", folder / "theirs.pgm"
    state.save_as(file)
    done = dcmtk("dcmp2pgm", "-p", file, image, pgm)
    assert done.returncode == 0, done.stderr
    with Image.open(pgm) as picture:
        return np.asarray(picture).astype(int)


def ours(image: Path, state: Dataset) -> np.ndarray:
    with image.open("rb") as file:
        opened = open_image(file, NoDecoder())
        [(number, frame)] = opened.frames(range(1, 2))
        seen = SeenFrame(str(opened.header.SOPInstanceUID), number)
        made = draw_by_state(frame, opened.header, seen, presentation_state(state))
    return made.pixels.astype(int)


def lut(entries: np.ndarray, bits: int) -> Dataset:
    ds = Dataset()
    ds.add_new(0x00283002, "US", [len(entries), 0, bits])
    ds.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    return ds


WINDOW = {"SoftcopyVOILUTSequence": Sequence([item(WindowCenter=40, WindowWidth=400)])}
CURVE = lut(np.sqrt(np.linspace(0, 1, 4096)) * 4095, 12)
CASES: dict[str, dict[str, object]] = {
    "as it is made": {},
    "a window": WINDOW,
    "another window": {
        "SoftcopyVOILUTSequence": Sequence([item(WindowCenter=900.5, WindowWidth=1)])
    },
    "a VOI LUT": {"SoftcopyVOILUTSequence": Sequence([item(VOILUTSequence=Sequence([CURVE]))])},
    "inverted": WINDOW | {"PresentationLUTShape": "INVERSE"},
    "by a presentation LUT": WINDOW
    | {"PresentationLUTShape": None, "PresentationLUTSequence": Sequence([CURVE])},
    "without rescaling": {"RescaleSlope": None, "RescaleIntercept": None, "RescaleType": None},
    **{
        f"turned by {rotation}, flipped {flip}": WINDOW
        | {"ImageRotation": rotation, "ImageHorizontalFlip": flip}
        for rotation in (0, 90, 180, 270)
        for flip in "NY"
    },
}


@pytest.mark.parametrize("image", [CT, MR], ids=["CT", "MR"])
def test_dcmp2pgm_draws_the_same_by_every_state(
    dcmtk: Dcmtk, made_by_dcmtk: Callable[[Path], Dataset], tmp_path: Path, image: Path
) -> None:
    """Each step of the pipeline alone, over an image of signed and one of unsigned values."""
    base = made_by_dcmtk(image)
    for name, said in CASES.items():
        state = Dataset(base)
        state.file_meta = base.file_meta
        for keyword, value in said.items():
            if value is not None:
                setattr(state, keyword, value)
            elif keyword in state:
                del state[keyword]
        expected, found = theirs(dcmtk, image, state, tmp_path), ours(image, state)
        assert found.shape == expected.shape, name
        assert int(np.abs(found - expected).max()) <= 1, name


def test_dcmp2pgm_hides_the_same_behind_a_bitmap(
    dcmtk: Dcmtk, made_by_dcmtk: Callable[[Path], Dataset], tmp_path: Path
) -> None:
    state = made_by_dcmtk(CT)
    state.SoftcopyVOILUTSequence = WINDOW["SoftcopyVOILUTSequence"]
    plane = np.random.default_rng(1).integers(0, 2, 128 * 128).astype(np.uint8)
    for element, vr, value in (
        (0x10, "US", 128),
        (0x11, "US", 128),
        (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]),
        (0x100, "US", 1),
        (0x102, "US", 0),
        (0x3000, "OW", np.packbits(plane, bitorder="little").tobytes()),
    ):
        state.add_new(0x60000000 | element, vr, value)
    state.ShutterShape, state.ShutterPresentationValue = "BITMAP", 30000
    state.add_new(0x00181623, "US", 0x6000)
    expected, found = theirs(dcmtk, CT, state, tmp_path), ours(CT, state)
    assert int(np.abs(found - expected).max()) <= 1


def test_a_displayed_area_is_a_part_of_what_dcmp2pgm_draws(
    dcmtk: Dcmtk, made_by_dcmtk: Callable[[Path], Dataset], tmp_path: Path
) -> None:
    """It draws all of the image; turned by 90°, the area is that of the turned image."""
    state = made_by_dcmtk(CT)
    state.SoftcopyVOILUTSequence = WINDOW["SoftcopyVOILUTSequence"]
    state.ImageRotation, state.ImageHorizontalFlip = 90, "N"
    area = state.DisplayedAreaSelectionSequence[0]
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = (
        [11, 84],
        [74, 21],
    )
    expected, found = theirs(dcmtk, CT, state, tmp_path), ours(CT, state)
    assert found.shape == (64, 64)
    assert int(np.abs(found - expected[10:74, 44:108]).max()) <= 1


def test_dcmpschk_finds_the_states_right_that_we_draw(
    dcmtk: Dcmtk, made_by_dcmtk: Callable[[Path], Dataset], tmp_path: Path
) -> None:
    """With shutters, graphics and texts as other tests have them: they are no dialect of ours."""
    state = made_by_dcmtk(CT)
    state.ShutterShape, state.ShutterPresentationValue = "CIRCULAR", 0
    state.CenterOfCircularShutter, state.RadiusOfCircularShutter = [64, 64], 50
    graphic = item(
        GraphicAnnotationUnits="PIXEL",
        GraphicDimensions=2,
        NumberOfGraphicPoints=2,
        GraphicData=[64.0, 64.0, 100.0, 64.0],
        GraphicType="CIRCLE",
        GraphicFilled="N",
    )
    text = item(
        BoundingBoxAnnotationUnits="PIXEL",
        UnformattedTextValue="MASS",
        BoundingBoxTopLeftHandCorner=[10.0, 10.0],
        BoundingBoxBottomRightHandCorner=[60.0, 30.0],
        BoundingBoxTextHorizontalJustification="LEFT",
    )
    state.GraphicAnnotationSequence = Sequence(
        [
            item(
                GraphicLayer="ONE",
                GraphicObjectSequence=Sequence([graphic]),
                TextObjectSequence=Sequence([text]),
            )
        ]
    )
    state.GraphicLayerSequence = Sequence([item(GraphicLayer="ONE", GraphicLayerOrder=1)])
    state.save_as(tmp_path / "state.dcm")
    done = dcmtk("dcmpschk", tmp_path / "state.dcm")
    assert done.returncode == 0, done.stderr
    assert "passed" in (done.stdout + done.stderr).lower()
    assert ours(CT, state)[64, 99:101].max() > 150


def reports() -> list[Path]:
    """Real reports: those bundled with pydicom, and highdicom's where they are."""
    objects = SHARED / "objects" / "data" / "test_files"
    return [BUNDLED / "test-SR.dcm", *sorted(objects.glob("sr_document*.dcm"))]


_ITEM = re.compile(r'^ *<(?:[a-z ]*?)([A-Z0-9]+|[\d.]+):?(?:\([^"]*"((?:[^"\\]|\\.)*)"\))?(.*)>')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def dumped(dcmtk: Dcmtk, file: Path) -> list[tuple[str, list[str]]]:
    """The concept name of each item, and the texts of its value, as dsrdump has them."""
    done = dcmtk("dsrdump", "-Ph", "+Pl", "+U8", "+Pu", "-Ee", file)
    assert done.returncode == 0, done.stderr
    parsed = filter(None, map(_ITEM.match, done.stdout.splitlines()))
    return [(each[2] or "", _QUOTED.findall(each[3])) for each in parsed]


@pytest.mark.parametrize("file", reports(), ids=lambda file: file.stem)
def test_dsrdump_finds_the_same_items_in_the_same_order(dcmtk: Dcmtk, file: Path) -> None:
    """By their names, and each text of a value within our words for it."""
    report = read_report(dcmread(file))
    expected = dumped(dcmtk, file)
    assert len(expected) == len(report.items) > 5
    for (name, texts), item_here in zip(expected, report.items, strict=True):
        assert item_here.name == name
        words = f"{item_here.value} {item_here.code} " + " ".join(
            f"{each.sop_instance_uid} {each.by and each.by.sop_instance_uid}"
            for each in item_here.references
        )
        for text in texts:
            plain = text.encode().decode("unicode_escape").encode("latin-1").decode()
            if item_here.value_type in ("DATE", "TIME", "DATETIME", "PNAME", "NUM"):
                continue  # told in another form, which the unit tests state
            assert "".join(plain.split()) in "".join(words.split())


class _Words(HTMLParser):
    """All words of a page, and those that it shows where the mouse is: codes."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in ("style", "title")
        self.words += re.findall(r"\w+", dict(attrs).get("title") or "")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words += re.findall(r"\w+", data)


def words_of(html: str) -> set[str]:
    parser = _Words()
    parser.feed(html)
    return {word.lower() for word in parser.words}


# Words of DCMTK's own: for footnotes and its name, and for what we call by another one.
_LABELS = {
    *("a", "acquisition", "annex", "basictextsrstorage", "by", "dcmtk", "dicom", "document"),
    *("footnote", "generated", "hemodynamicwaveformstorage", "modifier", "observation", "offis"),
    *("page", "reference", "reporting", "structured", "this", "was", "with"),
}


@pytest.mark.parametrize("file", reports(), ids=lambda file: file.stem)
def test_page_and_text_have_all_the_words_of_dsr2html(
    dcmtk: Dcmtk, file: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    done = dcmtk("dsr2html", "+U8", "-Ee", "-Dh", file, page)
    assert done.returncode == 0, done.stderr
    report = read_report(dcmread(file))
    expected = words_of(page.read_text("utf-8")) - _LABELS
    assert len(expected) > 40
    assert expected <= words_of("".join(in_html(report, lambda _: "")))
    text = "".join(in_plain_text(report)).lower()
    assert expected <= {*re.findall(r"\w+", text)}
