"""Encryption before anything is sent: AES-256-GCM in chunks, so that ranges can still be read.

A sealed object is a header of 64 bytes and then chunks; numbers are big endian.

====  =====  ===================================================================================
at    bytes
====  =====  ===================================================================================
0     8      ``PACSAES1``
8     8      which key: the start of HMAC-SHA-256 of the plugin's label under it
16    32     salt: random, new for each object
48    4      bytes of a chunk before encryption: 65536
52    12     zeros
64    …      chunks: each its bytes, encrypted, and 16 bytes of tag; the last one is shorter
====  =====  ===================================================================================

Each object has a key of its own: HKDF-SHA-256 of the secret key, with the salt and with the header
and the object's key in the bucket as info. So a nonce only counts: 8 bytes for the number of the
chunk, then 4 that are 1 for the last chunk and 0 for others. Whatever is changed, moved, cut off or
put under another name fails to open. There is always a last chunk, empty where the object is.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pacs_framework.errors import StorageError
from pacs_framework.storage import ObjectWriter

__all__ = ["CHUNK", "HEADER", "Keys", "SealingWriter", "plain_size", "stored_range", "unsealed"]

CHUNK = 1 << 16
HEADER = 64
_TAG = 16
_STORED = CHUNK + _TAG
_HEADER = struct.Struct(">8s8s32sI12x")
_NONCE = struct.Struct(">QI")
_MAGIC = b"PACSAES1"
_DAMAGED = "a sealed object does not open: it was damaged or changed in the store"


@dataclass(frozen=True, slots=True)
class Keys:
    """Secret keys by their IDs; ``current`` is the ID of the one for new objects, if there is."""

    by_id: Mapping[bytes, bytes]
    current: bytes | None

    @classmethod
    def of(cls, current: bytes | None, old: list[bytes], *, label: bytes) -> Keys:
        """Of the key for new objects, and those that older ones were sealed with.

        ``label`` is what a plugin tells its keys apart by.
        """
        known = [*old, current] if current is not None else old
        by_id = {_key_id(key, label): key for key in known}
        return cls(by_id, current and _key_id(current, label))

    def new_header(self) -> bytes:
        """The header of a new object, with a new salt."""
        assert self.current is not None, "nothing is sealed without a key"
        return _HEADER.pack(_MAGIC, self.current, os.urandom(32), CHUNK)

    def cipher(self, header: bytes, name: str) -> AESGCM:
        """For the object ``name`` that begins with ``header``. Raises `StorageError`."""
        if len(header) != HEADER:
            raise StorageError(_DAMAGED)
        magic, key_id, salt, chunk = _HEADER.unpack(header)
        if magic != _MAGIC or chunk != CHUNK:
            raise StorageError(_DAMAGED)
        key = self.by_id.get(key_id)
        if key is None:
            raise StorageError(
                f"an object is sealed with the key {key_id.hex()}, which is not here: set key_file "
                "or old_key_files in the section of the plugin"
            )
        info = header + name.encode()
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key))


class SealingWriter(ObjectWriter):
    """Seals what is written, chunk by chunk, into ``inner``."""

    def __init__(self, inner: ObjectWriter, keys: Keys, name: str) -> None:
        self._inner = inner
        header = keys.new_header()
        self._cipher = keys.cipher(header, name)
        self._number = 0
        self._rest = bytearray()
        inner.write(header)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Seal every chunk that is certainly not the last one."""
        self._rest += data
        whole = max(0, len(self._rest) - 1) // CHUNK * CHUNK
        with memoryview(self._rest) as rest:
            for start in range(0, whole, CHUNK):
                self._seal(bytes(rest[start : start + CHUNK]), last=False)
        del self._rest[:whole]

    def commit(self) -> None:
        """Seal the last chunk and keep the object."""
        self._seal(bytes(self._rest), last=True)
        self._rest.clear()
        self._inner.commit()

    def abort(self) -> None:
        """Drop all of it."""
        self._rest.clear()
        self._inner.abort()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        nonce = _NONCE.pack(self._number, last)
        self._number += 1
        self._inner.write(self._cipher.encrypt(nonce, chunk, None))


def plain_size(stored: int) -> int:
    """Bytes in an object that takes ``stored`` bytes in the bucket; 0 for what is no such size."""
    body = stored - HEADER
    return max(0, body - -(-body // _STORED) * _TAG)


def stored_range(offset: int, end: int | None) -> tuple[int, int | None]:
    """Where the chunks are that hold the bytes from ``offset`` to before ``end``."""
    start = HEADER + offset // CHUNK * _STORED
    return start, None if end is None else HEADER + -(-end // CHUNK) * _STORED


def unsealed(
    cipher: AESGCM, stored: Iterator[bytes], *, size: int, offset: int, end: int | None
) -> Iterator[bytes]:
    """The bytes from ``offset`` to before ``end`` of an object that takes ``size`` bytes stored.

    ``stored`` begins where `stored_range` said. Raises `StorageError` for what does not open.
    """
    if size < HEADER + _TAG:
        raise StorageError(_DAMAGED)
    number, last = offset // CHUNK, -(-(size - HEADER) // _STORED) - 1
    for chunk in _regrouped(stored, _STORED):
        try:
            plain = cipher.decrypt(_NONCE.pack(number, number == last), chunk, None)
        except InvalidTag as error:
            raise StorageError(_DAMAGED) from error
        start = number * CHUNK
        number += 1
        yield plain[max(0, offset - start) : None if end is None else max(0, end - start)]


def _regrouped(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    rest = bytearray()
    for block in blocks:
        rest += block
        whole = len(rest) // size * size
        for start in range(0, whole, size):
            yield bytes(rest[start : start + size])
        del rest[:whole]
    if rest:
        yield bytes(rest)


def _key_id(key: bytes, label: bytes) -> bytes:
    return hmac.digest(key, label, hashlib.sha256)[:8]
