"""What a data set says of itself, held against what was announced of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.scan import HeaderScan, decode_attributes, scan_header
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import MismatchedInstance, UnreadableInstance
from pacs_framework.index.entry import index_values

__all__ = ["Inspected", "inspect"]

_FILE_META_GROUP = b"\2\0"
_REQUIRED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


class Inspected(NamedTuple):
    """The scan of a data set and the indexed attributes in it."""

    scan: HeaderScan
    attributes: Mapping[str, str]


def inspect(dataset: memoryview, meta: FileMeta) -> Inspected:
    """Scan ``dataset`` and check it (PS3.4 B.2.3).

    Raises `UnreadableInstance` when it cannot be parsed, and `MismatchedInstance` when a UID that
    an instance needs is missing or none, or is not the one that ``meta`` announced.
    """
    if dataset[:2] == _FILE_META_GROUP:
        # Behind a prefix, nobody who reads the object could tell where that ends.
        raise UnreadableInstance(
            "the data set begins with group 0002, which only files have in front of it"
        )
    scan = scan_header(dataset, meta.transfer_syntax_uid)
    attributes = index_values(decode_attributes(scan))
    for keyword in _REQUIRED:
        if not is_valid_uid(attributes[keyword]):
            raise MismatchedInstance(_no_uid(keyword, attributes[keyword]))
    if attributes["SOPClassUID"] != meta.sop_class_uid:
        raise _mismatch("SOPClassUID", meta.sop_class_uid, attributes)
    if attributes["SOPInstanceUID"] != meta.sop_instance_uid:
        raise _mismatch("SOPInstanceUID", meta.sop_instance_uid, attributes)
    return Inspected(scan, attributes)


def _mismatch(keyword: str, announced: str, attributes: Mapping[str, str]) -> MismatchedInstance:
    return MismatchedInstance(
        f"announced {keyword} {announced[:64]!r}, the data set has {attributes[keyword]!r}"
    )


def _no_uid(keyword: str, value: str) -> str:
    return f"{keyword} {value[:64]!r} is no UID" if value else f"{keyword} is missing"
