"""Two results, two runs and two models held against each other."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_archives import HERE
from ai_phantom import ct_series, voxels
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_ai.comparing.models import Summary, _kappa
from pacs_ai.comparing.reports import Judgements, Numbers
from pacs_framework.cli.main import main
from pacs_framework.testing.instances import Instances

ML = 0.24  # of a voxel
BONE = int((voxels() > 300).sum())
MORE = int((voxels() > 30).sum())


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == code, result.output
    return result


def ask(*words: object) -> Any:
    return json.loads(run(*words, "--json").stdout)


@pytest.fixture
def images() -> list[list[Dataset]]:
    return [ct_series(), ct_series()]


@pytest.fixture
def config(tmp_path: Path, images: list[list[Dataset]]) -> Path:
    """An archive with two series and one model in two versions, of which neither ran yet."""
    path = tmp_path / "pacs.toml"
    models = "".join(
        f'[[plugin.ai.models]]\nname = "graded"\nversion = "{version}"\n'
        f'load = "ai_sample_models:Graded"\nfolder = "{HERE}"\nnetwork = true\n'
        f'environment = {{ RULE = "{version}" }}\n'
        for version in "12"
    )
    path.write_text(f'[archive]\ndata = "{tmp_path / "data"}"\n{models}')
    files = tmp_path / "files"
    files.mkdir()
    for image in (*images[0], *images[1]):
        Instances().write(image, files)
    run("import", "--config", path, files)
    return path


def runs(config: Path, series: str, shadow: Path | None = None) -> list[dict[str, Any]]:
    """Both versions on a series, the second maybe apart."""
    here = ("--config", config, "--series", series)
    (one,) = ask("ai", "run", "graded@1", *here)
    (two,) = ask("ai", "run", "graded@2", *here, *(("-o", shadow) if shadow else ()))
    return [one, two]


def test_two_runs_are_compared(config: Path, images: list[list[Dataset]]) -> None:
    """Masks, one of them as a label map; numbers; grades."""
    one, two = runs(config, images[0][0].SeriesInstanceUID)
    segment, number, grade = ask("ai", "compare", one["uid"], two["uid"], "--config", config)
    assert (segment["what"], segment["kind"]) == ("segment", "Bone")
    assert segment["first_ml"] == pytest.approx(BONE * ML)
    assert segment["second_ml"] == pytest.approx(MORE * ML)
    assert segment["dice"] == pytest.approx(2 * BONE / (BONE + MORE), abs=1e-6)
    assert (number["first"], number["second"], number["difference"]) == (BONE, MORE, MORE - BONE)
    assert (grade["first"], grade["second"], grade["same"]) == ("thin", "dense", False)
    said = run("ai", "compare", one["uid"], two["uid"], "--config", config).output
    assert "bone" in said
    assert f"{MORE - BONE:.3f}" in said
    reports = [each["results"][1]["sop_instance_uid"] for each in (one, two)]
    assert ask("ai", "compare", *reports, "--config", config) == [number, grade]


def test_what_cannot_be_compared_is_told(config: Path, images: list[list[Dataset]]) -> None:
    one, _ = runs(config, images[0][0].SeriesInstanceUID)
    (other,) = ask(
        *("ai", "run", "graded@1", "--series", images[1][0].SeriesInstanceUID),
        *("--config", config),
    )
    segmentation, report = (each["sop_instance_uid"] for each in one["results"])
    for pair, reason in (
        ((one["uid"], other["uid"]), "the two runs are of different series"),
        ((one["uid"], report), "a run is compared with a run"),
        ((segmentation, report), "two segmentations or two measurement reports"),
        ((segmentation, other["results"][0]["sop_instance_uid"]), "of different geometry"),
    ):
        said = run("ai", "compare", *pair, "--config", config, code=1).output
        assert reason in said


def test_two_models_are_compared_over_what_both_ran_on(
    config: Path, images: list[list[Dataset]], tmp_path: Path
) -> None:
    """The last run of each; results that were kept apart are read from their folder."""
    here = ("--config", config)
    wanted = ("ai", "agreement", "graded@1", "graded@2", *here)
    assert "ran on no series that is the same" in run(*wanted, code=1).output
    shadow = tmp_path / "shadow"
    for each in images:
        runs(config, each[0].SeriesInstanceUID, shadow)
    found = ask(*wanted, "--shadow", shadow)
    assert (found["first"], found["series"], found["skipped"]) == ("graded@1", 2, {})
    (segments,), (numbers,), (words,) = (
        found[part] for part in ("segments", "measurements", "evaluations")
    )
    assert segments["dice_mean"] == segments["dice_least"]
    assert segments["difference_mean_ml"] == pytest.approx((MORE - BONE) * ML)
    assert numbers["difference_mean"] == numbers["lower"] == numbers["upper"] == MORE - BONE
    assert (words["same"], words["kappa"]) == (0.0, 0.0)
    assert words["pairs"] == [{"first": "thin", "second": "dense", "series": 2}]
    assert "graded@1 and graded@2: 2 series" in run(*wanted, "--shadow", shadow).output
    skipped = ask(*wanted)["skipped"]
    assert len(skipped) == 2
    assert all("kept its results apart: say where" in each for each in skipped.values())


def test_figures_are_those_of_the_books() -> None:
    """Limits of agreement as of numpy; kappa of the usual example of two raters."""
    made = Summary()
    differences = [1.0, 2.0, 4.0]
    for each in differences:
        made.add(Numbers(finding="f", name="n", unit="mL", first=1.0, second=1.0 + each))
    made.add(Numbers(finding="f", name="n", unit="mL", first=1.0, second=None))
    (row,) = made.as_json()["measurements"]
    around = 1.96 * np.std(differences, ddof=1)
    assert (row["series"], row["only_one"]) == (4, 1)
    assert row["lower"] == pytest.approx(np.mean(differences) - around, abs=1e-6)
    assert row["upper"] == pytest.approx(np.mean(differences) + around, abs=1e-6)
    usual = Counter({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15})
    assert _kappa(usual) == pytest.approx(0.4)
    assert _kappa(Counter({("y", "y"): 3})) is None
    assert Judgements(finding="f", name="n", first="y", second="y").same
