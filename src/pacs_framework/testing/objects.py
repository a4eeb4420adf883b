"""Objects for storage backends: their names and keys, putting and getting them."""

from __future__ import annotations

import datetime as dt
import hashlib

from pacs_framework.archive.buffers import Block, Buffers
from pacs_framework.storage import Digests, ObjectName, StorageBackend

__all__ = [
    "SOME",
    "content",
    "digests_of",
    "get",
    "key_of",
    "keys",
    "object_name",
    "put",
    "put_new",
    "put_received",
]

SOME = b"\x00\x01DICM" * 1000
"""The bytes of an object where it does not matter which."""

_RECEIVED = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def object_name(number: int = 1, *, size: int | None = None, **changed: str) -> ObjectName:
    """The name of an object of ``size`` bytes; ``changed`` replaces single fields."""
    fields = {
        "patient_id": "P1",
        "study_instance_uid": "1.2.3",
        "series_instance_uid": "1.2.3.4",
        "sop_instance_uid": f"1.2.3.4.{number}",
        "version": f"{number:014x}0123456789",
        **changed,
    }
    return ObjectName(received=_RECEIVED, size=size, **fields)


def key_of(
    backend: StorageBackend, number: int = 1, *, size: int | None = None, **changed: str
) -> str:
    """The key of a new object, of the size of `SOME` unless told, as the ingest door has it."""
    return backend.key_for(object_name(number, size=len(SOME) if size is None else size, **changed))


def put(backend: StorageBackend, key: str, data: bytes = SOME) -> str:
    """Commit ``data`` under ``key``, and settle it."""
    with backend.begin(key, size=len(data)) as writer:
        writer.write(data)
        writer.commit()
    backend.settled(key)
    return key


def put_new(backend: StorageBackend, data: bytes, number: int = 1) -> str:
    """Commit ``data`` as a new object; its key."""
    return put(backend, key_of(backend, number, size=len(data)), data)


def put_received(
    backend: StorageBackend, data: bytes, number: int = 1, *, digests: Digests | None = None
) -> str:
    """Commit ``data`` as a new object, as the archive does what it has in memory; its key.

    Out of a buffer that holds other bytes as soon as nobody looks into it, with the ``digests`` of
    its arrival: those of ``data`` unless told.
    """
    key = key_of(backend, number, size=len(data))
    buffers = Buffers(len(data), most=1)
    block = Block(buffers)
    block.fill(data)
    backend.put_bytes(key, block.content(), digests=digests or digests_of(data))
    block.give_back()
    backend.settled(key)
    used_again = buffers.borrow()
    used_again[:] = b"?" * len(used_again)
    return key


def digests_of(data: bytes, offset: int = 132) -> Digests:
    """SHA-256 of ``data`` up to ``offset``, and of what follows."""
    first, rest = hashlib.sha256(data[:offset]), hashlib.sha256(data[offset:])
    return Digests(offset, first.digest(), rest.digest())


def get(backend: StorageBackend, key: str) -> bytes:
    """The whole object."""
    with backend.open(key) as source:
        return source.read()


def keys(backend: StorageBackend) -> set[str]:
    """Every key that the backend lists."""
    return {found.key for found in backend.list()}


def content(number: int, size: int) -> bytes:
    """Bytes that no object of another number has."""
    return (b"%014x" % number * (size // 14 + 1))[:size]
