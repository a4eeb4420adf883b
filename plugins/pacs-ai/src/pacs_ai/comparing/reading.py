"""Instances that are compared: of the archive, or files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom import Dataset

from pacs_ai.results.checking import read_result
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["NotComparable", "read"]


class NotComparable(PacsError):
    """Two instances are not of one kind, or not of one series."""


def read(archive: Archive, name: str) -> Dataset:
    """The instance of a SOP Instance UID, or of a file. Raises as opening and `read_result` do."""
    if not is_valid_uid(name):
        return read_result(Path(name))
    with archive.open_file(name) as file:
        return pydicom.dcmread(io.BytesIO(file.read()))
