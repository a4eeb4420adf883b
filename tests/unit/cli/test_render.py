"""``pacs render``, as far as it needs no codec."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BlendingSoftcopyPresentationStateStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
)

from pacs_framework.cli.files import FileTask
from pacs_framework.cli.main import main
from pacs_framework.cli.pieces import NewFile, NewFiles, named, run_tasks
from pacs_framework.errors import PacsError

GREY_STATE = str(GrayscaleSoftcopyPresentationStateStorage)
WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = None
from pacs_framework.cli.main import main
main()
"""


def render(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["render", *map(str, arguments)])


def write(path: Path, frames: int = 1, **header: object) -> Path:
    """A CT image with levels from 0 to 11, of which each frame has 100 more."""
    values = np.arange(12, dtype=np.uint16).reshape(3, 4) + 100 * np.arange(frames)[:, None, None]
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.2.3.4"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.NumberOfFrames = 3, 4, 1, frames
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = values.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    for keyword, value in header.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def levels(path: Path) -> list[list[int]]:
    with Image.open(path) as picture:
        return np.asarray(picture).tolist()


def test_one_image_becomes_the_file_that_was_named(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.png"
    done = render(write(tmp_path / "a.dcm"), "-o", out)
    assert done.exit_code == 0, done.output
    assert "1 picture," in done.output
    assert levels(out) == np.rint(np.arange(12).reshape(3, 4) * 255 / 11).astype(int).tolist()


def test_the_view_is_what_the_options_say(tmp_path: Path) -> None:
    ds = write(tmp_path / "a.dcm", WindowCenter=[5, 0], WindowWidth=[2, 40], PixelSpacing=[2, 1])
    folder = tmp_path / "out"
    for number, (options, size) in enumerate(
        [
            (("--window", "-2", "7.5"), (4, 6)),
            (("--voi", "2"), (4, 6)),
            (("--voi", "2", "--no-aspect"), (4, 3)),
            (("--size", "40x30"), (20, 30)),
        ]
    ):
        out = folder / f"{number}.png"
        done = render(ds, "-o", out, "--json", *options)
        assert done.exit_code == 0, done.output
        [row] = json.loads(done.stdout)
        assert (row["width"], row["height"]) == size
        assert np.shape(levels(out)) == size[::-1]
        voi = {0: "window -2/7.5 LINEAR", 3: "window 5/2 LINEAR"}.get(number, "window 0/40 LINEAR")
        assert row["voi"] == voi


def presentation(path: Path, sop_class: str, *frames: int, **said: object) -> Path:
    """A state for the image of `write`."""
    image, series, ds = Dataset(), Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, "1.2.3.4"
    if frames:
        image.ReferencedFrameNumber = list(frames)
    series.ReferencedImageSequence = Sequence([image])
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, "1.2.3.5"
    ds.ReferencedSeriesSequence = Sequence([series])
    for keyword, value in said.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)
    return path


def test_a_presentation_state_takes_the_place_of_the_header(tmp_path: Path) -> None:
    """For its own images and frames; others are failures."""
    image = write(tmp_path / "a.dcm", frames=2, WindowCenter=5, WindowWidth=2)
    said = {"ImageRotation": 180, "PresentationLUTShape": "INVERSE"}
    state = presentation(tmp_path / "s.dcm", GREY_STATE, 1, **said)
    result = render(image, "--state", state, "-o", tmp_path / "a.png")
    assert result.exit_code == 0, result.output
    by_header = np.array(levels(tmp_path / "a.png"))
    ramp = np.arange(12).reshape(3, 4) / 4095
    assert (by_header == np.rint((1 - ramp[::-1, ::-1]) * 255)).all()
    other = render(image, "--state", state, "--frame", 2, "-o", tmp_path / "b.png", "--json")
    assert other.exit_code == 1
    assert "not for frame 2" in json.loads(other.stdout)[0]["error"]
    foreign = write(tmp_path / "c.dcm", SOPInstanceUID="1.2.3.9")
    assert render(foreign, "--state", state, "-o", tmp_path / "c.png").exit_code == 1


def test_a_state_may_subtract_another_frame_of_the_file(tmp_path: Path) -> None:
    """Which is read besides the frame that is drawn, whatever threads draw."""
    image = write(tmp_path / "a.dcm", frames=3)
    mask, window = Dataset(), Dataset()
    mask.MaskOperation, mask.MaskFrameNumbers = "AVG_SUB", 1
    window.WindowCenter, window.WindowWidth = 0, 512
    said = {
        "MaskSubtractionSequence": Sequence([mask]),
        "SoftcopyVOILUTSequence": Sequence([window]),
        "RecommendedViewingMode": "SUB",
    }
    state = presentation(tmp_path / "s.dcm", GREY_STATE, **said)
    result = render(image, "--state", state, "-o", tmp_path / "out", "--all-frames", "--json")
    assert result.exit_code == 0, result.output
    drawn = [np.array(levels(Path(each["output"]))) for each in json.loads(result.stdout)]
    assert [picture.min() for picture in drawn] == [picture.max() for picture in drawn]
    assert [int(picture[0, 0]) for picture in drawn] == [128, 178, 228]


def test_what_is_no_presentation_state_is_a_usage_error(tmp_path: Path) -> None:
    """Before anything is drawn."""
    image = write(tmp_path / "a.dcm")
    blending = presentation(tmp_path / "b.dcm", str(BlendingSoftcopyPresentationStateStorage))
    for file, reason in ((image, "presentation states of this kind"), (blending, "Blending")):
        result = render(image, "--state", file, "-o", tmp_path / "a.png")
        assert result.exit_code == 2
        assert reason in " ".join(result.output.split())
    state = presentation(tmp_path / "s.dcm", GREY_STATE)
    both = render(image, "--state", state, "--no-aspect", "-o", tmp_path / "a.png")
    assert both.exit_code == 2
    assert not (tmp_path / "a.png").exists()


def test_overlays_are_drawn_unless_not_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm")
    ds = pydicom.dcmread(path)
    for element, vr, value in ((0x10, "US", 1), (0x11, "US", 1), (0x50, "SS", [2, 2])):
        ds.add_new(0x60000000 | element, vr, value)
    ds.add_new(0x60003000, "OW", b"\1\0")
    ds.save_as(path)
    assert render(path, "-o", tmp_path / "with.png").exit_code == 0
    assert render(path, "-o", tmp_path / "without.png", "--no-overlays").exit_code == 0
    assert levels(tmp_path / "with.png")[1][1] == 255
    assert levels(tmp_path / "without.png")[1][1] < 255


def test_frames_are_numbered_where_there_are_several(tmp_path: Path) -> None:
    study = tmp_path / "study"
    write(study / "1.2.840.1", frames=3)
    write(study / "deep" / "1.2.840.2.dcm")
    assert render(study, "-o", tmp_path / "all", "--all-frames").exit_code == 0
    assert files(tmp_path / "all") == {
        *(f"1.2.840.1.000{number}.png" for number in (1, 2, 3)),
        "deep/1.2.840.2.png",
    }
    assert render(study, "-o", tmp_path / "first").exit_code == 0
    assert files(tmp_path / "first") == {"1.2.840.1.png", "deep/1.2.840.2.png"}
    done = render(study / "1.2.840.1", "-o", tmp_path / "third.png", "--frame", "3", "--json")
    [row] = json.loads(done.stdout)
    assert (row["frame"], row["voi"], row["error"]) == (3, "span 200 to 211", "")


def test_jpeg_by_name_and_by_option(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm")
    assert render(path, "-o", tmp_path / "a.jpg", "--quality", "50").exit_code == 0
    with Image.open(tmp_path / "a.jpg") as picture:
        assert picture.format == "JPEG"
    assert render(path, "-o", tmp_path / "out", "--format", "jpeg").exit_code == 0
    assert files(tmp_path / "out") == {"a.jpg"}


def test_json_has_a_row_for_each_picture_and_each_failure(tmp_path: Path) -> None:
    study = tmp_path / "study"
    write(study / "a.dcm")
    (study / "b.dcm").write_bytes(b"no DICOM file")
    done = render(study, "-o", tmp_path / "out", "--json", "--jobs", "2")
    assert done.exit_code == 1
    good, bad = json.loads(done.stdout)
    out = tmp_path / "out" / "a.png"
    assert good == {
        "path": str(study / "a.dcm"),
        "output": str(out),
        "frame": 1,
        "bytes": out.stat().st_size,
        "width": 4,
        "height": 3,
        "colour": False,
        "voi": "span 0 to 11",
        "error": "",
    }
    assert bad["output"] == ""
    assert bad["error"].startswith("no DICOM file")
    assert files(tmp_path / "out") == {"a.png"}


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    path, out = write(tmp_path / "a.dcm"), tmp_path / "out.png"
    out.write_bytes(b"precious")
    done = render(path, "-o", out)
    assert done.exit_code == 1
    assert f"{out} is there already; --overwrite replaces it" in done.output
    assert out.read_bytes() == b"precious"
    assert render(path, "-o", out, "--overwrite").exit_code == 0
    assert out.read_bytes() != b"precious"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("-o", "x.png", "--frame", "1", "--all-frames"), "--frame and --all-frames exclude"),
        (("-o", "x.png", "--window", "1", "2", "--voi", "1"), "--window and --voi exclude"),
        (("-o", "x.png", "--window", "1", "0"), "has to be at least 1"),
        (("-o", "x.png", "--all-frames"), "name of one picture, and there may be several"),
        (("-o", "x.png", "--format", "jpeg"), "x.png is not the name of a jpeg file"),
        (("-o", "x", "--quality", "3"), "--quality is for JPEG"),
        (("-o", "x", "--size", "12"), "'12' is no size; give WIDTHxHEIGHT"),
        (("-o", "x", "--size", "0x5"), "'0x5' is no size"),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(
    tmp_path: Path, monkeypatch, options, told
) -> None:
    """None is ignored, and nothing is written."""
    path = write(tmp_path / "a.dcm")
    monkeypatch.chdir(tmp_path)
    done = render(path, *options)
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert files(tmp_path) == {"a.dcm"}


def test_several_images_do_not_fit_into_one_file(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a.dcm"), write(tmp_path / "b.dcm")
    for paths in ((one, other), (tmp_path,)):
        assert render(*paths, "-o", tmp_path / "x.png").exit_code == 2


def test_a_frame_that_an_image_has_not_is_a_failure(tmp_path: Path) -> None:
    done = render(write(tmp_path / "a.dcm"), "-o", tmp_path / "x.png", "--frame", "2")
    assert done.exit_code == 1
    assert "there is no frame 2: the image has 1" in done.output
    assert not (tmp_path / "x.png").exists()


def test_a_folder_without_files_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = render(tmp_path / "empty", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "no files" in done.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("render", "FILE", "-o", "out"), 2),
        (("extract", "FILE", "-o", "out", "--npy"), 2),
        (("extract", "FILE", "-o", "out"), 0),
        (("render", "--help"), 0),
    ],
)
def test_without_numpy_the_extra_is_named(tmp_path: Path, arguments, code) -> None:
    """And what needs none of it works."""
    path = write(tmp_path / "a.dcm")
    told = [str(path) if argument == "FILE" else argument for argument in arguments]
    command = [sys.executable, "-c", WITHOUT_NUMPY, *told]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert ("needs numpy: pip install 'pacs-framework[render]'" in done.stderr) == (code == 2)


def test_no_file_of_a_run_replaces_another_one(tmp_path: Path) -> None:
    """Also with --overwrite: two names may come to the same."""
    new = NewFiles(overwrite=True)
    place = named(tmp_path / "a", 3, 20, ".png")
    assert place.name == "a.0003.png"
    assert new.write(place, (b"one", b"two")) == 6
    with pytest.raises(PacsError, match=r"another file was written to .*a\.0003\.png too"):
        new.write(place, (b"three",))
    assert place.read_bytes() == b"onetwo"


def test_an_interrupted_run_ends_with_the_next_file(tmp_path: Path) -> None:
    """And not with the last frame of a thousand."""
    began, new = threading.Event(), NewFiles(overwrite=False)

    def endless(task: FileTask):
        number = 0
        if task.source.name == "quick":
            yield NewFile(path=task.source)
            return
        while True:
            number += 1
            new.write(tmp_path / f"{number}.png", (b"",))
            began.set()

    tasks = [FileTask(source=tmp_path / n, destination=tmp_path) for n in ("quick", "endless")]
    results = run_tasks(endless, tasks, 2, new)
    assert [each.path.name for each in next(results)] == ["quick"]
    assert began.wait(20)
    results.close()
    with pytest.raises(PacsError, match="interrupted"):
        new.write(tmp_path / "more", ())
