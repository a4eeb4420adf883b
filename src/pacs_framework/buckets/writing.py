"""An object on its way into the bucket: one request for a small one, parts for a large one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

import obstore

from pacs_framework.buckets.digests import digests_of, whole
from pacs_framework.buckets.failures import code_of, translated
from pacs_framework.buckets.objects import Objects
from pacs_framework.errors import StorageError
from pacs_framework.storage import Digests, ObjectWriter

__all__ = ["BucketWriter", "PartsUpload", "StreamedUpload", "put_whole"]

_NO_PARTS = {"InvalidBlockList", "NoSuchUpload", "404"}


class PartsUpload(Protocol):
    """One object on its way in parts; `complete` or `abort` ends it. Raises `StorageError`."""

    def add(self, data: bytes) -> None:
        """Send the next part."""

    def complete(self) -> None:
        """Make the object of the parts; durable when this returns."""

    def abort(self) -> None:
        """Drop what was sent."""


def put_whole(
    objects: Objects, key: str, data: bytes | memoryview, digests: Digests, *, read_back: bool
) -> None:
    """Keep an object in one request; ``read_back`` as for `BucketWriter`. Raises `StorageError`.

    The bytes must not change while there is a view of them.
    """
    proved = objects.put(key, data, digests)
    if read_back and not proved:
        objects.require(key, digests)


class BucketWriter(ObjectWriter):
    """Gathers ``part_size`` bytes; what is more goes out part by part. Raises `StorageError`.

    With ``read_back`` the object is read again before `commit` returns, unless the store proved it.
    """

    def __init__(
        self,
        objects: Objects,
        key: str,
        begin_upload: Callable[[str], PartsUpload],
        *,
        part_size: int,
        read_back: bool,
    ) -> None:
        self._objects = objects
        self._begin_upload = begin_upload
        self._key = key
        self._part_size = part_size
        self._whole: bytes | None = b""  # what was written in one piece: most objects are
        self._gathered = bytearray()
        self._digest = hashlib.sha256() if read_back else None
        self._upload: PartsUpload | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send whole parts, as soon as it is known that there is more than one."""
        if self._whole == b"" and len(data) <= self._part_size:
            self._whole = bytes(data)
            return
        if self._whole is not None:
            self._gathered += self._whole
            self._whole = None
        self._gathered += data
        while len(self._gathered) > self._part_size:
            self._send(bytes(self._gathered[: self._part_size]))
            del self._gathered[: self._part_size]

    def commit(self) -> None:
        """Send the rest; durable when the store has said so, and its bytes are proved."""
        data = bytes(self._gathered) if self._whole is None else self._whole
        self._forget()
        if self._upload is None:
            put_whole(
                self._objects,
                self._key,
                data,
                digests_of(data),
                read_back=self._digest is not None,
            )
            return
        self._send(data)
        self._upload.complete()
        self._upload = None
        if self._digest is not None:
            self._objects.require(self._key, whole(self._digest.digest()))

    def abort(self) -> None:
        """Drop what was sent."""
        self._forget()
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.abort()

    def _forget(self) -> None:
        self._whole = None
        self._gathered.clear()

    def _send(self, part: bytes) -> None:
        if self._upload is None:
            self._upload = self._begin_upload(self._key)
        if self._digest is not None:
            self._digest.update(part)
        self._upload.add(part)


class StreamedUpload:
    """Parts as obstore sends them, one at a time.

    It has no word for dropping an upload: the store has to clear away what is never completed, as
    Azure does by itself and others by a rule of the bucket.
    """

    def __init__(self, objects: Objects, key: str, *, part_size: int) -> None:
        self._objects = objects
        self._key = key
        self._sent = 0
        with translated("begin an upload"):
            self._file: Any = obstore.open_writer(
                objects.upload_store(),
                objects.address.path(key),
                attributes=objects.attributes,
                buffer_size=part_size,
                max_concurrency=1,
            )

    def add(self, data: bytes) -> None:
        """Send what came before; this part follows it."""
        self._sent += len(data)
        with translated("send a part of an object"):
            self._file.write(data)

    def complete(self) -> None:
        """Send the last part and make the object."""
        file, self._file = self._file, None
        try:
            with translated("complete an upload"):
                file.close()
        except StorageError as error:
            if not self._was_completed(error):
                raise

    def abort(self) -> None:
        """Without its end there is never an object."""
        self._file = None

    def _was_completed(self, error: StorageError) -> bool:
        """Whether a completion was heard by the store, and its answer by nobody.

        Tried again, it finds no parts, but the object: nothing else is ever put under its key.
        """
        if error.__cause__ is None or code_of(error.__cause__) not in _NO_PARTS:
            return False
        return self._objects.facts(self._key).size == self._sent
