"""ONNX files, written field by field: the tests need no library for that (onnx.proto, IR 8)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FLOAT = 1


def _number(value: int) -> bytes:
    made = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        made.append(low | (0x80 if value else 0))
        if not value:
            return bytes(made)


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    data = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | 2) + _number(len(data)) + data


def _value_info(name: str, shape: tuple[int | str, ...]) -> bytes:
    dims = b"".join(_field(1, _field(1 if isinstance(d, int) else 2, d)) for d in shape)
    tensor = _field(1, FLOAT) + _field(2, dims)
    return _field(1, name) + _field(2, _field(1, tensor))


def _tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(_field(1, size) for size in values.shape)
    return dims + _field(2, FLOAT) + _field(8, name) + _field(9, values.astype("<f4").tobytes())


def _node(kind: str, inputs: list[str], output: str, **numbers: int) -> bytes:
    attributes = b"".join(
        _field(5, _field(1, name) + _field(3, value) + _field(20, 2))
        for name, value in numbers.items()
    )
    named = b"".join(_field(1, name) for name in inputs)
    return named + _field(2, output) + _field(4, kind) + attributes


def _write(
    path: Path,
    nodes: list[bytes],
    weights: dict[str, np.ndarray],
    shapes: tuple[tuple[int | str, ...], tuple[int | str, ...]],
) -> None:
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "graph")
    graph += b"".join(_field(5, _tensor(name, each)) for name, each in weights.items())
    graph += _field(11, _value_info("x", shapes[0])) + _field(12, _value_info("y", shapes[1]))
    opset = _field(1, "") + _field(2, 13)
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, opset))


def classifier(path: Path, weight: np.ndarray, bias: np.ndarray) -> None:
    """Mean and maximum of a slice, weighted for each class, and softmax: (1, classes)."""
    nodes = [
        _node("GlobalAveragePool", ["x"], "mean"),
        _node("GlobalMaxPool", ["x"], "max"),
        _node("Concat", ["mean", "max"], "both", axis=1),
        _node("Flatten", ["both"], "flat", axis=1),
        _node("Gemm", ["flat", "w", "b"], "scores"),
        _node("Softmax", ["scores"], "y", axis=1),
    ]
    shapes = ((1, 1, "rows", "columns"), (1, weight.shape[1]))
    _write(path, nodes, {"w": weight, "b": bias}, shapes)


def threshold(path: Path, at: float, *, whole: bool = False) -> None:
    """Scores of two channels, of which the second is higher above ``at``."""
    dims = 3 if whole else 2
    weight = np.array([-1.0, 1.0]).reshape(2, 1, *[1] * dims)
    bias = np.array([at, -at])
    nodes = [_node("Conv", ["x", "w", "b"], "y")]
    names = ("slices", "rows", "columns")[-dims:]
    _write(path, nodes, {"w": weight, "b": bias}, ((1, 1, *names), (1, 2, *names)))
