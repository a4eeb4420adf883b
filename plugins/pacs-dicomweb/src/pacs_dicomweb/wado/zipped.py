"""Instances in a ZIP archive, written while it is sent (PS3.18 10.4, Supplement 211)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacs_dicomweb.wado.objects import File

__all__ = ["zipped"]

_BLOCK = 1 << 18
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same instances make the same archive


class _Sink:
    """What `zipfile` writes to: it cannot seek, so sizes follow each file."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.held = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Hold the bytes until they are taken."""
        self._pieces.append(bytes(data))
        self.held += len(data)
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def take(self) -> bytes:
        """All that is held."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self.held = 0
        return taken


def zipped(files: Iterable[File]) -> Iterator[bytes]:
    """The archive piece by piece: a file ``SOP-INSTANCE-UID.dcm`` for each instance.

    Nothing is compressed: pixel data that can be small are small already, and a study is sent at
    the speed of the disk.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:  # type: ignore[call-overload]
        for file in files:
            entry = zipfile.ZipInfo(f"{file.sop_instance_uid}.dcm", _EPOCH)
            with archive.open(entry, "w", force_zip64=True) as target:
                for piece in file.pieces:
                    target.write(piece)
                    if sink.held >= _BLOCK:
                        yield sink.take()
    yield sink.take()
