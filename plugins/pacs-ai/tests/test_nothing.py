"""A model that finds nothing says so: that is no failure, and no results either."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_archives import HERE, Ai, Start
from ai_onnx_files import threshold
from ai_phantom import ct_series
from click.testing import CliRunner
from pydicom import Dataset

from pacs_ai import plugin as ai_plugin
from pacs_ai.book import State
from pacs_ai.testing import ct_images, made_by, volume_of
from pacs_framework.cli.main import main
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import Instances

Named = Callable[..., dict[str, Any]]
AIR = np.full((6, 24, 24), -1000)
BONE = {"value": "272673000", "meaning": "Bone"}


def ran(start: Start, model: dict[str, Any], images: list[Dataset], **more: Any) -> tuple[Ai, Any]:
    ai = start(model)
    ai.running.take_in(*images)
    return ai, ai.run(model["name"], images, **more)


def check_left_alone(ai: Ai, record: Any, images: list[Dataset]) -> None:
    """Nothing was stored or is kept for inspection."""
    assert ai.book.results(record) == []
    assert ai.archive.lookup.count() == len(images)
    assert not (ai.archive.data / "ai/refused").exists()
    assert not list((ai.archive.data / "ai/runs").iterdir())


@pytest.mark.parametrize("how", ["plainly", "in a list"])
def test_a_class_says_so(start: Start, python_model: Named, tmp_path: Path, how: str) -> None:
    """With the reason, in one printable line; a folder for results is not even made."""
    images, apart = ct_series(), tmp_path / "made"
    model = python_model("Finds", environment={"HOW": how})
    ai, record = ran(start, model, images, output=apart)
    reason = "no voxel of 36864 is above 9000 \\x1b[31mHU"
    assert (record.state, record.reason) == (State.NOTHING, reason)
    assert record.ended is not None
    assert len(ai.book.inputs(record)) == len(images)
    assert not apart.exists()
    check_left_alone(ai, record, images)


@pytest.mark.parametrize(
    ("how", "state", "reason"),
    [
        ("and more", State.REFUSED, "it says that it found nothing, and yields 1 more results"),
        ("of no kind", State.FAILED, "the reason for nothing has 1 to 1024 characters, not 0"),
    ],
)
def test_a_class_that_says_it_wrongly_has_failed(
    start: Start, python_model: Named, how: str, state: State, reason: str
) -> None:
    """It cannot be told which of the two it means; nothing is stored."""
    images = ct_series()
    ai, record = ran(start, python_model("Finds", environment={"HOW": how}), images)
    assert (record.state, reason in record.reason) == (state, True), record.reason
    assert ai.archive.lookup.count() == len(images)


def test_a_model_of_a_study_says_so_of_all_of_it(start: Start) -> None:
    model = {"name": "finds", "load": "ai_study_models:Finds", "folder": str(HERE)}
    ai, images = start({**model, "network": True, "level": "study"}), ct_series()
    ai.running.take_in(*images)
    record = ai.inference().run(ai.model("finds"), str(images[0].StudyInstanceUID), "")
    assert (record.state, record.reason) == (State.NOTHING, "nothing grows in 1 series")
    check_left_alone(ai, record, images)


def program(text: str) -> dict[str, Any]:
    return {"name": "x", "command": ["sh", "-c", text], "network": True}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("printf 'no nodule\nof 4 mm ' >$MERCURE_OUT_DIR/nothing.txt", "no nodule of 4 mm"),
        (r"printf 'none \377\033[1m' >{output}/nothing.txt", "none \\xff\\x1b[1m"),
        ("echo none >{output}/nothing.txt; echo '{}' >{output}/result.json", "none"),
    ],
)
def test_a_program_says_so_in_a_file(start: Start, text: str, reason: str) -> None:
    """Whatever bytes it writes; what its result.json says stays with the run, as ever."""
    images = ct_series()
    ai, record = ran(start, program(text), images)
    assert (record.state, record.reason) == (State.NOTHING, reason)
    assert ("result.json: {}" in record.log) == ("result.json" in text)
    check_left_alone(ai, record, images)


@pytest.mark.parametrize(
    ("text", "state", "reason"),
    [
        (
            "echo none >{output}/nothing.txt; cp $(ls {input}/*.dcm | head -1) {output}/made.dcm",
            State.REFUSED,
            "it says in nothing.txt that it found nothing, and its output holds 1 DICOM files",
        ),
        (
            ": >{output}/nothing.txt",
            State.REFUSED,
            "its nothing.txt cannot be taken: the reason for nothing has 1 to 1024 characters",
        ),
        (
            "head -c 99999 /dev/zero | tr '\\0' x >{output}/nothing.txt",
            State.REFUSED,
            "its nothing.txt cannot be taken: the reason for nothing has 1 to 1024 characters",
        ),
        (
            "ln -s {input}/task.json {output}/nothing.txt",
            State.REFUSED,
            "'nothing.txt', which is no ordinary file",
        ),
        (
            "mkdir {output}/nothing.txt",
            State.REFUSED,
            "there is no DICOM file in its output, and no nothing.txt that says why",
        ),
        ("echo none >{output}/nothing.txt; exit 3", State.FAILED, "exit code 3"),
    ],
)
def test_a_program_that_says_it_wrongly_has_failed(
    start: Start, text: str, state: State, reason: str
) -> None:
    """Results beside it, no reason, one without end, a way out of its folder, an exit code."""
    images = ct_series()
    ai, record = ran(start, program(text), images)
    assert (record.state, reason in record.reason) == (state, True), record.reason
    assert ai.archive.lookup.count() == len(images)


@pytest.mark.parametrize("whole", [False, True])
def test_a_network_whose_classes_are_nowhere_found_nothing(
    start: Start, tmp_path: Path, whole: bool
) -> None:
    """All voxels are background: of a segmentation, that can be known."""
    if find_spec("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed")
    threshold(tmp_path / "bone.onnx", 2.0, whole=whole)  # above all that there is
    model = {"name": "net", "onnx": str(tmp_path / "bone.onnx"), "classes": [{}, BONE]}
    images = ct_series()
    ai, record = ran(start, {**model, "memory": "4 GiB", "network": True}, images)
    assert (record.state, record.reason) == (State.NOTHING, "every voxel is background")
    check_left_alone(ai, record, images)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("body", "there is no body in this series: nothing of 50 ml is denser than air"),
        ("hu-statistics", "there is no body in this series: nothing of 50 ml is denser than air"),
        ("lungs", "there is no lung in this series"),
    ],
)
def test_the_models_of_this_plugin_say_so_of_air(start: Start, model: str, reason: str) -> None:
    images = ct_images(AIR, spacing=(5, 2, 2))
    ai = start()
    ai.running.take_in(*images)
    record = ai.run(model, images)
    assert (record.state, record.reason) == (State.NOTHING, reason)
    check_left_alone(ai, record, images)


def test_an_author_sees_that_nothing_was_made(pacs_archive: Archives) -> None:
    """By `made_by`, which still tells a failure from it."""
    assert made_by(pacs_archive({"ai": ai_plugin}), "lungs", ct_images(AIR)) == []
    assert volume_of(AIR).shape == AIR.shape


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of an archive that holds a series of air, and that no process runs."""
    path, files = tmp_path / "pacs.toml", tmp_path / "files"
    path.write_text(f'[archive]\ndata = "{tmp_path / "data"}"\n')
    files.mkdir()
    for image in ct_images(AIR, spacing=(5, 2, 2), StudyInstanceUID="1.2.840.7"):
        Instances().write(image, files)
    assert CliRunner().invoke(main, ["import", "--config", str(path), str(files)]).exit_code == 0
    return path


def test_commands_show_it_as_no_failure(config: Path) -> None:
    """Exit code 0; as a state, with the reason, in tables and as JSON; a person may disagree."""

    def run(*words: str) -> str:
        name, *rest = words
        done = CliRunner().invoke(main, ["ai", name, "--config", str(config), *rest])
        assert done.exit_code == 0, done.output
        return done.stdout

    said = run("run", "lungs", "--study", "1.2.840.7")
    assert "NOTHING: there is no lung in this series" in said
    (row,) = json.loads(run("runs", "--state", "NOTHING", "--json"))
    assert (row["state"], row["reason"]) == ("NOTHING", "there is no lung in this series")
    table = run("runs", "--state", "NOTHING")
    assert all(word in table for word in ("NOTHING", "there is no lung in this series"))
    assert "state: NOTHING" in run("show", row["uid"])
    assert json.loads(run("runs", "--state", "FAILED", "--json")) == []
    run("review", row["uid"], "reject", "--by", "Dr. A", "--note", "there is a small one")
    (review,) = json.loads(run("show", row["uid"], "--json"))["reviews"]
    assert review["verdict"] == "REJECTED"


def test_agreement_does_not_overlook_it(config: Path) -> None:
    """A series on which one model finds nothing is no series on which the two agree."""
    text = config.read_text()
    for version, words in (("1", "none"), ("2", "none either"), ("3", "")):
        command = json.dumps([sys.executable, str(HERE / "ai_modules.py"), "nothing", words])
        text += f'[[plugin.ai.models]]\nname = "x"\nversion = "{version}"\nnetwork = true\n'
        text += f"command = {command}\n"
    config.write_text(text)

    def run(*words: str, code: int = 0) -> str:
        name, *rest = words
        done = CliRunner().invoke(main, ["ai", name, "--config", str(config), *rest])
        assert done.exit_code == code, done.output
        return done.output

    rows = [json.loads(run("run", f"x@{n}", "--study", "1.2.840.7", "--json"))[0] for n in "123"]
    assert [row["state"] for row in rows] == ["NOTHING", "NOTHING", "DONE"]
    none = json.loads(run("agreement", "x@1", "x@2", "--json"))
    assert (none["series"], none["nothing"]) == (0, {"both": 1, "first": 0, "second": 0})
    one = json.loads(run("agreement", "x@1", "x@3", "--json"))
    assert (one["series"], one["nothing"]) == (0, {"both": 0, "first": 1, "second": 0})
    said = run("agreement", "x@3", "x@2")
    assert "series on which nothing was found: 0 by both, 0 by first, 1 by second" in said
    said = run("compare", rows[0]["uid"], rows[2]["uid"], code=1)
    assert f"run '{rows[0]['uid']}' found nothing: none" in said
