"""One archive, several views: what a recipient gets of an instance is what the plugins let it see.

The view of an instance is open like the instance itself, so whoever sends it, converts it or counts
it need not know. Pixel data stream from the storage behind the new header.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Self

from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.anonymizers.redacting import redacted
from pacs_framework.archive.incoming import Coercion, Refusal
from pacs_framework.archive.outgoing import OutgoingInstance, Recipient, RetrieveAnswer
from pacs_framework.codecs.whole import gathered_whole
from pacs_framework.dicom.header import SplitDataSet, split_data_set
from pacs_framework.dicom.inflate import deflate
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES, decode_header, failure_of, joined
from pacs_framework.dicom.scan import decode_attributes, scan_header
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR, is_valid_uid
from pacs_framework.errors import PacsError, PluginError, RefusedByPolicy, StorageError

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.archive.retrieve import OpenInstance, StoredInstance
    from pacs_framework.codecs.transcoding import Transcoding
    from pacs_framework.storage import ByteSource

__all__ = [
    "RetrieveDecision",
    "StoredHeader",
    "Views",
    "as_stored",
    "attributes_of",
    "coerced",
]

RetrieveDecision = Callable[[OutgoingInstance], RetrieveAnswer]
"""What the ``on_retrieve`` hooks say together of an instance."""

_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


class Views:
    """Opens instances as the plugins want ``recipient`` to see them (see `InstanceOpener`)."""

    def __init__(
        self,
        open_stored: Callable[[StoredInstance], OpenInstance],
        decide: RetrieveDecision,
        recipient: Recipient,
        transcoding: Transcoding | None = None,
    ) -> None:
        self._transcoding = transcoding
        self._open_stored = open_stored
        self._decide = decide
        self._recipient = recipient

    def open(self, stored: StoredInstance) -> OpenInstance:
        """The data set as the recipient may have it; its UIDs are those of the view.

        Raises `RefusedByPolicy` where a plugin said no or failed, `PluginError` for a view that is
        no instance, `UnreadableInstance`, `StorageError` and `IndexUnavailable`. Nothing is left
        open then.
        """
        opened = self._open_stored(stored)
        try:
            return self._view(opened)
        except BaseException:
            opened.data.close()
            raise

    def changes(self, _stored: StoredInstance, /) -> bool:
        """Only the hooks know, and they are asked when it is opened."""
        return True

    def _view(self, opened: OpenInstance) -> OpenInstance:
        header = StoredHeader(opened)
        try:
            answer = self._decide(_outgoing(opened.instance, self._recipient, header))
        finally:
            header.end()
        if isinstance(answer, Refusal):
            raise RefusedByPolicy(answer.reason, status=answer.status)
        if answer is None:
            return as_stored(opened, header)
        return coerced(opened, header, answer, self._transcoding)


class StoredHeader:
    """The header of an open instance, read when it is first wanted.

    A hook that runs over its time may still want it when the instance is on its way or closed;
    from `end` on it gets nothing that was not read before.
    """

    def __init__(self, opened: OpenInstance) -> None:
        self._data = opened.data
        self._syntax = opened.instance.transfer_syntax_uid
        self._lock = Lock()
        self._split: SplitDataSet | None = None
        self._failure: PacsError | None = None
        self._ended = False

    def dataset(self) -> Dataset:
        """A fresh copy of the header. Raises as `read`."""
        return decode_header(self.read())

    def attributes(self) -> Mapping[str, str]:
        """The indexed attributes. Raises as `read`."""
        return attributes_of(self.read())

    def read(self) -> SplitDataSet:
        """Raises `UnreadableInstance` and `StorageError`, each time it is asked."""
        with self._lock:
            if self._split is None and self._failure is None:
                self._read()
            if self._failure is not None:
                raise self._failure
            assert self._split is not None
            return self._split

    def _read(self) -> None:
        if self._ended:
            raise StorageError("the header of an instance is not to be had: it was judged before")
        try:
            self._split = split_data_set(self._data, self._syntax)
        except PacsError as error:
            self._failure = error

    def end(self) -> None:
        """From now on, what was not read before is not to be had."""
        with self._lock:
            self._ended = True

    @property
    def touched(self) -> bool:
        """Whether the data no longer stand at their start."""
        return self._split is not None or self._failure is not None


def attributes_of(split: SplitDataSet) -> Mapping[str, str]:
    """The indexed attributes of a data set that was taken apart (see `decode_attributes`)."""
    # As it is encoded in truth, and inflated.
    little = IMPLICIT_VR if split.implicit else str(ExplicitVRLittleEndian)
    return decode_attributes(scan_header(split.header, little if split.little else BIG_ENDIAN))


class _Attributes(Mapping[str, str]):
    """The indexed attributes of a header, read when somebody looks into them."""

    def __init__(self, header: StoredHeader) -> None:
        self._header = header
        self._texts: Mapping[str, str] | None = None

    def __getitem__(self, keyword: str) -> str:
        return self._read()[keyword]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> Mapping[str, str]:
        if self._texts is None:
            self._texts = self._header.attributes()
        return self._texts


class _PieceSource(PieceStream):
    """Pieces as a `pacs_framework.storage.ByteSource`; ``behind`` is closed with it."""

    def __init__(self, pieces: Iterator[bytes], behind: ByteSource) -> None:
        super().__init__(pieces)
        self._made = pieces
        self._behind = behind

    def readinto(self, buffer: memoryview | bytearray, /) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        if isinstance(self._made, Generator):
            self._made.close()  # which may hold frames in a file
        self._behind.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _outgoing(
    stored: StoredInstance, recipient: Recipient, header: StoredHeader
) -> OutgoingInstance:
    return OutgoingInstance(
        recipient=recipient,
        sop_class_uid=stored.sop_class_uid,
        sop_instance_uid=stored.sop_instance_uid,
        transfer_syntax_uid=stored.transfer_syntax_uid,
        size=stored.size,
        attributes=_Attributes(header),
        load_dataset=header.dataset,
    )


def as_stored(opened: OpenInstance, header: StoredHeader) -> OpenInstance:
    """The instance from its start, whatever was read of it.

    It is not opened again: that might give another version than the one that was judged.
    """
    if not header.touched:
        return opened
    split = header.read()
    pieces: Iterator[bytes] = chain((split.header,), split.tail)
    if opened.instance.transfer_syntax_uid in DEFLATED:
        pieces = deflate(pieces)
    return replace(opened, data=_PieceSource(pieces, opened.data))


def coerced(
    opened: OpenInstance,
    header: StoredHeader,
    coercion: Coercion,
    transcoding: Transcoding | None,
) -> OpenInstance:
    """The instance with the data set of ``coercion`` in front of its pixel data.

    Raises `PluginError`, `UnreadableInstance` and `StorageError`.
    """
    dataset = coercion.dataset
    _check_uids(dataset)
    # For a hook that made it without a look at the stored one, the header is read now.
    split = header.read() if header.touched else _split(opened)
    syntax = opened.instance.transfer_syntax_uid
    pieces = joined(split, syntax, dataset, pixels_only=coercion.anonymous)
    if coercion.pixels is not None:
        made = redacted(PieceStream(pieces), syntax, coercion.pixels, transcoding)
        # Whole, before anything is sent: a frame that fails later would cost the association.
        syntax, pieces = made.transfer_syntax, gathered_whole(made.pieces)
    instance = replace(
        opened.instance,
        transfer_syntax_uid=syntax,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
    )
    return replace(opened, instance=instance, data=_PieceSource(pieces, opened.data))


def _check_uids(dataset: Dataset) -> None:
    for keyword in _UIDS:
        try:
            valid = is_valid_uid(str(dataset.get(keyword) or ""))
        except PYDICOM_FAILURES as error:
            raise PluginError(
                f"a plugin's coercion cannot be sent: {failure_of(error)} in {keyword}"
            ) from None
        if not valid:
            raise PluginError(f"a plugin's coercion cannot be sent: it has no valid {keyword}")


def _split(opened: OpenInstance) -> SplitDataSet:
    return split_data_set(opened.data, opened.instance.transfer_syntax_uid)
