"""One place in a bucket: whole objects, ranges, listings and parts of uploads, as S3 has them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

import obstore
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from pacs_framework.errors import StorageError
from pacs_storage_s3.address import Address
from pacs_storage_s3.connecting import Connection, connect
from pacs_storage_s3.failures import code_of, translated
from pacs_storage_s3.settings import Settings
from pacs_storage_s3.sources import Blocks, BodyBlocks, NoBlocks, StreamBlocks

__all__ = ["Bucket", "Facts", "Opened", "PendingUpload"]

_DICOM = "application/dicom"  # RFC 3240
_DIGEST = "pacs-sha256"
_BLOCK = 1 << 20
_PAGE = 1000
_UNSATISFIABLE = {"InvalidRange", "416"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An object as the bucket tells of it, its size as it is stored."""

    key: str
    size: int
    modified: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An object on its way here: its whole size, the digest that was put to it, its blocks."""

    size: int
    digest: str
    blocks: Blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingUpload:
    """An upload in parts that was not completed."""

    key: str
    upload_id: str
    begun: dt.datetime


class Bucket:
    """Speaks to the store, at ``endpoint``.

    All methods raise `StorageError`, within the budget of the settings for each request.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        self.address = address
        self._open: Connection | None = connect(address, settings)
        self.endpoint = str(self._connection.client.meta.endpoint_url)
        sealed = settings.key_file is not None or settings.key_env
        content_type = "application/octet-stream" if sealed else _DICOM
        self._attributes = {"Content-Type": content_type}
        self._creation = {"ContentType": content_type}
        if settings.storage_class:
            self._attributes["Storage-Class"] = settings.storage_class
            self._creation["StorageClass"] = settings.storage_class
        if settings.encryption:
            self._creation["ServerSideEncryption"] = settings.encryption.value
        if settings.kms_key:
            self._creation["SSEKMSKeyId"] = settings.kms_key

    # --- whole objects --------------------------------------------------------------------------

    def put(self, key: str, data: bytes) -> None:
        """Keep ``data`` in one request; its SHA-256 goes along for the store to check."""
        attributes = {**self._attributes, _DIGEST: hashlib.sha256(data).hexdigest()}
        path = self.address.path(key)
        with translated("keep an object"):
            obstore.put(
                self._connection.small, path, data, attributes=attributes, use_multipart=False
            )

    def get(self, key: str) -> Opened:
        """Begin to read the whole object. Raises `ObjectNotFound`."""
        with translated("read an object"):
            found = obstore.get(self._connection.streams, self.address.path(key))
            return Opened(
                size=found.meta["size"],
                digest=found.attributes.get(_DIGEST, ""),
                blocks=StreamBlocks(found.stream(min_chunk_size=_BLOCK)),
            )

    def get_range(self, key: str, start: int, end: int | None) -> Opened:
        """Begin to read from ``start`` to before ``end``, or to the end of the object.

        No blocks come where the object ends before ``start``. Raises `ObjectNotFound`.
        """
        wanted = f"bytes={start}-" if end is None else f"bytes={start}-{end - 1}"
        with translated("read an object"):
            try:
                answer = self._client.get_object(**self._at(key), Range=wanted)
            except ClientError as error:
                if code_of(error) not in _UNSATISFIABLE:
                    raise
                return Opened(size=self.facts(key).size, digest="", blocks=NoBlocks())
        span, _, size = answer.get("ContentRange", "").removeprefix("bytes ").partition("/")
        if not span.startswith(f"{start}-") or not size.isdecimal():
            answer["Body"].close()
            raise StorageError("cannot read an object: the store does not give ranges of objects")
        return Opened(size=int(size), digest="", blocks=BodyBlocks(answer["Body"]))

    def facts(self, key: str) -> Facts:
        """Size and time. Raises `ObjectNotFound`."""
        with translated("look at an object"):
            return self._facts(obstore.head(self._connection.small, self.address.path(key)))

    def delete(self, key: str) -> None:
        """Remove the object; in a bucket that keeps versions, hide it."""
        with translated("delete an object"):
            try:
                obstore.delete(self._connection.small, self.address.path(key))
            except FileNotFoundError as error:
                if code_of(error) == "NoSuchBucket":
                    raise

    def listed(self) -> Iterator[Facts]:
        """Everything below the prefix, page by page."""
        prefix = self.address.prefix or None
        with translated("list the bucket"):
            pages = iter(obstore.list(self._connection.small, prefix, chunk_size=_PAGE))
        while True:
            with translated("list the bucket"):
                page = next(pages, None)
            if page is None:
                return
            yield from (self._facts(found) for found in page)

    # --- uploads in parts -----------------------------------------------------------------------

    def begin_upload(self, key: str) -> str:
        """Begin an upload in parts; its ID."""
        with translated("begin an upload"):
            answer = self._client.create_multipart_upload(
                **self._at(key), **self._creation, ChecksumAlgorithm="SHA256"
            )
        return str(answer["UploadId"])

    def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> dict[str, Any]:
        """Send one part; what `complete_upload` is to be told of it."""
        checksum = _base64(hashlib.sha256(data).digest())
        with translated("send a part of an object"):
            answer = self._client.upload_part(
                **self._at(key),
                UploadId=upload_id,
                PartNumber=number,
                Body=data,
                ChecksumSHA256=checksum,
            )
        if answer.get("ChecksumSHA256", checksum) != checksum:
            raise StorageError("cannot send a part of an object: it arrived damaged")
        part = {"PartNumber": number, "ETag": answer["ETag"]}
        # A store that knows no checksums would not know the element either.
        return part | ({"ChecksumSHA256": checksum} if "ChecksumSHA256" in answer else {})

    def complete_upload(self, key: str, upload_id: str, parts: Sequence[dict[str, Any]]) -> None:
        """Make one object of all ``parts``; their checksums together are held against its own."""
        with translated("complete an upload"):
            answer = self._client.complete_multipart_upload(
                **self._at(key), UploadId=upload_id, MultipartUpload={"Parts": [*parts]}
            )
        told, expected = answer.get("ChecksumSHA256"), _composite(parts)
        if told and expected and told.partition("-")[0] != expected:
            raise StorageError("cannot complete an upload: the object is damaged in the store")

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload with all its parts; one that is gone is no error."""
        with translated("drop an upload"):
            try:
                self._client.abort_multipart_upload(**self._at(key), UploadId=upload_id)
            except ClientError as error:
                if code_of(error) not in {"NoSuchUpload", "404"}:
                    raise

    def uploads(self) -> Iterator[tuple[PendingUpload, dt.datetime]]:
        """Every upload below the prefix that is not completed, with what the store's clock says."""
        prefix = self.address.path("") if self.address.prefix else ""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.address.bucket, Prefix=prefix
        )
        try:
            for page in pages:
                now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
                for found in page.get("Uploads", ()):
                    yield self._pending(found), now
        except ClientError as error:
            if code_of(error) != "NoSuchUpload":  # so rclone says that there are none
                raise

    # --- proving --------------------------------------------------------------------------------

    def put_damaged(self, key: str, data: bytes, damaged: bytes) -> None:
        """Sign ``data`` and its checksum, and send ``damaged`` instead, of the same length."""
        exchanged = False

        def exchange(request: Any, **_: object) -> None:
            nonlocal exchanged
            if request.body.getvalue() == data:
                request.body = BytesIO(damaged)
                exchanged = True

        events, checksum = self._client.meta.events, _base64(hashlib.sha256(data).digest())
        events.register("before-send.s3.PutObject", exchange)
        try:
            self._client.put_object(**self._at(key), Body=data, ChecksumSHA256=checksum)
        finally:
            events.unregister("before-send.s3.PutObject", exchange)
        assert exchanged, "what was sent was not damaged, so the answer tells nothing"

    def digest(self, key: str) -> str:
        """The SHA-256 of what the store gives back for ``key``, in hexadecimal digits."""
        digest = hashlib.sha256()
        for block in self.get(key).blocks:
            digest.update(block)
        return digest.hexdigest()

    def close(self) -> None:
        """Give the connections back: obstore's go with the last reference to it."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.client.close()

    @property
    def _connection(self) -> Connection:
        if self._open is None:
            raise StorageError("the storage is closed")
        return self._open

    @property
    def _client(self) -> Any:
        return self._connection.client

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.address.bucket, "Key": self.address.path(key)}

    def _pending(self, found: Any) -> PendingUpload:
        return PendingUpload(
            key=self.address.key(found["Key"]),
            upload_id=found["UploadId"],
            begun=found["Initiated"],
        )

    def _facts(self, found: Any) -> Facts:
        # Listings tell fractions of a second, single answers do not.
        modified = found["last_modified"].astimezone(dt.UTC).replace(microsecond=0)
        return Facts(key=self.address.key(found["path"]), size=found["size"], modified=modified)


def _composite(parts: Sequence[dict[str, Any]]) -> str:
    """The checksum of the checksums of all parts; empty where the store told none."""
    checksums = [part.get("ChecksumSHA256", "") for part in parts]
    if not all(checksums):
        return ""
    return _base64(hashlib.sha256(b"".join(map(base64.b64decode, checksums))).digest())


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")
