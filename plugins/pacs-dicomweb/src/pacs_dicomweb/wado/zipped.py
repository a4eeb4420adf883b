"""ZIP archives, written while they are sent (PS3.18 8.6.1.3, Supplement 211)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pacs_dicomweb.multipart import Chunk

__all__ = ["Entry", "attached", "zipped"]

_BLOCK = 1 << 18
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same instances make the same archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of an archive: its path, its content in pieces, and whether it is compressed."""

    name: str
    pieces: Iterable[Chunk] = field(repr=False)
    deflated: bool = False


def attached(name: str) -> tuple[str, str]:
    """The header by which a browser saves an archive under a name."""
    return "Content-Disposition", f'attachment; filename="{name}"'


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


def zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The archive piece by piece."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:  # type: ignore[call-overload]
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED if entry.deflated else zipfile.ZIP_STORED
            with archive.open(info, "w", force_zip64=True) as target:
                for piece in entry.pieces:
                    target.write(piece)
                    del piece  # it may be a view of what is used again for the next
                    if sink.held >= _BLOCK:
                        yield sink.take()
    yield sink.take()
