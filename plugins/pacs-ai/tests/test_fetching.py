"""Weights from the web: once, and only those that were named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ai_archives import Start
from ai_onnx_files import threshold
from ai_phantom import ct_series
from pydantic import ValidationError

from pacs_ai.book import State
from pacs_ai.errors import ModelCanceled, ModelFailed
from pacs_ai.fetching import WebFile
from pacs_ai.settings import AiSettings
from pacs_framework.waking import Waker

DIGEST = sha256(b"weights").hexdigest()
BONE = {"value": "272673000", "meaning": "Bone"}


class _Web(BaseHTTPRequestHandler):
    """Gives one content, cuts it off for a name that says so, and leads from one name to it."""

    def __init__(self, content: bytes, asked: list[str], *args: Any) -> None:
        self._content, self._asked = content, asked
        super().__init__(*args)

    def do_GET(self) -> None:
        self._asked.append(self.path)
        if self.path == "/moved.onnx":
            self.send_response(302)
            self.send_header("Location", "/there/net.onnx")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/nowhere" else 200)
        self.send_header("Content-Length", str(len(self._content)))
        self.end_headers()
        cut = len(self._content) // 2 if self.path == "/cut" else None
        self.wfile.write(self._content[:cut])

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def web(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """The address of a server that gives ``content``, and what it was asked for."""
    asked: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Web, content, asked)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_a_network_of_the_web_is_fetched_once(start: Start, tmp_path: Path) -> None:
    """By the run that needs it first, wherever its address leads to."""
    if find_spec("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed")
    threshold(tmp_path / "net.onnx", 0.6)
    content = (tmp_path / "net.onnx").read_bytes()
    images = ct_series()
    with web(content) as (address, asked):
        model = {"name": "net", "onnx": f"{address}/moved.onnx", "classes": [{}, BONE]}
        digest = sha256(content).hexdigest()
        ai = start({**model, "sha256": digest, "memory": "4 GiB", "network": True})
        ai.running.take_in(*images)
        records = [ai.run("net", images) for _ in range(2)]
    assert [record.state for record in records] == [State.DONE] * 2, records[0].reason
    assert asked == ["/moved.onnx", "/there/net.onnx"]
    assert (ai.archive.data / "ai/weights" / digest / "moved.onnx").read_bytes() == content


def test_what_is_fetched_is_named_as_in_its_address(tmp_path: Path) -> None:
    """Where that is a name, and nothing that leads elsewhere."""

    def name(url: str) -> str:
        return WebFile(url=url, digest=DIGEST, folder=tmp_path).path.name

    assert name("https://a/b/net%20v1.onnx?raw=1") == "weights"
    assert name("https://a/b/net-v1.onnx?raw=1") == "net-v1.onnx"
    assert name("https://a/..%2F..%2Fx") == "x"
    assert name("https://a/..") == name("https://a/") == name("https://a") == "weights"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nowhere", "404"),
        ("cut", "cannot be fetched"),
        ("another", "is not what was configured: its SHA-256 is"),
    ],
)
def test_what_cannot_be_had_or_is_another_is_not_kept(
    tmp_path: Path, place: str, reason: str
) -> None:
    with web(b"other weights" if place == "another" else b"weights") as (address, _):
        file = WebFile(url=f"{address}/{place}", digest=DIGEST, folder=tmp_path / "kept")
        with pytest.raises(ModelFailed, match=reason):
            file.fetch(tmp_path)
    assert not file.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_says_so(tmp_path: Path) -> None:
    with web(b"") as (address, _):
        pass
    file = WebFile(url=f"{address}/x", digest=DIGEST, folder=tmp_path / "kept")
    with pytest.raises(ModelFailed, match=f"{address}/x cannot be fetched: "):
        file.fetch(tmp_path)


def test_a_canceled_run_ends_while_its_weights_come(tmp_path: Path) -> None:
    canceled = Waker()
    canceled.ring()
    with web(b"weights") as (address, _):
        file = WebFile(url=f"{address}/x", digest=DIGEST, folder=tmp_path / "kept")
        with pytest.raises(ModelCanceled):
            file.fetch(tmp_path, canceled)
    canceled.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"command": ["a"], "weights": "https://a/b"}, "say by sha256 what https://a/b leads to"),
        ({"command": ["a"], "sha256": DIGEST}, "sha256 is for what comes from the web"),
        ({"command": ["a"], "weights": "https://a/b", "sha256": "x"}, "match pattern"),
        ({"command": ["a"], "weights": "/nowhere/at/all"}, "does not exist"),
    ],
)
def test_an_address_needs_its_digest(model: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        AiSettings.model_validate({"models": [{"name": "x", "version": "1", **model}]})


def test_weights_of_a_command_may_be_an_address(start: Start) -> None:
    """It finds them as a file of this host."""
    images, print_it = ct_series(), ["sh", "-c", "cat $MONAI_MODELPATH"]
    with web(b"weights") as (address, _):
        model = {"name": "x", "command": print_it, "weights": f"{address}/a.ts", "sha256": DIGEST}
        ai = start({**model, "network": True})
        ai.running.take_in(*images)
        record = ai.run("x", images)
    assert record.log == "weights"
