"""A new file, written from its start to its end, around the page cache as far as that pays.

The archive writes an object once and need not have it in memory afterwards; the page cache would
take a copy of it, in fresh memory, page by page. With O_DIRECT the device reads the bytes where
they are. It wants whole pages, in memory as in the file, so the last ones of a file go through the
page cache, as do short files, and everything on a file system that knows no O_DIRECT.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from pathlib import Path

__all__ = ["NewFile"]

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PAGE = mmap.PAGESIZE
_LEAST = 1 << 16  # bytes; the page cache is no slower for less
_REFUSED = (errno.EINVAL, errno.ENOTSUP)


class NewFile:
    """The file at ``path``, which must not be there yet; ``handle`` is open for reading too.

    Raises OSError, as `write` does. Whoever makes it syncs and closes ``handle``.
    """

    __slots__ = ("_direct", "_whole_pages", "handle")

    def __init__(self, path: str | Path) -> None:
        self.handle = os.open(path, _CREATE, 0o640)
        self._whole_pages = True
        self._direct = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``. Long pieces that begin at a page of memory are written fastest.

        The first piece that is no multiple of a page should be the last one: what follows it goes
        through the page cache.
        """
        rest = memoryview(data)
        if self._whole_pages and len(rest) >= _LEAST:
            rest = rest[self._write_direct(rest[: len(rest) & -_PAGE]) :]
        if rest:
            self._write_cached(rest)

    def _write_direct(self, pages: memoryview) -> int:
        """The number of bytes that were written before O_DIRECT was refused, if it was."""
        written = 0
        try:
            if not self._direct:
                # By fcntl, because an open that is refused may have made the file all the same.
                fcntl.fcntl(self.handle, fcntl.F_SETFL, os.O_DIRECT)
                self._direct = True
            while written < len(pages):
                written += os.write(self.handle, pages[written:])
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            self._through_cache()
        return written

    def _write_cached(self, rest: memoryview) -> None:
        self._through_cache()
        written = os.write(self.handle, rest)
        while written < len(rest):
            written += os.write(self.handle, rest[written:])

    def _through_cache(self) -> None:
        """From here on the file need not end at a page any more."""
        self._whole_pages = False
        if self._direct:
            fcntl.fcntl(self.handle, fcntl.F_SETFL, 0)
            self._direct = False
