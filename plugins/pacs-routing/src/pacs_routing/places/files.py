"""Instances as DICOM files (PS3.10), for destinations that take those."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_routing.places.encoding import Encoded, Encoding

if TYPE_CHECKING:
    from pacs_framework.storage import ByteSource
    from pacs_routing.parcels import Parcel

__all__ = ["encoded", "pieces"]

_BLOCK = 1 << 20


def encoded(parcel: Parcel, encoding: Encoding) -> Encoded:
    """As it is wanted, or as it is. Raises what reading it raises."""
    return encoding.made(parcel) or _as_it_is(parcel)


def pieces(instance: Encoded) -> Iterator[bytes]:
    """The file, from its preamble on."""
    meta = FileMeta(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
    )
    yield make_prefix(meta)
    yield from _blocks(instance.data)


def _as_it_is(parcel: Parcel) -> Encoded:
    instance, data = parcel.opened.instance, parcel.opened.data
    uid, syntax = instance.sop_instance_uid, instance.transfer_syntax_uid
    return Encoded(instance.sop_class_uid, uid, syntax, data)


def _blocks(data: ByteSource | Iterator[bytes]) -> Iterator[bytes]:
    if isinstance(data, Iterator):
        yield from data
        return
    while block := data.read(_BLOCK):
        yield block
