"""A server of the Open Inference Protocol V2, as much of it as tests need, on http.server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

__all__ = ["LENGTH", "QuietServer", "V2Server", "serving"]

LENGTH = "Inference-Header-Content-Length"
_TYPES = {"FP32": "<f4", "FP16": "<f2", "INT16": "<i2", "UINT8": "u1", "FP64": "<f8"}
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    def handle_error(self, *_: object) -> None:
        """Nothing on the screen."""


class V2Server:
    """Serves ``network`` as ``net``. What tests change: how it describes itself and answers.

    ``versions`` are those that answer, one inference after the other; the last one stays.
    ``mangled`` is given status, headers and body of each answer to an inference, and gives others.
    """

    def __init__(self, network: Callable[[np.ndarray], np.ndarray]) -> None:
        self.network = network
        self.binary = True
        self.ready = True
        self.versions = ["3"]
        self.inputs = [{"name": "image", "datatype": "FP32", "shape": [-1, 1, -1, -1]}]
        self.outputs = [{"name": "scores", "datatype": "FP32", "shape": [-1, 2, -1, -1]}]
        self.mangled: Callable[..., tuple[int, dict[str, str], bytes]] = lambda *answer: answer
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.asked: list[dict[str, Any]] = []
        self.given: list[np.ndarray] = []
        self.url = ""

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path == "/v2":
            extensions = ["binary_tensor_data"] if self.binary else []
            return _json({"name": "double", "version": "1", "extensions": extensions})
        if path.endswith("/ready"):
            return (200, {}, b"") if self.ready else _json({"error": "loading"}, 400)
        if path not in ("/v2/models/net", "/v2/models/net/versions/3"):
            return _json({"error": f"there is no {path}"}, 404)
        facts = {"name": "net", "versions": ["3"], "platform": "double"}
        return _json({**facts, "inputs": self.inputs, "outputs": self.outputs})

    def infer(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        length = int(headers.get(LENGTH, len(body)))
        request = json.loads(body[:length])
        self.asked.append(request)
        (given,) = request["inputs"]
        kind = np.dtype(_TYPES[given["datatype"]])
        if size := given.get("parameters", {}).get("binary_data_size"):
            assert length + size == len(body)
            values = np.frombuffer(body[length:], kind)
        else:
            values = np.array(given["data"], kind)
        self.given.append(values.reshape(given["shape"]))
        made = np.ascontiguousarray(self.network(self.given[-1]))
        row: dict[str, Any] = {
            "name": request["outputs"][0]["name"],
            "datatype": _NAMES[made.dtype],
            "shape": list(made.shape),
        }
        version = self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]
        facts = {"model_name": "net", "model_version": version, "outputs": [row]}
        if not self.binary:
            row |= {"data": made.ravel().tolist(), "parameters": None}  # as KServe says it
            return _json(facts)
        row["parameters"] = {"binary_data_size": made.nbytes}
        text = json.dumps(facts).encode()
        return 200, {LENGTH: str(len(text))}, text + made.tobytes()


def _json(facts: dict[str, Any], status: int = 200) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(facts).encode()


@contextmanager
def serving(served: V2Server) -> Iterator[None]:
    """Let it be asked at its ``url``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(*served.get(self._noted()))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._noted()
            self._answer(*served.mangled(*served.infer(dict(self.headers), body)))

        def _noted(self) -> str:
            served.requests.append((self.path, dict(self.headers)))
            return self.path

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the screen."""

    with QuietServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}/v2/models/net"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
