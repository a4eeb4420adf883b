"""Networks on inference servers: what is sent and what may come back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from ai_archives import Ai, Start
from ai_phantom import ct_series, voxels
from ai_v2_server import LENGTH, V2Server, serving
from pydantic import ValidationError
from pydicom import dcmread

from pacs_ai.book import State
from pacs_ai.model_settings import ModelSettings
from pacs_ai.models.kserve import ServedNetwork

BONE = {"value": "272673000", "meaning": "Bone"}
BLOCK = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 1, 3, 4)


def above_a_half(block: np.ndarray) -> np.ndarray:
    """Probabilities of no and yes."""
    yes = (block > 0.5).astype(np.float32)
    return np.concatenate([1 - yes, yes], axis=1)


@pytest.fixture
def server() -> Iterator[V2Server]:
    made = V2Server(above_a_half)
    with serving(made):
        yield made


def asked(server: V2Server, block: np.ndarray = BLOCK, **more: Any) -> np.ndarray:
    given = {"output": "", "headers": {}, "seconds": 60.0, **more}
    with closing(ServedNetwork(server.url, **given)) as network:
        return network.answer(block.astype(network.dtype))


@pytest.mark.parametrize("binary", [True, False])
def test_tensors_go_and_come(server: V2Server, binary: bool) -> None:
    """As bytes where the server can, else as JSON."""
    server.binary = binary
    assert np.array_equal(asked(server), above_a_half(BLOCK))
    assert np.array_equal(server.given[0], BLOCK)
    (given,) = server.asked[0]["inputs"]
    assert (given["name"], given["datatype"], given["shape"]) == ("image", "FP32", [1, 1, 3, 4])
    assert ("data" in given) is not binary


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("kind", ["FP32", "INT16", "UINT8", "FP64"])
def test_numbers_go_as_the_network_takes_them(server: V2Server, kind: str, binary: bool) -> None:
    server.binary = binary
    server.inputs[0]["datatype"] = kind
    server.network = lambda block: block[:, :1].astype(np.float32)
    block = np.arange(12).reshape(1, 1, 3, 4)
    assert np.array_equal(asked(server, block), block)
    assert server.asked[0]["inputs"][0]["datatype"] == kind


def test_one_output_of_several_is_asked_for(server: V2Server) -> None:
    other = {"name": "other", "datatype": "FP32", "shape": [-1]}
    server.outputs.append(other)
    asked(server, output="scores")
    assert [each["name"] for each in server.asked[0]["outputs"]] == ["scores"]
    with pytest.raises(ValueError, match="these outputs: scores, other; one is wanted"):
        asked(server)
    with pytest.raises(ValueError, match="these outputs: scores, other; 'nothing' is wanted"):
        asked(server, output="nothing")
    other["datatype"] = "BYTES"  # such as the names of its classes: nobody asks for it
    assert np.array_equal(asked(server, output="scores"), above_a_half(BLOCK))


def test_headers_go_along(server: V2Server) -> None:
    asked(server, headers={"Authorization": "Bearer x"})
    assert {headers["Authorization"] for _, headers in server.requests} == {"Bearer x"}


def test_tensors_are_not_to_be_compressed(server: V2Server) -> None:
    """Triton does it for whoever takes it, and then works longer on that than on the network."""
    asked(server)
    assert {headers["Accept-Encoding"] for _, headers in server.requests} == {"identity"}


def test_a_version_can_be_asked_for(server: V2Server) -> None:
    server.url += "/versions/3"
    asked(server)
    assert [path for path, _ in server.requests] == [
        "/v2",
        "/v2/models/net/versions/3/ready",
        "/v2/models/net/versions/3",
        "/v2/models/net/versions/3/infer",
    ]


def test_a_network_that_is_not_there_is_told(server: V2Server) -> None:
    server.ready = False
    with pytest.raises(ValueError, match=r'/ready answers 400 \{"error": "loading"\}'):
        asked(server)
    server.ready, server.url = True, server.url + "x"
    with pytest.raises(ValueError, match=r"netx answers 404 \{\"error\": \"there is no"):
        asked(server)


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ([], "these inputs: none; one is wanted"),
        ([{"name": "a", "datatype": "BYTES", "shape": [1]}], "tensor 'a' as 'BYTES'"),
        ([{"name": "a", "datatype": "FP32", "shape": "1"}], "as 'FP32' of '1'"),
        ([{"name": "a", "datatype": "FP32", "shape": [-7]}], r"as 'FP32' of \[-7\]"),
        ([{"name": "a", "datatype": "FP32", "shape": [1, 1, 9, 9]}], r"takes \(1, 1, 9, 9\)"),
    ],
)
def test_a_network_that_takes_something_else_is_not_asked(
    server: V2Server, described: list[Any], reason: str
) -> None:
    server.inputs = described
    with pytest.raises(ValueError, match=reason):
        asked(server)
    assert server.asked == []


def answer(row: dict[str, Any], data: bytes = b"") -> Callable[..., Any]:
    text = json.dumps({"outputs": [{"name": "scores", "datatype": "FP32", **row}]}).encode()
    return lambda *_: (200, {LENGTH: str(len(text))}, text + data)


@pytest.mark.parametrize(
    ("mangled", "reason"),
    [
        (lambda *_: (500, {}, b"out of memory"), "/infer answers 500 out of memory"),
        (lambda *_: (200, {}, b"[]"), "which is no JSON object"),
        (lambda *_: (200, {}, b"{"), "Expecting property name"),
        (lambda *_: (200, {}, b"{}"), "does not answer with 'scores'"),
        (lambda *_: (200, {LENGTH: "99"}, b"{}"), f"says {LENGTH} 99 of 2 bytes"),
        (lambda *_: (200, {LENGTH: "-1"}, b"{}"), f"says {LENGTH} -1 of 2 bytes"),
        (lambda *_: (302, {"Location": "http://localhost:1/"}, b""), "/infer answers 302"),
        (answer({"shape": [1, 3], "data": [1, 2]}), r"2 values and the shape \(1, 3\)"),
        (answer({"shape": [1, -1], "data": [1, 2]}), r"2 values and the shape \(1, -1\)"),
        (answer({"shape": [1 << 60, 4], "data": [1]}), "1 values and the shape"),
        (answer({"shape": [2]}), r"1 values and the shape \(2,\)"),
        (answer({"shape": [1], "data": ["x"]}), "could not convert"),
        (answer({"shape": [1], "datatype": "BYTES"}), "tensor 'scores' as 'BYTES'"),
        (
            answer({"shape": [1, 2], "parameters": {"binary_data_size": 8}}, b"1234"),
            r"4 bytes and the shape \(1, 2\)",
        ),
    ],
)
def test_answers_that_are_wrong_are_told(
    server: V2Server, mangled: Callable[..., Any], reason: str
) -> None:
    server.mangled = mangled
    with pytest.raises(ValueError, match=reason):
        asked(server)


def test_an_answer_that_is_too_large_is_not_read_to_its_end(server: V2Server) -> None:
    server.mangled = lambda *_: (200, {}, bytes(16 << 20))
    with pytest.raises(ValueError, match="answers with more than"):
        asked(server)


def test_a_server_that_says_nothing_is_not_waited_for(server: V2Server) -> None:
    """Longer than the run may take; nor is it asked a second time, which may not be the same."""
    server.mangled = lambda *_: (200, {"Content-Length": "10"}, b"{}")
    with pytest.raises(httpx.ReadTimeout):
        asked(server, seconds=0.5)
    assert len(server.asked) == 1


def test_nobody_there_is_told(server: V2Server) -> None:
    server.url = "http://127.0.0.1:1/v2/models/net"
    with pytest.raises(httpx.ConnectError):
        asked(server)


# --- in an archive --------------------------------------------------------------------------------


def run(start: Start, server: V2Server, folder: Path, **more: Any) -> tuple[Ai, Any, list[Any]]:
    classes = [{}, BONE]
    ai = start({"name": "net", "kserve": server.url, "classes": classes, "memory": "4 GiB", **more})
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("net", images, output=folder)
    made = [dcmread(each) for each in folder.iterdir()] if folder.is_dir() else []
    return ai, record, made


def test_a_served_network_segments_slices(start: Start, server: V2Server, tmp_path: Path) -> None:
    """Each slice is asked for; voxels are 0 to 1 within the window."""
    more = {"window": [0, 1000], "headers": {"Authorization": "Bearer x"}}
    ai, record, (made,) = run(start, server, tmp_path / "made", **more)
    assert (record.state, record.runner) == (State.DONE, "kserve"), record.reason
    assert record.log.splitlines() == ["net ['3'] double", "answered by version 3"]
    assert made.SegmentSequence[0].SegmentLabel == "Bone"
    assert made.pixel_array.sum() == (voxels() > 500).sum() > 0
    assert len(server.given) == len(voxels())
    wanted = np.clip(voxels()[0] / 1000, 0, 1).astype(np.float32)
    assert np.allclose(server.given[0][0, 0], wanted)
    assert server.requests[-1][1]["Authorization"] == "Bearer x"
    assert "Bearer" not in str(ai.settings)


def test_a_network_of_whole_numbers_gets_hounsfield_units(
    start: Start, server: V2Server, tmp_path: Path
) -> None:
    """Clipped to the window, which has to fit."""
    server.inputs[0]["datatype"] = "INT16"
    server.network = lambda block: above_a_half((block > 500).astype(np.float32))
    _, record, (made,) = run(start, server, tmp_path / "made", window=[-1000, 600])
    assert record.state is State.DONE, record.reason
    assert made.pixel_array.sum() == (voxels() > 500).sum()
    assert np.array_equal(server.given[0][0, 0], np.clip(voxels()[0], -1000, 600))
    server.inputs[0]["datatype"] = "UINT8"
    _, record, _ = run(start, server, tmp_path / "none", window=[-1000, 600])
    assert record.state is State.FAILED
    assert "uint8, which does not hold the window" in record.reason


def test_a_network_of_volumes_is_asked_once(start: Start, server: V2Server, tmp_path: Path) -> None:
    server.inputs[0]["shape"] = [1, 1, -1, -1, -1]
    _, record, (made,) = run(start, server, tmp_path / "made", window=[0, 1000])
    assert record.state is State.DONE, record.reason
    assert [each.shape for each in server.given] == [(1, 1, *voxels().shape)]
    assert made.pixel_array.sum() == (voxels() > 500).sum()


def test_a_served_network_may_find_nothing(start: Start, server: V2Server, tmp_path: Path) -> None:
    """Background in every slice; nothing is stored."""
    _, record, made = run(start, server, tmp_path / "made", window=[5000, 6000])
    assert (record.state, record.reason, made) == (State.NOTHING, "every voxel is background", [])
    assert len(server.given) == len(voxels())


def test_a_run_is_of_one_version_of_a_network(
    start: Start, server: V2Server, tmp_path: Path
) -> None:
    """A server that loads another one between two slices makes no segmentation of both."""
    server.versions = ["3", "3", "4"]
    _, record, made = run(start, server, tmp_path / "made")
    assert (record.state, made, len(server.given)) == (State.FAILED, [], 3)
    assert "the server went from version '3' of the network to '4' within a run" in record.reason


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (lambda block: block[..., :1], r"answers \(1, 1, 48, 1\)"),
        (lambda block: np.full((1, 2), np.nan, np.float32), "what is no number"),
    ],
)
def test_an_answer_of_another_kind_fails_the_run(
    start: Start,
    server: V2Server,
    tmp_path: Path,
    network: Callable[[np.ndarray], np.ndarray],
    reason: str,
) -> None:
    server.network = network
    _, record, made = run(start, server, tmp_path / "made")
    assert (record.state, made) == (State.FAILED, [])
    assert __import__("re").search(reason, record.reason)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"kserve": "ftp://host/v2/models/net"}, "pattern"),
        ({"kserve": "http://host/v1/models/net"}, "pattern"),
        ({"kserve": "http://host/v2/models/net/infer"}, "pattern"),
        ({"kserve": "http://host/v2/models/net", "classes": []}, "what a network answers"),
        ({"headers": {"a": "b"}, "command": ["true"], "classes": []}, "headers are for a server"),
        ({"kserve": "http://host/v2/models/net", "monai_label": "http://host/infer/x"}, "give one"),
        ({"monai_label": "http://host/infer/x", "window": [0, 1]}, "voxels as they are"),
        ({"output": "x", "command": ["true"], "classes": []}, "output goes with kserve"),
    ],
)
def test_settings_that_mean_nothing_are_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ModelSettings.model_validate({"name": "net", "version": "1", "classes": [{}, BONE], **more})
