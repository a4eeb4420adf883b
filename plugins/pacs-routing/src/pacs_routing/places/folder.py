"""Folders: each instance becomes a DICOM file (PS3.10) under a name made of its attributes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.whole_file import whole_file
from pacs_routing.places import files
from pacs_routing.places.contract import Away, Carrier, NotTaken, Place, Taken

if TYPE_CHECKING:
    from pacs_framework.dicom.file_meta import InstanceKind
    from pacs_routing.file_names import FileName
    from pacs_routing.parcels import Parcel
    from pacs_routing.places.encoding import Encoding
    from pacs_routing.settings import Priority

__all__ = ["FolderPlace"]

_ABOUT_ONE = frozenset(
    {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL}
)


class FolderPlace(Place, Carrier):
    """The folder at ``path``, which is made where it is missing."""

    aet = ""

    def __init__(self, path: Path, name: FileName, encoding: Encoding) -> None:
        self._path = path
        self._name = name
        self._encoding = encoding

    def where(self) -> str:
        """Its path."""
        return str(self._path)

    @contextmanager
    def open(self, kinds: Collection[InstanceKind]) -> Iterator[Carrier]:
        """Nothing has to be opened: what is wrong with the folder shows with the first file."""
        del kinds
        yield self

    def check(self) -> str:
        """Whether a file could be written there."""
        place = self._path
        while not place.exists() and place != place.parent:
            place = place.parent
        if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
            raise Away(f"{str(place)!r} is no folder that can be written to")
        return "the folder can be written to"

    def carry(self, parcel: Parcel, priority: Priority, meanwhile: Callable[[], object]) -> Taken:
        """Write the file: under its name it is whole and on disk, or not there."""
        del priority
        destination = self._path / self._name.of_parcel(parcel)
        encoded = files.encoded(parcel, self._encoding)
        meanwhile()
        try:
            with whole_file(destination, overwrite=True) as file:
                for piece in files.pieces(encoded):
                    file.write(piece)
        except OSError as error:
            failure = NotTaken if error.errno in _ABOUT_ONE else Away
            raise failure(f"{str(destination)!r} cannot be written: {error.strerror}") from error
        return Taken(sop_instance_uid=encoded.sop_instance_uid)
