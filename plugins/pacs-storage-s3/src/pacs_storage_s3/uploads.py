"""Uploads in parts, and those that nobody will complete.

An upload that is neither completed nor aborted stays in the bucket, unseen and paid for. Each
process notes its own in a folder of this machine that it holds a lock on
(`pacs_framework.archive.claims`): when it dies, the next start here aborts them at once. Those of
machines that do not come back are known by their age, by the clock of the store: no upload goes on
for more than half of that.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from pacs_framework.archive.claims import Claim, abandoned
from pacs_framework.buckets.naming import is_key
from pacs_framework.errors import ConfigurationError, StorageError
from pacs_storage_s3.bucket import Bucket
from pacs_storage_s3.failures import code_of, translated

__all__ = ["Upload", "Uploads"]

_log = structlog.get_logger(__name__)
_MOST_PARTS = 10_000
_NO_UPLOAD = {"NoSuchUpload", "404"}
_NOT_FOR_US = {"AccessDenied", "403", "NotImplemented", "501", "MethodNotAllowed", "405"}


class Uploads:
    """The uploads of this process, and the sweeping of what others left behind."""

    def __init__(self, bucket: Bucket, *, folder: Path, abandoned_after: float) -> None:
        """``abandoned_after`` in seconds."""
        self._bucket = bucket
        self._parent = folder / _name(bucket)
        self._abandoned_after = abandoned_after
        self._claim: Claim | None = None
        self._mutex = threading.Lock()
        self._numbers = count()

    def begin(self, key: str) -> Upload:
        """Begin an upload and note it. Raises `StorageError`."""
        folder = self._own_folder()
        upload_id = self._bucket.begin_upload(key)
        note = folder / str(next(self._numbers))
        upload = Upload(
            self._bucket, key, upload_id, note=note, most_seconds=self._abandoned_after / 2
        )
        try:
            note.write_text(json.dumps([key, upload_id]), "utf-8")
        except OSError as error:
            upload.abort()
            raise StorageError(f"cannot note an upload in {folder}: {error.strerror}") from error
        return upload

    def sweep(self) -> int:
        """Abort what dead processes of this machine left, and what is too old to be alive."""
        return self._sweep_noted() + self._sweep_old()

    def close(self) -> None:
        """Give the folder of notes back; one with a note in it is left to the next start."""
        with self._mutex:
            claim, self._claim = self._claim, None
            if claim is not None:
                claim.close(keep=any(claim.folder.iterdir()))

    def _own_folder(self) -> Path:
        with self._mutex:
            if self._claim is None:
                _make_private(self._parent)
                self._claim = Claim(self._parent)
            return self._claim.folder

    def _sweep_noted(self) -> int:
        if not self._parent.is_dir():
            return 0
        _make_private(self._parent)
        swept = 0
        for folder in abandoned(self._parent):
            for note in sorted(folder.iterdir()):
                if (noted := _noted(note)) is not None:
                    self._bucket.abort_upload(*noted)
                    swept += 1
        return swept

    def _sweep_old(self) -> int:
        swept = 0
        try:
            with translated("list unfinished uploads"):
                for upload, now in self._bucket.uploads():
                    age = now - upload.begun
                    if is_key(upload.key) and age > dt.timedelta(seconds=self._abandoned_after):
                        self._bucket.abort_upload(upload.key, upload.upload_id)
                        swept += 1
        except StorageError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or code_of(cause) not in _NOT_FOR_US:
                raise
            _log.warning(
                "unfinished uploads of other machines cannot be found; let a lifecycle rule of the "
                "bucket remove them",
                error=str(error),
            )
        return swept


class Upload:
    """One object on its way in parts; `complete` or `abort` ends it."""

    def __init__(
        self, bucket: Bucket, key: str, upload_id: str, *, note: Path, most_seconds: float
    ) -> None:
        self._bucket = bucket
        self._key = key
        self._id = upload_id
        self._note = note
        self._ends = time.monotonic() + most_seconds
        self._parts: list[dict[str, Any]] = []
        self._sent = 0

    def add(self, data: bytes) -> None:
        """Send the next part. Raises `StorageError`."""
        self._require_time()
        if len(self._parts) == _MOST_PARTS:
            raise StorageError(
                f"cannot keep an object of more than {_MOST_PARTS} parts: raise part_size in "
                "[plugin.storage-s3]"
            )
        number = len(self._parts) + 1
        self._parts.append(self._bucket.put_part(self._key, self._id, number, data))
        self._sent += len(data)

    def complete(self) -> None:
        """Make the object of the parts. Raises `StorageError`."""
        self._require_time()
        try:
            self._bucket.complete_upload(self._key, self._id, self._parts)
        except StorageError as error:
            if not self._was_completed(error):
                raise
        self._note.unlink(missing_ok=True)

    def abort(self) -> None:
        """Drop the upload; where the store does not answer, the next start does."""
        try:
            self._bucket.abort_upload(self._key, self._id)
        except StorageError as error:
            _log.warning("an unfinished upload is left to the next start", error=str(error))
        else:
            self._note.unlink(missing_ok=True)

    def _was_completed(self, error: StorageError) -> bool:
        """Whether a completion was heard by the store, and its answer by nobody.

        Tried again, it finds no upload, but the object: nothing else is ever put under its key.
        """
        if error.__cause__ is None or code_of(error.__cause__) not in _NO_UPLOAD:
            return False
        return self._bucket.facts(self._key).size == self._sent

    def _require_time(self) -> None:
        if time.monotonic() > self._ends:
            raise StorageError(
                "cannot complete an upload that has lasted for half of abandoned_after: others "
                "would take it for abandoned"
            )


def _name(bucket: Bucket) -> str:
    """A folder for each place, so that nobody aborts uploads elsewhere."""
    place = json.dumps([bucket.endpoint, bucket.address.bucket, bucket.address.prefix])
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _make_private(folder: Path) -> None:
    """Nobody else may write notes: an upload that they name would be aborted."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    for each in (folder.parent, folder):
        found = each.lstat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise ConfigurationError(
                f"{str(each)!r} belongs to somebody else or others may write there; set state in "
                "[plugin.storage-s3] to a folder of the archive's own"
            )


def _noted(note: Path) -> tuple[str, str] | None:
    try:
        key, upload_id = json.loads(note.read_text("utf-8"))
    except ValueError:  # torn by the kill; its age tells
        return None
    return str(key), str(upload_id)
