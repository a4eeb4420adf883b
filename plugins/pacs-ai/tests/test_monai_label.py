"""Segmentation by a MONAI Label server: a stand-in, made of two endpoints of version 0.8.5."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_archives import Start
from ai_phantom import ORIGIN, SPACING, ct_series, voxels
from ai_v2_server import QuietServer
from pydicom import dcmread

from pacs_ai.book import State

nibabel = pytest.importorskip("nibabel")

BONE = {"value": "272673000", "meaning": "Bone"}


class Server:
    """Labels what is above 500 as 1; ``answer`` makes the answer of image and labels."""

    def __init__(self) -> None:
        self.answer: Callable[[Any, np.ndarray], bytes] = lambda image, labels: gzip.compress(
            nibabel.Nifti1Image(labels, image.affine).to_bytes()
        )
        self.info: Any = {"name": "app", "version": "2.0", "models": {"bones": {}, "spleen": {}}}
        self.path = self.url = ""
        self.images: list[Any] = []
        self.fields: dict[str, Any] = {}
        self.headers: Message | None = None

    def infer(self, headers: Message, body: bytes) -> bytes:
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode("ascii")
        self.headers = headers
        for part in BytesParser().parsebytes(head + body).get_payload():  # type: ignore[union-attr]
            name = part.get_param("name", header="Content-Disposition")  # type: ignore[union-attr]
            self.fields[str(name)] = part
        start = body.index(b"\r\n\r\n", body.index(b'name="file"')) + 4
        image = nibabel.Nifti1Image.from_bytes(body[start : body.rindex(b"\r\n--")])
        self.images.append(image)
        return self.answer(image, (np.asarray(image.dataobj) > 500).astype(np.uint8))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/info/"
            info = made.info
            self._answer(info if isinstance(info, bytes) else json.dumps(info).encode())

        def do_POST(self) -> None:
            made.path = self.path
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(made.infer(self.headers, body))

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the screen."""

    with QuietServer(("127.0.0.1", 0), Handler) as http:
        made.url = f"http://127.0.0.1:{http.server_port}/infer/bones"
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield made
        http.shutdown()
        thread.join()


def run(start: Start, server: Server, folder: Path, **more: Any) -> tuple[Any, list[Any]]:
    ai = start({"name": "net", "monai_label": server.url, "classes": [{}, BONE], **more})
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("net", images, output=folder)
    made = [dcmread(each) for each in folder.iterdir()] if folder.is_dir() else []
    return record, made


def test_a_volume_goes_and_labels_come(start: Start, server: Server, tmp_path: Path) -> None:
    """In the coordinates of NIfTI: right to left, posterior to anterior."""
    headers = {"Authorization": "Bearer x"}
    record, (made,) = run(start, server, tmp_path / "made", headers=headers)
    assert (record.state, record.runner) == (State.DONE, "monai-label"), record.reason
    assert record.log == "app 2.0"
    assert made.SegmentSequence[0].SegmentLabel == "Bone"
    assert np.array_equal(made.pixel_array.sum(), (voxels() > 500).sum())
    (image,) = server.images
    assert np.array_equal(np.asarray(image.dataobj).T, voxels())
    assert np.allclose(image.affine[:3, 3], (-ORIGIN[0], -ORIGIN[1], ORIGIN[2]))
    assert np.allclose(np.diag(image.affine)[:3], (-SPACING[2], -SPACING[1], SPACING[0]))
    assert server.path == "/infer/bones?output=image"
    assert server.fields["params"].get_payload().strip() == '{"result_extension": ".nii.gz"}'
    assert server.fields["file"].get_filename() == "image.nii"
    assert server.headers is not None
    assert server.headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({"models": {"spleen": {}, "liver": {}}}, "has no model 'bones'; it has liver, spleen"),
        ({"models": {}}, "the server has no model 'bones'; it has none"),
        ({"name": "something else"}, "/info/ answers as no MONAI Label server does"),
        (["bones"], "/info/ answers as no MONAI Label server does"),
        (b"<html>\xff", "/info/ answers as no MONAI Label server does"),
    ],
)
def test_a_model_that_the_server_has_not_is_not_asked_for(
    start: Start, server: Server, tmp_path: Path, info: Any, reason: str
) -> None:
    """Images of a patient do not go to whatever answers there."""
    server.info = info
    record, made = run(start, server, tmp_path / "made")
    assert (record.state, made, server.images) == (State.FAILED, [], [])
    assert reason in record.reason


def test_a_server_may_label_nothing(start: Start, server: Server, tmp_path: Path) -> None:
    server.answer = lambda image, labels: whole(image, labels * 0)
    record, made = run(start, server, tmp_path / "made")
    assert (record.state, record.reason, made) == (State.NOTHING, "every voxel is background", [])


def moved(image: Any, labels: np.ndarray) -> bytes:
    affine = image.affine.copy()
    affine[2, 3] += 8
    data: bytes = nibabel.Nifti1Image(labels, affine).to_bytes()
    return data


def whole(image: Any, labels: np.ndarray) -> bytes:
    data: bytes = nibabel.Nifti1Image(labels, image.affine).to_bytes()
    return data


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (moved, "the labels lie elsewhere than the volume"),
        (lambda image, labels: whole(image, labels[:-1]), "the labels have the geometry (63, 48"),
        (lambda image, labels: whole(image, labels * 2), "labels beside 0 to 1"),
        (lambda *_: b"no file", "what is no NIfTI file"),
        (lambda *given: gzip.compress(whole(*given))[:-20], "cut off"),
        (lambda *_: gzip.compress(bytes(64 << 20)), "cut off, or has over"),
        (lambda *_: b"\x1f\x8b nothing", "a file that cannot be read"),
        (lambda *_: bytes(16 << 20), "answers with more than"),
    ],
)
def test_labels_that_do_not_fit_fail_the_run(
    start: Start, server: Server, tmp_path: Path, answer: Callable[..., bytes], reason: str
) -> None:
    server.answer = answer
    record, made = run(start, server, tmp_path / "made")
    assert (record.state, made) == (State.FAILED, [])
    assert reason in record.reason
