"""Each kind of result as a row of JSON, with its arrays as ``.npy`` files beside it.

Like `pacs_ai.exchange`, which reads and writes the list of rows, it needs nothing but NumPy. A row
that does not make a result raises ValueError, TypeError, KeyError, AttributeError or OSError.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_ai.api import (
    Code,
    Finding,
    KeyImages,
    Mark,
    Measurement,
    Measurements,
    Nothing,
    ParametricMap,
    Picture,
    Presentation,
    Result,
    Segment,
    Segmentation,
)

__all__ = ["NOTHING", "Row", "result_of", "row_of"]

NOTHING = "nothing"
"""What the one row of a model is that found nothing."""

Row = dict[str, Any]


def row_of(result: Result | Nothing, folder: Path, number: int) -> Row:
    """The row of ``result``, which is the one of ``number``. Its arrays are in ``folder`` then.

    Raises TypeError for what is no result.
    """
    if isinstance(result, Segmentation):
        return _segmentation_row(result, folder, number)
    if isinstance(result, Picture):
        pixels = _write(folder, f"{number}.npy", result.pixels)
        return {"is": "picture", "pixels": pixels, "description": result.description}
    if isinstance(result, ParametricMap):
        values = _write(folder, f"{number}.npy", result.values)
        return {
            "is": "parametric map",
            "values": values,
            "quantity": asdict(result.quantity),
            "unit": asdict(result.unit),
            "window": result.window,
            "site": result.site and asdict(result.site),
            "laterality": result.laterality,
            "description": result.description,
        }
    for kind, name in _PLAIN.items():
        if isinstance(result, kind):
            return {"is": name, **asdict(result)}
    raise TypeError(f"a model yielded {type(result).__name__}, which is no result")


_PLAIN: dict[type, str] = {
    Measurements: "measurements",
    Presentation: "presentation",
    KeyImages: "key images",
    Nothing: NOTHING,
}
"""What has no arrays."""


def _segmentation_row(result: Segmentation, folder: Path, number: int) -> Row:
    segments = []
    for place, segment in enumerate(result.segments):
        mask = _write(folder, f"{number}-{place}.npy", segment.mask)
        codes = {"category": asdict(segment.category), "kind": asdict(segment.kind)}
        segments.append({"label": segment.label, "mask": mask, **codes})
    return {
        "is": "segmentation",
        "segments": segments,
        "description": result.description,
        "labelmap": result.labelmap,
    }


def _write(folder: Path, name: str, array: NDArray[Any]) -> str:
    np.save(folder / name, array)
    return name


def result_of(row: Row, folder: Path) -> Result:
    """The result that a row says; its masks and values stay in their files until they are used."""
    return _READERS[row["is"]](folder, row)


def _array(folder: Path, name: str) -> NDArray[Any]:
    if os.sep in name or not (folder / name).is_file() or (folder / name).is_symlink():
        raise ValueError(f"{name!r} is no file beside its results")
    loaded: NDArray[Any] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    return loaded


def _code(row: Row) -> Code:
    return Code(value=str(row["value"]), scheme=str(row["scheme"]), meaning=str(row["meaning"]))


def _optional_code(row: Row | None) -> Code | None:
    return None if row is None else _code(row)


def _window(pair: Any) -> tuple[float, float] | None:
    if pair is None:
        return None
    low, high = pair
    return float(low), float(high)


def _segmentation(folder: Path, row: Row) -> Segmentation:
    segments = tuple(
        Segment(
            label=str(each["label"]),
            mask=_array(folder, each["mask"]),
            category=_code(each["category"]),
            kind=_code(each["kind"]),
        )
        for each in row["segments"]
    )
    labelmap = bool(row.get("labelmap", False))
    return Segmentation(segments=segments, description=str(row["description"]), labelmap=labelmap)


def _measurement(row: Row) -> Measurement:
    return Measurement(
        name=_code(row["name"]),
        value=float(row["value"]),
        unit=_code(row["unit"]),
        derivation=_optional_code(row["derivation"]),
    )


def _finding(row: Row) -> Finding:
    return Finding(
        label=str(row["label"]),
        kind=_code(row["kind"]),
        measurements=tuple(map(_measurement, row["measurements"])),
        evaluations=tuple((_code(name), _code(value)) for name, value in row["evaluations"]),
        site=_optional_code(row["site"]),
        segment=str(row["segment"]),
    )


def _measurements(_folder: Path, row: Row) -> Measurements:
    findings = tuple(map(_finding, row["findings"]))
    return Measurements(findings=findings, description=str(row["description"]))


def _parametric_map(folder: Path, row: Row) -> ParametricMap:
    return ParametricMap(
        values=_array(folder, row["values"]),
        quantity=_code(row["quantity"]),
        unit=_code(row["unit"]),
        window=_window(row["window"]),
        site=_optional_code(row["site"]),
        laterality=str(row["laterality"]),
        description=str(row["description"]),
    )


def _mark(row: Row) -> Mark:
    return Mark(
        slice=int(row["slice"]),
        points=tuple((float(down), float(across)) for down, across in row["points"]),
        shape=str(row["shape"]),
        label=str(row["label"]),
        filled=bool(row["filled"]),
    )


def _presentation(_folder: Path, row: Row) -> Presentation:
    return Presentation(
        marks=tuple(map(_mark, row["marks"])),
        window=_window(row["window"]),
        description=str(row["description"]),
    )


def _key_images(_folder: Path, row: Row) -> KeyImages:
    return KeyImages(
        slices=tuple(map(int, row["slices"])),
        title=_code(row["title"]),
        reason=str(row["reason"]),
        description=str(row["description"]),
    )


def _picture(folder: Path, row: Row) -> Picture:
    pixels = np.array(_array(folder, row["pixels"]))
    return Picture(pixels=pixels, description=str(row["description"]))


_READERS: dict[str, Callable[[Path, Row], Result]] = {
    "segmentation": _segmentation,
    "measurements": _measurements,
    "parametric map": _parametric_map,
    "presentation": _presentation,
    "key images": _key_images,
    "picture": _picture,
}
