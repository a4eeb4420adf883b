"""Programs as models: those of others unmodified, and what is refused of theirs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from ai_archives import HERE, Ai, Start
from ai_phantom import ct_series, voxels
from pydicom import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, generate_uid

from pacs_ai.api import Code, Segment, Segmentation
from pacs_ai.book import State
from pacs_ai.results.segmentation import write_segmentation
from pacs_ai.results.signature import Signature
from pacs_ai.volumes.grid import grid_of
from pacs_ai.volumes.planes import planes_of

Program = Callable[..., dict[str, Any]]


@pytest.fixture
def program() -> Program:
    """A program of `ai_modules` as the configuration names it."""

    def named(*arguments: str, **more: Any) -> dict[str, Any]:
        command = [sys.executable, str(HERE / "ai_modules.py"), *arguments]
        return {"name": "module", "command": command, "network": True, **more}

    return named


def run(start: Start, model: dict[str, Any], images: list[Dataset], **more: Any) -> tuple[Ai, Any]:
    ai = start(model, **more)
    ai.running.take_in(*images)
    return ai, ai.run(model["name"], images)


def test_a_mercure_module_runs_as_it_is(start: Start, program: Program) -> None:
    """By its variables, the names of its files, and the settings in its task; what it changes is
    the data set of an image, which holds, and what it says besides stays with the run.
    """
    settings = {"most": 3, "texts": [{"description": "by mercure"}]}
    images = ct_series(AccessionNumber="ACC1")
    ai, record = run(start, program("mercure", settings=settings), images)
    assert (record.state, record.reason, record.runner) == (State.DONE, "", "command")
    assert record.log.strip() == 'result.json: {"images": 3, "of": "ACC1"}'
    results = ai.book.results(record)
    assert len(results) == 3
    assert len({result.series_instance_uid for result in results}) == 1
    assert all(result.stored for result in results)
    assert ai.archive.lookup.count() == 15
    assert {result.sop_instance_uid for result in results}.isdisjoint(
        str(image.SOPInstanceUID) for image in images
    )


def test_a_task_says_what_mercure_says_of_a_study(start: Start) -> None:
    """All fields of its class, as far as an archive knows them."""
    model = {"name": "x", "command": ["cat", "{input}/task.json"], "level": "study"}
    ai, images = start({**model, "settings": {"sigma": 2.5}, "network": True}), ct_series()
    ai.running.take_in(*images)
    record = ai.inference().run(ai.model("x"), str(images[0].StudyInstanceUID), "")
    task = json.loads(record.log)
    assert task["id"] == record.uid
    assert (task["info"]["uid_type"], task["info"]["uid"]) == ("study", images[0].StudyInstanceUID)
    assert task["info"]["patient_name"] == str(images[0].PatientName)
    assert task["process"]["settings"] == {"sigma": 2.5}
    assert task["study"]["study_uid"] == images[0].StudyInstanceUID
    assert task["study"]["received_series_uid"] == [images[0].SeriesInstanceUID]


def test_what_makes_a_program_makes_its_digest(start: Start, tmp_path: Path) -> None:
    """Its settings, and weights that are one file, as well as a folder of them."""
    weights = tmp_path / "model.ts"

    def digest(written: str, **settings: Any) -> str:
        weights.write_text(written)
        model = {"name": "x", "command": ["true"], "weights": str(weights), "settings": settings}
        return start(model).model("x").runner.digest()

    made = [digest("a"), digest("b"), digest("a", sigma=1), digest("a", sigma=[2]), digest("a")]
    assert len(set(made)) == 4
    assert made[0] == made[4]


def test_a_monai_application_runs_as_it_is(start: Start, program: Program, tmp_path: Path) -> None:
    """By its variables, results in folders below, the weights where it looks for them."""
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.ts").write_text("by MONAI")
    ai, record = run(start, program("monai", weights=str(weights)), ct_series())
    assert record.state is State.DONE, record.reason
    assert record.log == "scale: 1/1"
    (result,) = ai.book.results(record)
    assert result.stored


def test_a_program_may_say_how_far_it_is(start: Start) -> None:
    """By a named pipe, which a shell can write to, and which a container can be given."""
    text = "echo 0.25 >$PACS_AI_PROGRESS; ls"
    ai, images = start({"name": "x", "command": ["sh", "-c", text], "network": True}), ct_series()
    ai.running.take_in(*images)
    told: list[float] = []
    uids = str(images[0].StudyInstanceUID), str(images[0].SeriesInstanceUID)
    record = ai.inference().run(ai.model("x"), *uids, progress=told.append)
    assert (record.state, record.log, told[:1]) == (State.REFUSED, "progress", [0.25])


def test_an_archive_without_pixels_of_its_own_may_be_given(start: Start, program: Program) -> None:
    """A program takes any images: those that say not where they lie, too."""
    images = ct_series(Modality="DX")
    for image in images:
        del image.ImagePositionPatient
    settings = {"most": 1, "texts": [{"description": "x"}]}
    _, record = run(start, program("mercure", settings=settings, modality=[]), images)
    assert record.state is State.DONE, record.reason


def leaving(made: Path) -> dict[str, Any]:
    """A program that leaves a file, or what else is there of this name."""
    return {
        "name": "module",
        "command": ["cp", "-P", str(made), "{output}/made.dcm"],
        "network": True,
    }


def spoil(image: Dataset, kind: str, first: Dataset) -> None:
    """Something about it is not right."""
    match kind:
        case "study":
            image.StudyInstanceUID = generate_uid()
        case "patient":
            image.PatientID = "SOMEBODY"
        case "name":
            image.PatientName = "Some^Body"
        case "series":
            image.SeriesInstanceUID = first.SeriesInstanceUID
        case "instance":
            image.SOPInstanceUID = first.SOPInstanceUID
        case "class":
            image.SOPClassUID = "1.2.840.10008.5.1.4.1.2.2.1"
        case "uid":
            image.SeriesInstanceUID = "not.a.uid"
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("study", "it made an instance of another study"),
        ("patient", "it made an instance of another patient: PatientID is not the same"),
        ("name", "it made an instance of another patient: PatientName is not the same"),
        ("series", "it made an instance in the series that it was given"),
        ("instance", "which the archive has already"),
        ("class", "'1.2.840.10008.5.1.4.1.2.2.1', which is no storage SOP class"),
        ("syntax", "is no whole DICOM file: it has no transfer syntax"),
        ("uid", "without a valid SeriesInstanceUID"),
        ("cut", "is no whole DICOM file"),
        ("half", "is no whole DICOM file: data set unreadable at offset"),
        ("half deflated", "is no whole DICOM file"),
        ("text", "'made.dcm', which is no DICOM file"),
        ("link", "'made.dcm', which is no ordinary file"),
    ],
)
def test_what_does_not_belong_to_the_input_is_refused(
    start: Start, tmp_path: Path, kind: str, reason: str
) -> None:
    """With the reason, kept for inspection; the study is as it was."""
    images, made = ct_series(), tmp_path / "made"
    image = deepcopy(images[0])
    image.SOPInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    spoil(image, kind, images[0])
    image.save_as(made, enforce_file_format=True)
    if kind == "syntax":  # (0002,0010) becomes an element that there is not
        made.write_bytes(made.read_bytes().replace(b"\2\0\x10\0UI", b"\2\0\x19\0UI", 1))
    elif kind == "cut":
        made.write_bytes(made.read_bytes()[:150])
    elif kind == "half":
        made.write_bytes(made.read_bytes()[:-1000])
    elif kind == "half deflated":
        image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        image.save_as(made, enforce_file_format=True)
        made.write_bytes(made.read_bytes()[:-100])
    elif kind == "text":
        made.write_text("no DICOM file, whatever its name says" * 9)
    elif kind == "link":
        made = tmp_path / "link"
        made.symlink_to("/etc/passwd")
    ai, record = run(start, leaving(made), images)
    assert (record.state, reason in record.reason) == (State.REFUSED, True), record.reason
    assert ai.archive.lookup.count() == len(images)
    kept = ai.archive.data / "ai/refused" / record.uid
    assert (kept / "output").is_dir()
    assert not (kept / "input").exists()


def test_the_result_of_another_model_is_not_replaced(start: Start, tmp_path: Path) -> None:
    """By a program that gives its own the same UID; its own from before it may make once more."""
    images, made = ct_series(), tmp_path / "made"
    image = deepcopy(images[0])
    image.SOPInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.save_as(made, enforce_file_format=True)
    ai = start(leaving(made), {**leaving(made), "name": "other"})
    ai.running.take_in(*images)
    states = [ai.run(name, images).state for name in ("module", "module", "other")]
    assert states == [State.DONE, State.DONE, State.REFUSED]
    assert "which the archive has already" in ai.book.newest(1)[0].reason


def test_what_a_program_made_before_it_failed_is_kept(start: Start, tmp_path: Path) -> None:
    """For inspection, with the reason; one that failed with nothing leaves nothing."""
    images = ct_series()
    ai = start(
        {
            "name": "x",
            "command": ["sh", "-c", "echo a >$MERCURE_OUT_DIR/b; exit 3"],
            "network": True,
        },
        {"name": "y", "command": ["sh", "-c", "exit 3"], "network": True},
    )
    ai.running.take_in(*images)
    records = [ai.run(name, images) for name in "xy"]
    assert [record.state for record in records] == [State.FAILED] * 2
    kept, nothing = (ai.archive.data / "ai/refused" / record.uid for record in records)
    assert (kept / "output/b").read_text() == "a\n"
    assert "exit code 3" in (kept / "reason.txt").read_text()
    assert not (kept / "input").exists()
    assert not nothing.exists()
    assert ai.archive.lookup.count() == len(images)


def test_a_program_that_leaves_nothing_is_refused(start: Start) -> None:
    _, record = run(start, {"name": "x", "command": ["true"], "network": True}, ct_series())
    assert record.state is State.REFUSED
    assert "there is no DICOM file in its output" in record.reason


def segmentation(images: list[Dataset]) -> Dataset:
    """What this plugin would write of the bones of a series."""
    planes = [plane for n, image in enumerate(images) for plane in planes_of(image, n, 1)]
    code = Code(value="272673000", scheme="SCT", meaning="Bone")
    bones = Segment(label="Bone", mask=voxels() > 300, category=code, kind=code)
    signature = Signature(run=generate_uid(), name="x", version="1", manufacturer="")
    made = Segmentation(segments=(bones,))
    return write_segmentation(made, images, grid_of(planes), signature, "0", 1)


def move(made: Dataset, kind: str) -> None:
    """Away from its images."""
    frame = made.PerFrameFunctionalGroupsSequence[-1]
    match kind:
        case "moved":
            x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
            frame.PlanePositionSequence[0].ImagePositionPatient = [x, y, z + 4]
        case "frame":
            made.FrameOfReferenceUID = generate_uid()
        case "size":
            made.Rows, made.Columns = made.Columns, made.Rows
        case "scaled":
            shared = made.SharedFunctionalGroupsSequence[0]
            shared.PixelMeasuresSequence[0].PixelSpacing = [1, 1]
        case "source":
            series = made.ReferencedSeriesSequence[0]
            series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID = generate_uid()
        case "broken":
            del made.SharedFunctionalGroupsSequence


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("same", ""),
        ("moved", "lies on no image of the series: it is of another geometry"),
        ("scaled", "frame 1 of the segmentation lies on no image of the series"),
        ("frame", "a segmentation of another frame of reference"),
        ("size", "a segmentation of another geometry: rows and columns differ"),
        ("source", "it refers to an instance that it was not given"),
        ("broken", "a segmentation that cannot be read"),
    ],
)
def test_a_segmentation_has_to_lie_on_its_images(
    start: Start, tmp_path: Path, kind: str, reason: str
) -> None:
    """A right one passes; moved, scaled or of other images it does not."""
    images = ct_series()
    made = segmentation(images)
    move(made, kind)
    made.save_as(tmp_path / "made", enforce_file_format=True)
    _, record = run(start, leaving(tmp_path / "made"), images)
    assert record.state is (State.REFUSED if reason else State.DONE), record.reason
    assert reason in record.reason


def test_a_program_that_is_not_there_makes_no_run(start: Start) -> None:
    """Its digest cannot be taken; the message says so."""
    ai = start({"name": "x", "command": ["/nowhere/at/all"]})
    images = ct_series()
    ai.running.take_in(*images)
    with pytest.raises(
        Exception, match="'/nowhere/at/all' cannot be run: there is no such program"
    ):
        ai.run("x", images)
    assert ai.book.newest(9) == []
