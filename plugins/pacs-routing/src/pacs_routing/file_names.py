"""Names of files made of attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pacs_framework.archive.viewing import StoredHeader, as_stored
from pacs_framework.dicom.attributes import INDEXED

if TYPE_CHECKING:
    from pacs_routing.parcels import Parcel

__all__ = ["FileName"]

_PLACE = re.compile(r"\{([^{}]*)\}")
_OWN = "SOPInstanceUID"
_UNWANTED = re.compile(r"[^A-Za-z0-9._^=+@-]+")
_LONGEST = 100


class FileName:
    """A template such as ``{PatientID}/{StudyDate}/{SOPInstanceUID}.dcm``.

    Raises ValueError for one that leads out of its folder, or gives two instances one name.
    """

    def __init__(self, template: str) -> None:
        self._template = template
        self._check()

    def _check(self) -> None:
        keywords = _PLACE.findall(self._template)
        unknown = [each for each in keywords if each not in INDEXED]
        if unknown:
            raise ValueError(f"file_name: {unknown[0]!r} is none of {', '.join(sorted(INDEXED))}")
        rest = _PLACE.sub("x", self._template)
        parts = PurePosixPath(rest).parts
        if "{" in rest or "}" in rest or not parts or rest.startswith("/") or ".." in parts:
            raise ValueError(
                f"file_name {self._template!r} is no path within a folder: write names between "
                "braces, as in {SOPInstanceUID}.dcm"
            )
        if _OWN not in keywords:
            raise ValueError(f"file_name needs {{{_OWN}}}, or files would replace one another")

    def of_parcel(self, parcel: Parcel) -> PurePosixPath:
        """The name for what is sent, whose header is read for it."""
        header = StoredHeader(parcel.opened)
        name = self.of(header.attributes())
        parcel.opened = as_stored(parcel.opened, header)
        return name

    def of(self, attributes: Mapping[str, str]) -> PurePosixPath:
        """The name for an instance: its values, made into what a file system and a person bear."""
        return PurePosixPath(
            _PLACE.sub(lambda found: _part(attributes.get(found[1], "")), self._template)
        )


def _part(value: str) -> str:
    """A value as part of a path: never empty, never up, without what shells and systems mind."""
    text = _UNWANTED.sub("_", value.strip())[:_LONGEST].strip(".")
    return text or "_"
