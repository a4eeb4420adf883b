"""The Open Inference Protocol V2 over HTTP: Triton, KServe, MLServer, OpenVINO Model Server.

Tensors go as binary data where the server has the extension for it (``binary_tensor_data``), else
as JSON. https://github.com/open-inference/open-inference-protocol
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from pacs_ai.models.asking import SAID, answer_of, client_of

__all__ = ["ServedNetwork", "Tensor"]

_BINARY = "binary_tensor_data"
_HEADER_LENGTH = "Inference-Header-Content-Length"
_MOST_FACTS = 1 << 20
_MOST_OF_A_NUMBER = 32  # bytes of it as JSON
_TYPES = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output as the server describes it; -1 is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The same for NumPy."""
        return _TYPES[self.datatype]


class ServedNetwork:
    """A network at ``url`` (``http://host:8000/v2/models/NAME[/versions/VERSION]``).

    Raises ValueError where the server does not have it ready, or it has not one input; ``output``
    names the one that is wanted of several. Errors of the network are `httpx.HTTPError`.
    """

    def __init__(
        self, url: str, *, output: str, headers: Mapping[str, str], seconds: float
    ) -> None:
        self._url = url.rstrip("/")
        self.version = ""
        """Which one of the network has answered, where the server says so."""
        self._client = client_of(seconds, headers)
        try:
            self._look(output)
        except BaseException:
            self.close()
            raise

    def _look(self, output: str) -> None:
        server = _object(self._get(self._url.partition("/models/")[0]))
        self._binary = _BINARY in (server.get("extensions") or ())
        self._get(f"{self._url}/ready")
        facts = _object(self._get(self._url))
        known = (facts.get(each) for each in ("name", "versions", "platform"))
        self.described = " ".join(str(each) for each in known if each)
        self._input = _only(facts, "inputs", "")
        self._output = _only(facts, "outputs", output)
        self.dimensions, self.dtype = len(self._input.shape), self._input.dtype

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def answer(self, block: NDArray[Any]) -> NDArray[Any]:
        """The output to ``block``. Raises ValueError for one that is not what was described."""
        _check_shape(self._input, block.shape)
        request, data = self._request(block)
        text = json.dumps(request).encode()
        headers = {"Content-Type": "application/json"}
        if self._binary:
            headers = {
                "Content-Type": "application/octet-stream",
                _HEADER_LENGTH: str(len(text)),
            }
        answer = answer_of(
            self._client,
            "POST",
            f"{self._url}/infer",
            most=self._most(block),
            content=text + data,
            headers=headers,
        )
        return self._read(*answer)

    def _request(self, block: NDArray[Any]) -> tuple[dict[str, Any], bytes]:
        given: dict[str, Any] = {
            "name": self._input.name,
            "shape": list(block.shape),
            "datatype": self._input.datatype,
        }
        wanted: dict[str, Any] = {"name": self._output.name}
        if self._binary:
            data = np.ascontiguousarray(block).tobytes()
            given["parameters"] = {"binary_data_size": len(data)}
            wanted["parameters"] = {"binary_data": True}
        else:
            data = b""
            given["data"] = block.ravel().tolist()
        return {"inputs": [given], "outputs": [wanted]}, data

    def _most(self, block: NDArray[Any]) -> int:
        """Bytes of an answer that can be right: 256 channels of the size of ``block``, or what the
        server says itself.
        """
        described = math.prod(size for size in self._output.shape if size > 0)
        return _MOST_FACTS + max(256 * block.size, described) * _MOST_OF_A_NUMBER

    def _read(self, headers: httpx.Headers, body: bytes) -> NDArray[Any]:
        length = int(headers.get(_HEADER_LENGTH, len(body)))
        if not 0 <= length <= len(body):
            raise ValueError(f"the server says {_HEADER_LENGTH} {length} of {len(body)} bytes")
        facts, rest = _object(body[:length]), body[length:]
        self._check_version(str(facts.get("model_version") or ""))
        for row in facts.get("outputs") or ():
            size = (row.get("parameters") or {}).get("binary_data_size")
            data, rest = (None, rest) if size is None else (rest[:size], rest[size:])
            if row.get("name") == self._output.name:
                return _array(_tensor(row), row, data)
        raise ValueError(f"the server does not answer with {self._output.name!r}")

    def _check_version(self, said: str) -> None:
        """One run is of one version: a server may change it between two slices."""
        if self.version and said != self.version:
            raise ValueError(
                f"the server went from version {self.version!r} of the network to {said!r} within "
                "a run; name the version in its address"
            )
        self.version = said

    def _get(self, url: str) -> bytes:
        return answer_of(self._client, "GET", url, most=_MOST_FACTS)[1]


def _object(text: bytes) -> dict[str, Any]:
    found = json.loads(text)
    if isinstance(found, dict):
        return found
    raise ValueError(f"the server answers {text[:SAID]!r}, which is no JSON object")


def _tensor(row: Mapping[str, Any]) -> Tensor:
    """Raises ValueError for a type that is no number, or what is no description."""
    name, kind, shape = row.get("name"), row.get("datatype"), row.get("shape")
    if kind not in _TYPES or not isinstance(shape, list) or not all(map(_is_size, shape)):
        raise ValueError(
            f"the server describes the tensor {name!r} as {kind!r} of {shape!r}; wanted is a list "
            f"of sizes, and one of {', '.join(_TYPES)}"
        )
    return Tensor(name=str(name), datatype=kind, shape=tuple(shape))


def _is_size(value: object) -> bool:
    return isinstance(value, int) and value >= -1


def _only(facts: Mapping[str, Any], which: str, name: str) -> Tensor:
    """The one tensor of them, or the one of that ``name``; others may be what they like."""
    rows = [row for row in facts.get(which) or () if isinstance(row, dict)]
    fitting = [row for row in rows if name in ("", row.get("name"))]
    if len(fitting) != 1:
        there = ", ".join(str(row.get("name")) for row in rows) or "none"
        wanted = repr(name) if name else "one"
        raise ValueError(f"the network has these {which}: {there}; {wanted} is wanted")
    return _tensor(fitting[0])


def _check_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    pairs = zip(tensor.shape, shape, strict=True)
    if any(wanted not in (-1, size) for wanted, size in pairs):
        raise ValueError(f"the network takes {tensor.shape}, and this would be {shape}")


def _array(tensor: Tensor, row: Mapping[str, Any], data: bytes | None) -> NDArray[Any]:
    """The values of an output, if they are as many as its shape says."""
    if data is not None:
        found = np.frombuffer(data, np.uint8)
        if found.size != math.prod(tensor.shape) * tensor.dtype.itemsize:
            raise ValueError(f"{tensor.name!r} has {found.size} bytes and the shape {tensor.shape}")
        return found.view(tensor.dtype).reshape(tensor.shape)
    found = np.asarray(row.get("data"), tensor.dtype).ravel()
    if found.size != math.prod(tensor.shape):
        raise ValueError(f"{tensor.name!r} has {found.size} values and the shape {tensor.shape}")
    return found.reshape(tensor.shape)
