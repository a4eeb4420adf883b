"""``pacs ai``: models are listed and run, runs shown, judged and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ai_phantom import ct_series
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_framework.cli.main import main
from pacs_framework.testing.instances import Instances


@pytest.fixture
def images() -> list[Dataset]:
    return ct_series(PatientName="Doe^Jane")


@pytest.fixture
def config(tmp_path: Path, images: list[Dataset]) -> Path:
    """The configuration of an archive that holds the phantom, and that no process runs."""
    path = tmp_path / "pacs.toml"
    path.write_text(
        f'[archive]\ndata = "{tmp_path / "data"}"\n'
        '[[plugin.ai.models]]\nname = "nothing"\nversion = "2"\ncommand = ["true"]\n'
        "network = true\n"
    )
    files = tmp_path / "files"
    files.mkdir()
    for image in images:
        Instances().write(image, files)
    run_any("import", "--config", path, files)
    return path


def run_any(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def run(*arguments: object, code: int = 0) -> Result:
    return run_any("ai", *arguments, code=code)


def run_json(*arguments: object, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code).stdout)


def test_models_are_listed(config: Path) -> None:
    listed = {(row["name"], row["version"]): row for row in run_json("list", "--config", config)}
    assert set(listed) == {("body", "1"), ("hu-statistics", "1"), ("lungs", "1"), ("nothing", "2")}
    assert listed["lungs", "1"]["runner"] == "process"
    assert listed["nothing", "2"]["offered_by"] == "the configuration"
    assert "lungs@1" in run("list", "--config", config).output


def test_a_model_is_run_on_a_study(config: Path, images: list[Dataset]) -> None:
    """Each series that fits; the results are in the study, and of other kinds."""
    here, study = ("--config", config), images[0].StudyInstanceUID
    (row,) = run_json("run", "lungs", "--study", study, *here)
    assert (row["state"], row["series"]) == ("DONE", images[0].SeriesInstanceUID)
    assert [made["sop_class"] for made in row["results"]] == [
        "Segmentation Storage",
        "Comprehensive 3D SR Storage",
    ]
    again = run_json("run", "lungs@1", "--study", study, *here)
    states = sorted((each["state"], each["reason"]) for each in again)
    assert states[0] == ("DONE", "")
    assert [state for state, _ in states] == ["DONE", "PASSED OVER", "PASSED OVER"]
    shown = run_json("show", row["results"][0]["sop_instance_uid"], *here)
    assert (shown["uid"], shown["model"], len(shown["inputs"])) == (row["uid"], "lungs", 12)
    assert len(run_json("runs", *here)) == 2
    assert "lungs@1" in run("runs", "--state", "DONE", *here).output
    text = run("show", row["uid"], *here).output
    assert "inputs: 12 instances" in text
    assert "Segmentation Storage, stored" in text


def test_a_model_that_makes_nothing_is_an_error(config: Path, images: list[Dataset]) -> None:
    """Exit code 1; where its output is kept is shown."""
    here, series = ("--config", config), images[0].SeriesInstanceUID
    said = run("run", "nothing", "--series", series, *here, code=1).output
    assert "REFUSED: it ended without results" in said
    (row,) = run_json("runs", "--model", "nothing", *here)
    kept = Path(run_json("show", row["uid"], *here)["kept_in"])
    assert (kept / "reason.txt").read_text().startswith("it ended without results")
    assert "REFUSED" in run("show", row["uid"], *here).output
    said = run("review", row["uid"], "accept", "--by", "me", *here, code=1).output
    assert "it has no results to review" in said


def test_segmentations_are_compared(config: Path, images: list[Dataset], tmp_path: Path) -> None:
    """The same body twice agrees; lungs that one does not have, do not."""
    here, study = ("--config", config), images[0].StudyInstanceUID
    rows = [
        run_json("run", model, "--study", study, *here)[0] for model in ("body", "hu-statistics")
    ]
    uids = [row["results"][0]["sop_instance_uid"] for row in rows]
    compared = {row["kind"]: row for row in run_json("compare", *uids, *here)}
    body = compared["Entire body as a whole"]
    assert (body["dice"], body["first_ml"]) == (1.0, body["second_ml"])
    lung = compared["Left lung"]
    assert (lung["dice"], lung["first_ml"]) == (0.0, 0)
    assert lung["second_ml"] > 50
    assert "1.0000" in run("compare", *uids, *here).output
    wrong = run("compare", uids[0], images[0].SOPInstanceUID, *here, code=1).output
    assert "what is compared are two segmentations or two measurement reports" in wrong


def test_what_people_say_is_kept(config: Path, images: list[Dataset]) -> None:
    """Every verdict, with who gave it."""
    here, series = ("--config", config), images[0].SeriesInstanceUID
    (row,) = run_json("run", "body", "--series", series, *here)
    run("review", row["uid"], "reject", "--by", "Dr. A", "--note", "the table is in it", *here)
    run_json("review", row["results"][0]["sop_instance_uid"], "accept", "--by", "Dr. B", *here)
    reviews = run_json("show", row["uid"], *here)["reviews"]
    assert [(each["verdict"], each["by"]) for each in reviews] == [
        ("REJECTED", "Dr. A"),
        ("ACCEPTED", "Dr. B"),
    ]
    assert "review: REJECTED by Dr. A the table is in it" in run("show", row["uid"], *here).output


def test_what_is_not_there_is_told(config: Path) -> None:
    here = ("--config", config)
    assert "give either --study or --series" in run("run", "body", *here, code=2).output
    said = run("run", "body", "--study", "1.2.3", *here, code=1).output
    assert "there is no study '1.2.3'" in said
    assert "there are body@1, " in run("run", "spleen", "--study", "1.2", *here, code=1).output
    assert "there is no run '1.2'" in run("show", "1.2", *here, code=1).output
