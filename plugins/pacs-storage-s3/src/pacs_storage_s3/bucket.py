"""One place in a bucket of S3: what obstore has no words for, through botocore."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from pacs_framework.buckets.objects import Objects, Opened, content_type
from pacs_framework.buckets.sources import Blocks, NoBlocks
from pacs_framework.errors import StorageError
from pacs_storage_s3.address import Address
from pacs_storage_s3.connecting import connect
from pacs_storage_s3.failures import code_of, translated
from pacs_storage_s3.settings import Settings

__all__ = ["Bucket", "PendingUpload"]

_BLOCK = 1 << 20
_UNSATISFIABLE = {"InvalidRange", "416"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingUpload:
    """An upload in parts that was not completed."""

    key: str
    upload_id: str
    begun: dt.datetime


class Bucket(Objects):
    """Speaks to the store, at ``endpoint``.

    All methods raise `StorageError`, within the budget of the settings for each request.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        connection = connect(address, settings)
        attributes = {"Content-Type": content_type(sealed=settings.seals)}
        self._creation = {"ContentType": attributes["Content-Type"]}
        if settings.storage_class:
            attributes["Storage-Class"] = settings.storage_class
            self._creation["StorageClass"] = settings.storage_class
        if settings.encryption:
            self._creation["ServerSideEncryption"] = settings.encryption.value
        if settings.kms_key:
            self._creation["SSEKMSKeyId"] = settings.kms_key
        super().__init__(address, connection.stores, attributes)
        self._known: Any = connection.client
        self.endpoint = str(self._client.meta.endpoint_url)

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
                return Opened(size=self.facts(key).size, digests=None, blocks=NoBlocks())
        span, _, size = answer.get("ContentRange", "").removeprefix("bytes ").partition("/")
        if not span.startswith(f"{start}-") or not size.isdecimal():
            answer["Body"].close()
            raise StorageError("cannot read an object: the store does not give ranges of objects")
        return Opened(size=int(size), digests=None, blocks=BodyBlocks(answer["Body"]))

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

    def close(self) -> None:
        """Give the connections back."""
        super().close()
        client, self._known = self._known, None
        if client is not None:
            client.close()

    @property
    def _client(self) -> Any:
        if self._known is None:
            raise StorageError("the storage is closed")
        return self._known

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.address.bucket, "Key": self.address.path(key)}

    def _pending(self, found: Any) -> PendingUpload:
        return PendingUpload(
            key=self.address.key(found["Key"]),
            upload_id=found["UploadId"],
            begun=found["Initiated"],
        )


class BodyBlocks(Blocks):
    """Of an answer that botocore reads."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def close(self) -> None:
        """The connection is not used again, unless all was read."""
        self._body.close()

    def _next(self) -> bytes:
        with translated("read an object"):
            block: bytes = self._body.read(_BLOCK)
        return block


def _composite(parts: Sequence[dict[str, Any]]) -> str:
    """The checksum of the checksums of all parts; empty where the store told none."""
    checksums = [part.get("ChecksumSHA256", "") for part in parts]
    if not all(checksums):
        return ""
    return _base64(hashlib.sha256(b"".join(map(base64.b64decode, checksums))).digest())


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")
