"""Reading and deleting objects in packs, from any process."""

from __future__ import annotations

import ctypes
import errno
import io
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from pacs_framework.archive.buffers import Buffers
from pacs_framework.errors import ObjectNotFound, StorageError
from pacs_framework.storage import ByteSource, ObjectStat
from pacs_storage_filesystem.active_pack import pack_path
from pacs_storage_filesystem.failures import explain, translated
from pacs_storage_filesystem.folders import Folder
from pacs_storage_filesystem.packed_source import PackedSource
from pacs_storage_filesystem.record import (
    HEADER,
    PackKey,
    deleted_header,
    is_header_of,
    is_hollow,
    read_record,
    slot_size,
)

__all__ = ["PackReader"]

_REMEMBERED = 4
_LARGEST = 1 << 20
_SPARE = 16  # buffers
_READ_AHEAD = 1 << 16  # bytes; the kernel's own read-ahead begins with less
_GAP = 1 << 14  # bytes that cost less to fetch than to ask twice
_PUNCH_HOLE = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, see fallocate(2)
_CANNOT = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM)


class PackReader:
    """Keeps the packs that were used last open."""

    def __init__(self, folder: Path, markers: Path) -> None:
        self._buffers = Buffers(_LARGEST, most=_SPARE)
        self._folder = folder
        self._markers = markers
        self._mutex = threading.Lock()
        self._open: OrderedDict[str, _Handle] = OrderedDict()
        self._last: tuple[str, _Handle | None] = ("", None)  # read and replaced without the mutex

    def open(self, key: PackKey, offset: int, length: int | None) -> ByteSource:
        """The range of the object. Raises `ObjectNotFound`."""
        pack = self._pack(key)
        left = max(0, key.size - offset)
        length = left if length is None else min(length, left)
        with translated("read an object"):
            source = self._read(pack, key.offset + HEADER.size + offset, length)
            # After the data: whoever deletes the object erases its header first.
            header = os.pread(pack.handle, HEADER.size, key.offset)
        if source is None:
            _missing(key)
        if not is_header_of(key, header):
            source.close()
            _missing(key)
        return source

    def expect(self, ranges: Iterable[tuple[PackKey, int, int]]) -> None:
        """Have ranges of objects, each of an offset and a length, fetched as far as they exist.

        New objects are written past the page cache. Ranges that lie near each other are one.
        """
        begun: PackKey | None = None
        start = end = 0
        pack = ""
        for key, offset, length in ranges:
            name, place, size, _ = key
            data = place + HEADER.size
            first, last = data + offset, data + min(offset + length, size)
            if start <= first <= end + _GAP and last - start <= _LARGEST and name == pack:
                end = max(end, last)
                continue
            self._fetch(begun, start, end)
            begun, pack, start, end = key, name, first, last
        self._fetch(begun, start, end)

    def _fetch(self, begun: PackKey | None, start: int, end: int) -> None:
        if begun is not None and start < end:
            with suppress(ObjectNotFound, StorageError, OSError):
                handle = self._pack(begun).handle
                os.posix_fadvise(handle, start, end - start, os.POSIX_FADV_WILLNEED)

    def read(self, key: PackKey, offset: int, length: int) -> bytes | None:
        """The range as it is; None where there is no such object."""
        _, place, size, _ = key
        if length > size - offset:
            length = max(0, size - offset)
        try:
            handle = self._pack(key).handle
            data = os.pread(handle, length, place + HEADER.size + offset)
            header = os.pread(handle, HEADER.size, place)  # after the data, as in `open`
        except ObjectNotFound:
            return None
        except OSError as error:
            raise explain("read an object", error) from error
        return data if len(data) == length and is_header_of(key, header) else None

    def _read(self, pack: _Handle, start: int, length: int) -> ByteSource | None:
        """``length`` bytes from ``start`` on; None where there are not so many.

        Through the page cache: what is read is often read again soon, by the next viewer.
        """
        if length >= _READ_AHEAD:
            os.posix_fadvise(pack.handle, start, length, os.POSIX_FADV_WILLNEED)
        if length > _LARGEST:  # packed when the limit was another one
            data = os.pread(pack.handle, length, start)
            return io.BytesIO(data) if len(data) == length else None
        buffer = self._buffers.borrow()
        with memoryview(buffer) as target:
            came = os.preadv(pack.handle, [target[:length]], start)
        source = PackedSource(buffer, length, self._buffers)
        if came == length:
            return source
        source.close()
        return None

    def stat(self, key: PackKey) -> ObjectStat:
        """Raises `ObjectNotFound`."""
        with translated("read an object"):
            found = read_record(self._pack(key).handle, key.pack, key.offset)
        if found is None or found.key != str(key):
            _missing(key)
        return found.stat

    def delete(self, key: PackKey) -> None:
        """Durable on return; a missing object is no error."""
        try:
            pack = self._pack(key)
        except ObjectNotFound:
            return
        with translated("delete an object"):
            header = os.pread(pack.handle, HEADER.size, key.offset)
            # Or said to be deleted by a process that was killed before it gave the blocks back.
            if is_header_of(key, header) or header == deleted_header(key):
                _erase(pack.handle, key)
            # Also what that process had done may not be on the disk yet.
            os.fdatasync(pack.handle)
            if is_hollow(pack.handle) and not self._is_in_use(key.pack):
                with suppress(FileNotFoundError):
                    pack_path(self._folder, key.pack).unlink()
                self._forget(key.pack)
                Folder(self._folder).sync()

    def close(self) -> None:
        """Give the files back, as soon as nobody reads them."""
        with self._mutex:
            self._open.clear()
            self._last = ("", None)

    def _pack(self, key: PackKey) -> _Handle:
        name, pack = self._last
        if pack is not None and name == key.pack:
            return pack
        pack = self._opened(key)
        self._last = (key.pack, pack)
        return pack

    def _opened(self, key: PackKey) -> _Handle:
        with self._mutex:
            pack = self._open.get(key.pack)
            if pack is not None:
                self._open.move_to_end(key.pack)
                return pack
        try:
            pack = _Handle(pack_path(self._folder, key.pack))
        except FileNotFoundError:
            _missing(key)
        except OSError as error:
            raise explain("open a pack", error) from error
        with self._mutex:
            self._open[key.pack] = pack
            if len(self._open) > _REMEMBERED:
                self._open.popitem(last=False)
        return pack

    def _forget(self, name: str) -> None:
        with self._mutex:
            self._open.pop(name, None)
            self._last = ("", None)

    def _is_in_use(self, name: str) -> bool:
        """Whether a process, living or dead, has not settled it."""
        return any(self._markers.glob(f"*/{name}"))


class _Handle:
    """An open pack; closed when the last one who uses it lets go."""

    __slots__ = ("handle",)

    def __init__(self, path: Path) -> None:
        self.handle = -1
        self.handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def __del__(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)


def _missing(key: PackKey) -> NoReturn:
    raise ObjectNotFound(f"no object {str(key)!r} in the storage")


def _erase(handle: int, key: PackKey) -> None:
    """Say that the object is gone, then give its blocks back where the file system can."""
    os.pwrite(handle, deleted_header(key), key.offset)
    try:
        _punch(handle, key.offset, slot_size(key.size))
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def _punch(handle: int, offset: int, length: int) -> None:
    call = _libc.fallocate
    if call(handle, _PUNCH_HOLE, ctypes.c_int64(offset), ctypes.c_int64(length)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_libc = ctypes.CDLL(None, use_errno=True)
