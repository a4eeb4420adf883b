"""Networks on NVIDIA's Triton Inference Server itself.

uv venv .triton && uv pip install --python .triton/bin/python nvidia-pytriton
TRITON_PYTHON=.triton/bin/python pytest plugins/pacs-ai/tests/test_triton.py
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_archives import Ai, Start
from ai_phantom import ct_series, voxels
from ai_triton import ServedModel, triton_serving
from pydicom import dcmread

from pacs_ai.book import State
from pacs_framework.waking import Waker

pytestmark = pytest.mark.interop

BONE = {"value": "272673000", "meaning": "Bone"}
MODELS = (
    ServedModel("net", {"1": 0.5, "2": 0.02}, batch=4),
    ServedModel("whole", {"1": 500}, kind="INT16", sizes=3),
    ServedModel("broken", {"1": 0}, body='raise RuntimeError("the GPU is on fire")'),
    ServedModel(
        "stuck",
        {"1": 0.5},
        body="open(self.folder + 'begun', 'w').close(); open(self.folder + 'go').close()",
    ),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of `MODELS`, and the folder that they lie in."""
    folder = tmp_path_factory.mktemp("triton")
    for each in MODELS:
        each.write(folder / "models")
    for name in ("begun", "go"):
        os.mkfifo(folder / "models/stuck" / name)
    with triton_serving(folder) as url:
        yield url, folder / "models"


def prepared(start: Start, address: str, **more: Any) -> tuple[Ai, list[Any]]:
    model = {
        "name": "net",
        "kserve": address,
        "output": "scores",
        "window": [0, 1000],
        "classes": [{}, BONE],
    }
    ai, images = start({**model, **more}), ct_series()
    ai.running.take_in(*images)
    return ai, images


def run(start: Start, address: str, folder: Path, **more: Any) -> tuple[Any, list[Any]]:
    ai, images = prepared(start, address, **more)
    record = ai.run("net", images, output=folder)
    return record, [dcmread(each) for each in folder.iterdir()] if folder.is_dir() else []


@pytest.mark.parametrize(
    ("asked", "version", "above"),
    [("/versions/1", "1", 500), ("/versions/2", "2", 20), ("", "2", 20)],
)
def test_a_version_of_a_network_segments_slices(
    start: Start,
    served: tuple[str, Path],
    tmp_path: Path,
    asked: str,
    version: str,
    above: float,
) -> None:
    """The newest one where none is named; of two outputs, one of which is no number."""
    record, (made,) = run(start, f"{served[0]}/net{asked}", tmp_path / "made")
    assert record.state is State.DONE, record.reason
    assert record.log.splitlines()[-1] == f"answered by version {version}"
    assert made.pixel_array.sum() == (voxels() > above).sum() > 0


def test_a_network_of_volumes_gets_whole_numbers(
    start: Start, served: tuple[str, Path], tmp_path: Path
) -> None:
    more = {"window": [-1000, 600]}
    record, (made,) = run(start, f"{served[0]}/whole", tmp_path / "made", **more)
    assert record.state is State.DONE, record.reason
    assert np.array_equal(made.pixel_array.sum(), (voxels() > 500).sum())


def test_a_network_may_find_nothing(start: Start, served: tuple[str, Path], tmp_path: Path) -> None:
    """Whatever it sees is below the window, so its second channel is nowhere the higher one."""
    record, made = run(start, f"{served[0]}/net", tmp_path / "made", window=[5000, 6000])
    assert (record.state, record.reason, made) == (State.NOTHING, "every voxel is background", [])
    assert record.log.splitlines()[-1] == "answered by version 2"


@pytest.mark.parametrize(
    ("asked", "more", "reason"),
    [
        ("broken", {}, "the GPU is on fire"),
        ("nothing", {}, '/ready answers 400 {"error":"Model version not ready"}'),
        ("net/versions/3", {}, '/ready answers 400 {"error":"Model version not ready"}'),
        ("net", {"output": ""}, "these outputs: names, scores; one is wanted"),
        ("net", {"output": "names"}, "describes the tensor 'names' as 'BYTES'"),
    ],
)
def test_what_is_wrong_fails_the_run(
    start: Start,
    served: tuple[str, Path],
    tmp_path: Path,
    asked: str,
    more: dict[str, Any],
    reason: str,
) -> None:
    record, made = run(start, f"{served[0]}/{asked}", tmp_path / "made", **more)
    assert (record.state, made) == (State.FAILED, [])
    assert reason in record.reason


def test_a_run_is_canceled_whatever_the_server_does(
    start: Start, served: tuple[str, Path], tmp_path: Path
) -> None:
    """It does not learn of that by HTTP, and goes on."""
    url, models = served
    ai, images = prepared(start, f"{url}/stuck")
    uids = str(images[0].StudyInstanceUID), str(images[0].SeriesInstanceUID)
    ended: list[Any] = []
    with closing(Waker(tmp_path / "canceled")) as canceled:

        def inference() -> None:
            ended.append(ai.inference().run(ai.model("net"), *uids, canceled=canceled))

        thread = threading.Thread(target=inference)
        thread.start()
        (models / "stuck/begun").read_bytes()  # until it is being asked
        canceled.ring()
        thread.join()
    (models / "stuck/go").write_bytes(b"")
    assert [record.state for record in ended] == [State.CANCELED]
