"""Identifiers of queries and retrievals, between bytes and pydicom (PS3.4 C.4.1.1.3)."""

from __future__ import annotations

import io

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from pacs_framework.dicom.depth import too_deep
from pacs_framework.dicom.elements import Encoding, Transcoder, image_facts
from pacs_framework.dicom.inflate import deflate, inflate
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES, failure_of
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR
from pacs_framework.dicom.walk import BIG, LITTLE, Walk
from pacs_framework.errors import QueryError, UnreadableInstance

__all__ = ["DEPTH_LIMIT", "decode_identifier", "encode_identifier"]

DEPTH_LIMIT = 16
"""The deepest nesting of sequences that a query may have."""

_SIZE_LIMIT = 16 << 20

# Fewer values of 64 characters and a backslash each fit a length of 16 bits.
_MANY_VALUES = 1000


def decode_identifier(data: bytes, transfer_syntax_uid: str) -> Dataset:
    """The data set of a query, every value decoded. Raises `QueryError` for what is none."""
    try:
        data = _inflated(data) if transfer_syntax_uid in DEFLATED else data
        little = transfer_syntax_uid != BIG_ENDIAN
        walk = Walk(data, len(data), LITTLE if little else BIG)
        implicit = walk.looks_implicit(0, default=transfer_syntax_uid == IMPLICIT_VR)
        # Truncation is an error here, while pydicom would make do with what there is.
        _ = walk.implicit(0) if implicit else walk.explicit(0)
    except UnreadableInstance as error:
        raise QueryError(f"identifier: {error}") from None
    if too_deep(data, len(data), implicit=implicit, little=little, limit=DEPTH_LIMIT):
        raise QueryError(f"identifier: sequences nested more than {DEPTH_LIMIT} levels deep")
    try:
        dataset = read_dataset(io.BytesIO(data), is_implicit_VR=implicit, is_little_endian=little)
        dataset.walk(lambda _dataset, _element: None)
    except PYDICOM_FAILURES as error:
        raise QueryError(f"identifier: a value cannot be decoded ({failure_of(error)})") from None
    return dataset


def _inflated(data: bytes) -> bytes:
    pieces, size = [], 0
    for piece in inflate([data]):
        size += len(piece)
        if size > _SIZE_LIMIT:
            raise UnreadableInstance(f"more than {_SIZE_LIMIT} bytes when inflated")
        pieces.append(piece)
    return b"".join(pieces)


def encode_identifier(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    """The encoded form of an identifier or of an answer. Raises `QueryError` when there is none.

    A value of more than 64 KiB in a VR with a short length, such as a long list of UIDs, becomes UN
    in explicit VR (PS3.5 6.2.2).
    """
    encoding = Encoding(
        implicit=transfer_syntax_uid == IMPLICIT_VR, little=transfer_syntax_uid != BIG_ENDIAN
    )
    try:
        if encoding.implicit or not _has_long_values(dataset):
            encoded = _written(dataset, encoding)
        else:
            # pydicom would do the same with a warning for each; in implicit VR nothing is too long.
            source = Encoding(implicit=True, little=True)
            plain = _written(dataset, source)
            encoded = Transcoder(source, encoding, image_facts(plain, source)).transcode(plain)
    except PYDICOM_FAILURES as error:
        raise QueryError(f"identifier: a value cannot be encoded ({failure_of(error)})") from None
    return b"".join(deflate([encoded])) if transfer_syntax_uid in DEFLATED else encoded


def _has_long_values(dataset: Dataset) -> bool:
    return any(element.VM > _MANY_VALUES for element in dataset)


def _written(dataset: Dataset, encoding: Encoding) -> bytes:
    target = DicomBytesIO()
    target.is_implicit_VR = encoding.implicit
    target.is_little_endian = encoding.little
    write_dataset(target, dataset)
    return target.getvalue()
