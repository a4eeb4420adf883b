"""One place in a bucket: whole objects, ranges and listings, through obstore."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import obstore

from pacs_framework.buckets.address import Address
from pacs_framework.buckets.connecting import Stores
from pacs_framework.buckets.digests import DigestNames, matches
from pacs_framework.buckets.failures import NO_BUCKET, code_of, translated
from pacs_framework.buckets.sources import Blocks, NoBlocks, StreamBlocks
from pacs_framework.errors import StorageError
from pacs_framework.storage import Digests

__all__ = ["Facts", "Objects", "Opened", "content_type"]

_DICOM = "application/dicom"  # RFC 3240
_DIGESTS = DigestNames("pacs-sha256", "pacs-sha256-split")
_BLOCK = 1 << 20
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An object as the bucket tells of it, its size as it is stored."""

    key: str
    size: int
    modified: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An object on its way here: its whole size, the digests that were put to it, its blocks."""

    size: int
    digests: Digests | None
    blocks: Blocks


class Objects:
    """Speaks to the store.

    All methods raise `StorageError`, within the time that ``stores`` were given for each request.
    ``attributes`` go with each new object, and its digests as metadata of ``digest_names``.
    """

    def __init__(
        self,
        address: Address,
        stores: Stores,
        attributes: dict[str, str],
        *,
        digest_names: DigestNames = _DIGESTS,
    ) -> None:
        self.address = address
        self.attributes = attributes
        self._stores: Stores | None = stores
        self._digest_names = digest_names

    def put(self, key: str, data: bytes | memoryview, digests: Digests) -> bool:
        """Keep ``data`` in one request, with its digests.

        Whether the store has proved that it has just these bytes; here it is not asked to. The
        bytes must not change while somebody looks at them: a request that was given up may go on.
        """
        self._put(key, data, digests)
        return False

    def get(self, key: str) -> Opened:
        """Begin to read the whole object. Raises `ObjectNotFound`."""
        with translated("read an object"):
            return self._opened(obstore.get(self._open.streams, self.address.path(key)))

    def get_range(self, key: str, start: int, end: int | None) -> Opened:
        """Begin to read from ``start`` to before ``end``, or to the end of the object.

        No blocks come where the object ends before ``start``. Raises `ObjectNotFound`.
        """
        size = self.facts(key).size
        stop = size if end is None else min(end, size)
        if start >= stop:
            return Opened(size=size, digests=None, blocks=NoBlocks())
        with translated("read an object"):
            found = self._opened(
                obstore.get(
                    self._open.streams, self.address.path(key), options={"range": (start, stop)}
                )
            )
        return Opened(size=size, digests=None, blocks=found.blocks)

    def facts(self, key: str) -> Facts:
        """Size and time. Raises `ObjectNotFound`."""
        path = self.address.path(key)
        with translated("look at an object"):
            try:
                return self._facts(obstore.head(self._open.small, path))
            except FileNotFoundError:
                # No answer to HEAD tells what is missing; this one does where it is the bucket.
                return self._facts(obstore.get(self._open.small, path).meta)

    def delete(self, key: str) -> None:
        """Remove the object; where the store keeps versions, hide it. A missing one is no error."""
        with translated("delete an object"):
            try:
                obstore.delete(self._open.small, self.address.path(key))
            except FileNotFoundError as error:
                if code_of(error) in NO_BUCKET:
                    raise

    def listed(self) -> Iterator[Facts]:
        """Everything below the prefix, page by page."""
        prefix = self.address.prefix or None
        with translated("list the bucket"):
            pages = iter(obstore.list(self._open.small, prefix, chunk_size=_PAGE))
        while True:
            with translated("list the bucket"):
                page = next(pages, None)
            if page is None:
                return
            yield from (self._facts(found) for found in page)

    def require(self, key: str, digests: Digests) -> None:
        """Read the object back. Raises `StorageError` unless it is what they were taken of."""
        if not matches(digests, self.get(key).blocks):
            raise StorageError("cannot keep an object: the store gives back other bytes")

    def close(self) -> None:
        """Give the connections back: they go with the last reference to them."""
        self._stores = None

    def upload_store(self) -> Any:
        """The store for uploads in parts, for which one request holds a part. Not to be kept."""
        return self._open.small

    @property
    def _open(self) -> Stores:
        if self._stores is None:
            raise StorageError("the storage is closed")
        return self._stores

    def _put(self, key: str, data: bytes | memoryview, digests: Digests) -> str:
        """The entity tag that the store gave the object."""
        attributes = {**self.attributes, **self._digest_names.metadata(digests)}
        path = self.address.path(key)
        with translated("keep an object"):
            kept = obstore.put(
                self._open.small, path, data, attributes=attributes, use_multipart=False
            )
        return (kept["e_tag"] or "").strip('"')

    def _opened(self, found: Any) -> Opened:
        return Opened(
            size=found.meta["size"],
            digests=self._digest_names.found(found.attributes),
            blocks=StreamBlocks(found.stream(min_chunk_size=_BLOCK)),
        )

    def _facts(self, found: Any) -> Facts:
        # Listings tell fractions of a second, single answers do not.
        modified = found["last_modified"].astimezone(dt.UTC).replace(microsecond=0)
        return Facts(key=self.address.key(found["path"]), size=found["size"], modified=modified)


def content_type(*, sealed: bool) -> str:
    """What the store is told that an object is."""
    return "application/octet-stream" if sealed else _DICOM
