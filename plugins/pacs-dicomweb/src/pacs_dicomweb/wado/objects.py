"""Instances opened for somebody, as files and as data sets.

What a plugin or a correction has changed is read as it is given; what goes out as it is stored is
read from its object, from any offset, and keeps the Part 10 header that it came with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.errors import (
    InstanceError,
    ObjectNotFound,
    RefusedByPolicy,
    StorageError,
    UnreadableInstance,
)
from pacs_framework.storage import read_exactly

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.outgoing import Recipient
    from pacs_framework.archive.retrieve import Located, OpenInstance, StoredInstance
    from pacs_framework.storage import ByteSource

__all__ = ["File", "NotConvertible", "Objects", "StoredRange"]

_BLOCK = 1 << 19

_log = structlog.get_logger(__name__)


class NotConvertible(InstanceError):
    """An instance has frames that no codec here makes anything of, though it knows their kind."""

    http_status = HTTPStatus.NOT_ACCEPTABLE


@dataclass(frozen=True, slots=True)
class File:
    """One instance as a DICOM file: its UID and transfer syntax, its bytes in pieces.

    ``size`` in bytes is known where it is the stored object itself, whose key is ``key``.
    """

    sop_instance_uid: str
    transfer_syntax: str
    pieces: Iterator[bytes | memoryview]
    size: int | None = None


class StoredRange:
    """A stored data set that can be read from anywhere (see `pacs_dicomweb.model.documents`).

    ``head`` is what was read of its start already.
    """

    __slots__ = ("_head", "_key", "_start", "_storage", "size")

    def __init__(self, archive: Archive, stored: StoredInstance, head: bytes = b"") -> None:
        self._storage = archive.storage
        self._key, self._start = stored.storage_key, stored.dataset_offset
        self._head = head
        self.size = stored.size - stored.dataset_offset

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes there, fewer only at the end. Raises `StorageError`."""
        end = offset + length
        if end <= len(self._head):
            return self._head[offset:end]
        length = max(0, min(length, self.size - offset))
        if not length:
            return b""
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        with self._storage.open(self._key, offset=self._start + offset, length=length) as data:
            return read_exactly(data, length)


class Objects:
    """What of the archive goes out to one recipient; ``or_stored`` is for who has not said which
    transfer syntaxes are of use: what cannot be converted comes as it is stored then.
    """

    def __init__(self, archive: Archive, recipient: Recipient, *, or_stored: bool = False) -> None:
        self.archive = archive
        self.opener = archive.retrieve.opener(recipient)
        self._or_stored = or_stored

    def as_stored(self, stored: StoredInstance) -> bool:
        """Whether it goes out as it is stored."""
        return not self.opener.changes(stored)

    def open(self, stored: StoredInstance) -> OpenInstance:
        """The data set that may be sent; whoever asked closes it. Raises as `InstanceOpener`."""
        return self.opener.open(stored)

    def sendable(self, located: Located) -> tuple[int, int]:
        """How many of the instances may be sent, and how many a plugin refuses.

        Asked before the first byte, since an answer that has begun cannot say that it is not whole.
        Where nothing is changed on the way out, nothing is opened. Raises `PacsError`.
        """
        allowed = refused = 0
        for stored in located:
            if self.as_stored(stored):
                allowed += 1
                continue
            try:
                self.open(stored).data.close()
            except RefusedByPolicy:
                refused += 1
            except ObjectNotFound as error:
                raise _not_whole(stored) from error
            else:
                allowed += 1
        return allowed, refused

    def file(self, stored: StoredInstance, syntax: str) -> File:
        """The instance as a DICOM file in a transfer syntax that it can have.

        Raises `PacsError`; `NotConvertible` where the first frame cannot be decoded.
        """
        if syntax == stored.transfer_syntax_uid and self.as_stored(stored):
            return self._stored_file(stored)
        try:
            return self._made_file(stored, syntax)
        except NotConvertible:
            if not self._or_stored or syntax == stored.transfer_syntax_uid:
                raise
            return self.file(stored, stored.transfer_syntax_uid)

    def _stored_file(self, stored: StoredInstance) -> File:
        try:
            data = self.archive.storage.open(stored.storage_key, offset=0, length=stored.size)
        except ObjectNotFound:  # another version has taken its place
            return self._made_file(stored, stored.transfer_syntax_uid)
        pieces = _blocks(data)
        return File(stored.sop_instance_uid, stored.transfer_syntax_uid, pieces, stored.size)

    def _made_file(self, stored: StoredInstance, syntax: str) -> File:
        opened = self.open(stored)
        instance = opened.instance
        try:
            pieces = self._converted(opened, syntax)
        except BaseException:
            opened.data.close()
            raise
        meta = FileMeta(
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=syntax,
        )
        return File(
            instance.sop_instance_uid, syntax, _with_prefix(make_prefix(meta), pieces, opened)
        )

    def _converted(self, opened: OpenInstance, syntax: str) -> Iterator[bytes]:
        stored = opened.instance.transfer_syntax_uid
        if stored == syntax:
            return iter(lambda: opened.data.read(_BLOCK), b"")
        try:
            return self.archive.transcoding.convert(opened.data, stored, syntax)
        except UnreadableInstance as error:
            raise NotConvertible(
                f"instance {opened.instance.sop_instance_uid!r} cannot be converted: {error}; "
                "transfer-syntax=* gives it as it is stored"
            ) from error

    def files(self, located: Located, syntaxes: dict[str, str]) -> Iterator[File]:
        """All that may be sent, each in the transfer syntax that ``syntaxes`` has for its own.

        What may not be sent is left out, as are others whose stored transfer syntax is not in
        ``syntaxes``: the status of the answer has told so. What was deleted meanwhile, or is
        missing, nobody has told, so it ends the answer. Raises `PacsError`.
        """
        for stored in located:
            syntax = syntaxes.get(stored.transfer_syntax_uid)
            if syntax is None:
                continue
            try:
                yield self.file(stored, syntax)
            except ObjectNotFound as error:
                raise _not_whole(stored) from error
            except RefusedByPolicy as error:
                _log.warning(
                    "an instance is not sent",
                    sop_instance_uid=stored.sop_instance_uid,
                    reason=str(error),
                )


def _not_whole(stored: StoredInstance) -> StorageError:
    return StorageError(
        f"instance {stored.sop_instance_uid!r} was deleted meanwhile, or its object is missing; "
        "ask again, and look at `pacs verify` if it stays so"
    )


def _blocks(data: ByteSource) -> Iterator[bytes | memoryview]:
    with data:
        held = getattr(data, "held", None)
        if held is not None:
            yield held()  # nobody else gets the memory before this view is gone
            return
        while block := data.read(_BLOCK):
            yield block


def _with_prefix(prefix: bytes, pieces: Iterator[bytes], opened: OpenInstance) -> Iterator[bytes]:
    with closing(opened.data):
        yield prefix
        yield from pieces
