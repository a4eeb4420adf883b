"""Worklist files: DICOM, as wlmscpfs reads them, and the DICOM JSON model (PS3.18 Annex F)."""

from __future__ import annotations

import io
import json
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import BytesLengthException, InvalidDicomError

from pacs_framework.dicom.packed import pack, unpack
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_worklist.items import ItemError
from pacs_worklist.steps import STEPS, single_steps

__all__ = ["SUFFIXES", "read_items"]

SUFFIXES = (".wl", ".json")

_MOST_BYTES = 16 << 20
_FAILURES = (*PYDICOM_FAILURES, BytesLengthException, InvalidDicomError, KeyError)


def read_items(path: Path) -> list[Dataset]:
    """The steps in a file, one in each data set, in UTF-8 and with every value decoded.

    A JSON file holds one data set or a list of them. Raises `ItemError` for what cannot be read as
    its suffix says, or holds no step; OSError where the file cannot be opened.
    """
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ItemError(f"{path.name!r} is larger than {_MOST_BYTES >> 20} MiB")
    try:
        datasets = _from_json(data) if path.suffix == ".json" else [_from_dicom(data)]
        items = [_decoded(item) for dataset in datasets for item in single_steps(dataset)]
    except _FAILURES as error:
        kind = "DICOM JSON" if path.suffix == ".json" else "DICOM"
        raise ItemError(f"{path.name!r} is not {kind} ({type(error).__name__})") from None
    if not all(item.get(STEPS) for item in items):
        raise ItemError(f"{path.name!r} has no {STEPS}")
    return items


def _from_dicom(data: bytes) -> Dataset:
    dataset = dcmread(io.BytesIO(data), force=True)
    if not dataset:
        raise InvalidDicomError
    return dataset


def _from_json(data: bytes) -> list[Dataset]:
    said = json.loads(data)
    return [Dataset.from_json(each) for each in (said if isinstance(said, list) else [said])]


def _decoded(item: Dataset) -> Dataset:
    """As every other source has it; and from now on nothing of it changes by being looked at."""
    decoded = unpack(pack(item))
    decoded.walk(lambda _dataset, _element: None)
    return decoded
