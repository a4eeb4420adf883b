"""Headers decoded, changed and put back in front of the bytes that follow them.

Used where a plugin coerces an instance: pydicom sees the header alone, and pixel data with all that
comes after stay byte for byte as they were.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

from pacs_framework.dicom.charset import can_carry, encode_identifier_charset
from pacs_framework.dicom.depth import DEPTH_LIMIT, too_deep
from pacs_framework.dicom.elements import Encoding
from pacs_framework.dicom.encode import encode_elements
from pacs_framework.dicom.header import Readable, SplitDataSet, split_data_set
from pacs_framework.dicom.inflate import deflate
from pacs_framework.dicom.pixel_part import pixel_part
from pacs_framework.dicom.quiet import take_values_as_they_are
from pacs_framework.dicom.transcode import convert_uncompressed
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR
from pacs_framework.dicom.walk import PIXEL_DATA_TAGS, EncodedDataSet
from pacs_framework.errors import PluginError, UnreadableInstance

__all__ = [
    "PYDICOM_FAILURES",
    "convert_uncompressed",
    "decode_header",
    "encode_header",
    "joined",
    "load_header",
    "replace_header",
]

take_values_as_they_are()

PYDICOM_FAILURES = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises where a data set is not what it expects."""


_FIRST_OF_A_DATA_SET = 0x00080000  # before it: commands, file meta, DICOMDIR (PS3.5 7.1)
_LAST_PIXEL_DATA = max(PIXEL_DATA_TAGS)

_tag_in = re.compile(r"[Ww]ith tag (\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\))").search


def failure_of(error: Exception) -> str:
    """What failed and where, without pydicom's message: that may quote the patient's value."""
    found = _tag_in(str(error))
    return f"{type(error).__name__} at {found[1]}" if found else type(error).__name__


def load_header(source: EncodedDataSet | Readable, transfer_syntax_uid: str) -> Dataset:
    """The data set up to its pixel data, or all of it when it has none.

    A stream is read from where it stands, and not much further than the header. Values are decoded
    by pydicom when they are first looked at. Raises `UnreadableInstance`.
    """
    return decode_header(split_data_set(source, transfer_syntax_uid))


def decode_header(split: SplitDataSet) -> Dataset:
    """The header of a data set that was taken apart. Raises as `load_header`."""
    header = split.header
    if too_deep(header, len(header), implicit=split.implicit, little=split.little):
        raise UnreadableInstance(f"sequences are nested more than {DEPTH_LIMIT} levels deep")
    try:
        dataset = read_dataset(
            io.BytesIO(header), is_implicit_VR=split.implicit, is_little_endian=split.little
        )
    except PYDICOM_FAILURES as error:
        raise UnreadableInstance(f"the header cannot be decoded: {failure_of(error)}") from None
    # Also zeros that pad the end, which look like the group length of a command.
    for tag in [each for each in dataset.keys() if each < _FIRST_OF_A_DATA_SET]:  # noqa: SIM118
        del dataset[tag]
    return dataset


def encode_header(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    """A header, in elements as pydicom encodes them, to stand in front of the raw rest.

    A data set that was read in another VR encoding than the transfer syntax announces is written as
    it was read, since that is how the rest goes on. Text that its Specific Character Set cannot
    carry moves the whole header to one that can. For a deflated transfer syntax the bytes are not
    deflated: header and rest are one stream (see `replace_header`).

    Raises `PluginError` for pixel data in ``dataset``, for groups that no data set has, and for
    what pydicom cannot encode.
    """
    tags = dataset.keys()
    if tags and min(tags) < _FIRST_OF_A_DATA_SET:
        raise PluginError(
            f"a changed data set must not contain {min(tags)}: a data set begins with group 0008"
        )
    if any(tag in dataset for tag in PIXEL_DATA_TAGS):
        raise PluginError("a changed data set must not contain pixel data: they stay as they are")
    implicit, little = dataset.original_encoding
    encoding = Encoding(
        implicit=transfer_syntax_uid == IMPLICIT_VR if implicit is None else implicit,
        little=transfer_syntax_uid != BIG_ENDIAN if little is None else little,
    )
    try:
        _carry_text(dataset)
        return encode_elements(dataset, encoding)
    except PYDICOM_FAILURES as error:
        raise PluginError(f"the changed data set cannot be encoded: {failure_of(error)}") from None


def _carry_text(dataset: Dataset) -> None:
    """Choose another character set when text that was put in is beyond the present one."""
    declared = dataset.get("SpecificCharacterSet") or ""
    preferred = declared if isinstance(declared, str) else list(declared)
    if not can_carry(_new_texts(dataset), preferred):
        encode_identifier_charset(dataset, preferred)


def _new_texts(dataset: Dataset) -> Iterator[str]:
    """Text in elements that are decoded; what is still encoded is written as it was."""
    pending = [dataset]
    while pending:
        current = pending.pop()
        for element in current.values():
            if isinstance(element, RawDataElement) or not element.value:
                continue
            if isinstance(element.value, Sequence):
                pending.extend(element.value)
            elif element.VR in CUSTOMIZABLE_CHARSET_VR:
                several = element.VM > 1
                yield from (str(value) for value in (element.value if several else [element.value]))


def replace_header(
    source: EncodedDataSet | Readable,
    transfer_syntax_uid: str,
    dataset: Dataset,
    *,
    pixels_only: bool = False,
) -> Iterator[bytes]:
    """The data set of ``source`` with ``dataset`` as its header, piece by piece.

    With ``pixels_only``, what follows the pixel data is left out; what is wrong there is then told
    with the pieces.
    For a deflated transfer syntax it is inflated and deflated again on the way. Raises
    `UnreadableInstance` and `PluginError`, both before the first piece.
    """
    split = split_data_set(source, transfer_syntax_uid)
    return joined(split, transfer_syntax_uid, dataset, pixels_only=pixels_only)


def joined(
    split: SplitDataSet, transfer_syntax_uid: str, dataset: Dataset, *, pixels_only: bool
) -> Iterator[bytes]:
    """As `replace_header`, of a data set that was taken apart. Raises `PluginError`."""
    header = encode_header(dataset, transfer_syntax_uid)
    first = next(split.tail, b"")
    if first and (last := max(dataset.keys(), default=0)) > _LAST_PIXEL_DATA:
        raise PluginError(
            f"a changed data set must not contain {last}, which has its place behind the pixel data"
        )
    whole = replace(split, tail=chain((first,) if first else (), split.tail))
    pieces = chain([header], pixel_part(whole) if pixels_only else whole.tail)
    return deflate(pieces) if transfer_syntax_uid in DEFLATED else pieces
