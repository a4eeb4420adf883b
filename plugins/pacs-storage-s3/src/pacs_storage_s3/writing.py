"""An object on its way into the bucket: one request for a small one, parts for a large one."""

from __future__ import annotations

import hashlib

from pacs_framework.storage import ObjectWriter
from pacs_storage_s3.bucket import Bucket
from pacs_storage_s3.proving import Proof
from pacs_storage_s3.uploads import Upload, Uploads

__all__ = ["BucketWriter"]


class BucketWriter(ObjectWriter):
    """Gathers ``part_size`` bytes; what is more goes out part by part. Raises `StorageError`."""

    def __init__(
        self, bucket: Bucket, uploads: Uploads, proof: Proof, key: str, *, part_size: int
    ) -> None:
        self._bucket = bucket
        self._uploads = uploads
        self._proof = proof
        self._key = key
        self._part_size = part_size
        self._gathered = bytearray()
        self._digest = hashlib.sha256() if proof.reads_back() else None
        self._upload: Upload | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send whole parts, as soon as it is known that there is more than one."""
        self._gathered += data
        while len(self._gathered) > self._part_size:
            self._send(bytes(self._gathered[: self._part_size]))
            del self._gathered[: self._part_size]

    def commit(self) -> None:
        """Send the rest; durable when the store has said so, and its bytes are proved."""
        data = bytes(self._gathered)
        self._gathered.clear()
        if self._upload is None:
            if self._digest is not None:
                self._digest.update(data)
            self._bucket.put(self._key, data)
        else:
            self._send(data)
            self._upload.complete()
            self._upload = None
        if self._digest is not None:
            self._proof.require(self._key, self._digest.hexdigest())

    def abort(self) -> None:
        """Drop what was sent."""
        self._gathered.clear()
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.abort()

    def _send(self, part: bytes) -> None:
        if self._upload is None:
            self._upload = self._uploads.begin(self._key)
        if self._digest is not None:
            self._digest.update(part)
        self._upload.add(part)
