"""Networks in ONNX files: what a configuration says is all the code there is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_archives import Ai, Start, numbers_of_report
from ai_onnx_files import classifier, threshold
from ai_phantom import ct_series, voxels
from pydicom import dcmread

from pacs_ai.book import State

if (
    find_spec("onnxruntime") is None
):  # it is not imported here: see `test_nobody_is_told_of_a_network`
    pytest.skip("onnxruntime is not installed", allow_module_level=True)

BONE = {"value": "272673000", "meaning": "Bone"}
CHEST = {"value": "51185008", "meaning": "Chest"}
HEAD = {"value": "69536005", "meaning": "Head"}


def run(start: Start, path: Path, folder: Path, **more: Any) -> tuple[Ai, Any, list[Any]]:
    model = {"name": "net", "onnx": str(path), "memory": "4 GiB", "network": True, **more}
    ai = start(model)
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("net", images, output=folder)
    made = [dcmread(each) for each in folder.iterdir()] if folder.is_dir() else []
    return ai, record, made


def trained() -> tuple[np.ndarray, np.ndarray]:
    """Weights of a logistic regression that tells slices with lungs from those without.

    Trained by gradient descent on generated slices: mean and maximum of values from 0 to 1.
    """
    rng = np.random.default_rng(7)
    with_lungs = rng.random(400) < 0.5
    means = np.where(with_lungs, 0.22, 0.265) + rng.normal(0, 0.005, 400)
    features = np.stack([means, 0.84 + rng.normal(0, 0.01, 400)], axis=1)
    centred = features - features.mean(axis=0)
    weight = np.zeros(2)
    for _ in range(300):
        chance = 1 / (1 + np.exp(-centred @ weight))
        weight += 5000 * (centred * (with_lungs - chance)[:, None]).mean(axis=0)
    bias = -features.mean(axis=0) @ weight
    return np.stack([-weight, weight], axis=1) / 2, np.array([-bias, bias]) / 2


def test_a_trained_classifier_tells_slices_apart(start: Start, tmp_path: Path) -> None:
    """From generated data to a file to a report: the probabilities of this series."""
    weight, bias = trained()
    path = tmp_path / "chest.onnx"
    classifier(path, weight, bias)
    _, record, (report,) = run(start, path, tmp_path / "made", classes=[HEAD, CHEST])
    assert record.state is State.DONE, record.reason
    scaled = np.clip((voxels() + 1024) / 2048, 0, 1)
    scores = np.stack([scaled.mean(axis=(1, 2)), scaled.max(axis=(1, 2))], axis=1) @ weight + bias
    chance = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert {bool(each) for each in chance[:, 1] > 0.5} == {True, False}  # slices of both kinds
    told = numbers_of_report(report)  # of each class the last number, which is the maximum
    assert told["Chest"] == pytest.approx(chance[:, 1].max(), abs=1e-4)
    assert told["Head"] == pytest.approx(chance[:, 0].max(), abs=1e-4)


@pytest.mark.parametrize("whole", [False, True])
def test_a_network_segments(start: Start, tmp_path: Path, whole: bool) -> None:
    """Slice by slice or the whole volume; the first class is the background."""
    path = tmp_path / "bone.onnx"
    threshold(path, (300 + 1024) / 2048, whole=whole)
    _, record, (made,) = run(start, path, tmp_path / "made", classes=[{}, BONE])
    assert record.state is State.DONE, record.reason
    assert made.SegmentSequence[0].SegmentLabel == "Bone"
    np.testing.assert_array_equal(made.pixel_array.astype(bool), voxels() > 300)


def test_a_window_says_what_the_network_sees(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "bone.onnx"
    threshold(path, 0.5)
    more = {"window": [0, 100], "classes": [{}, BONE]}
    _, _, (made,) = run(start, path, tmp_path / "made", **more)
    np.testing.assert_array_equal(made.pixel_array.astype(bool), voxels() > 50)


def test_a_network_of_other_classes_fails(start: Start, tmp_path: Path) -> None:
    """With what it answered and what was expected."""
    path = tmp_path / "bone.onnx"
    threshold(path, 0.5)
    ai, record, made = run(start, path, tmp_path / "made", classes=[{}, BONE, HEAD])
    assert (record.state, made) == (State.FAILED, [])
    assert "the network answers (1, 2, 48, 64)" in record.reason
    assert "(1, 3) is a classification" in record.reason
    assert not list((ai.archive.data / "ai/runs").iterdir())


def test_nobody_is_told_of_a_network(start: Start, tmp_path: Path) -> None:
    """ONNX Runtime keeps what it will tell Microsoft in a file of its user's, unless told not to;
    this is seen by a run that fails, which keeps what it leaves.
    """
    path = tmp_path / "bone.onnx"
    threshold(path, 0.5)
    ai, record, _ = run(start, path, tmp_path / "made", classes=[{}, BONE, HEAD])
    assert record.state is State.FAILED
    assert not (ai.archive.data / "ai/refused" / record.uid).exists()


def test_a_file_that_is_no_network_fails(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(b"no network")
    _, record, _ = run(start, path, tmp_path / "made", classes=[{}, BONE])
    assert record.state is State.FAILED
    assert "exit code 1" in record.reason
