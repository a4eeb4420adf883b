"""Steps between the wire, the book and pydicom.

What is kept is explicit VR little endian with text in ASCII, or in UTF-8 that is declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.dicom.charset import UTF_8
from pacs_framework.dicom.elements import Encoding, ImageFacts, Transcoder
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.uids import IMPLICIT_VR
from pacs_framework.dicom.walk import LITTLE, Walk
from pacs_framework.errors import QueryError, UnreadableInstance
from pacs_mpps.attributes import Attributes, Reading, read

__all__ = ["Received", "receive", "received"]

_CHARSET = "SpecificCharacterSet"
_EXPLICIT = str(ExplicitVRLittleEndian)

# What is ambiguous without these facts of an image is left to pydicom, as all that is no text.
_TO_EXPLICIT = Transcoder(
    Encoding(implicit=True, little=True),
    Encoding(implicit=False, little=True),
    ImageFacts(bits_allocated=16, signed=False),
)


@dataclass(frozen=True, slots=True)
class Received:
    """What came: as it is to be ``kept``, and as it ``came``, in its own character set.

    The two are one object where there is no difference.
    """

    kept: Attributes
    came: Attributes


def receive(data: bytes, transfer_syntax_uid: str) -> Received:
    """Read what a modality sent. Raises `QueryError`.

    What is ASCII throughout is kept as it came. All else is decoded by pydicom, and encoded anew.
    """
    reading = _plain(data, transfer_syntax_uid)
    if reading is None:
        return _converted(decode_identifier(data, transfer_syntax_uid))
    kept = reading.attributes
    declared = kept.text(_CHARSET)
    if not declared or declared == UTF_8:
        return Received(kept, kept)
    came = kept.merged(kept)
    kept.declare_utf_8()
    return Received(kept, came)


def received(dataset: Dataset) -> Received:
    """As if ``dataset`` had come. Raises `QueryError` for a value that has no encoding."""
    return receive(_encoded(dataset), _EXPLICIT)


def _plain(data: bytes, transfer_syntax_uid: str) -> Reading | None:
    """What can be kept as it is, or turned without being decoded."""
    try:
        if transfer_syntax_uid == IMPLICIT_VR:
            walk = Walk(data, len(data), LITTLE)
            if not walk.looks_implicit(0, default=True):
                return None
            walk.implicit(0)
            data = _TO_EXPLICIT.transcode(data)
        elif transfer_syntax_uid != _EXPLICIT:
            return None
        reading = read(data)
    except UnreadableInstance:
        return None  # pydicom has the last word, and says what is wrong
    return reading if reading.plain else None


def _converted(dataset: Dataset) -> Received:
    """Of a decoded data set."""
    came = _reading(dataset)
    inner = [each for each in _data_sets(dataset) if _CHARSET in each]
    for each in inner:
        del each[_CHARSET]
    if not inner and came.ascii:
        return Received(came.attributes, came.attributes)
    # Without a declaration it was read as Latin-1, which is what those mean who forget it.
    dataset.SpecificCharacterSet = UTF_8
    return Received(_reading(dataset).attributes, came.attributes)


def _reading(dataset: Dataset) -> Reading:
    try:
        return read(_encoded(dataset))
    except UnreadableInstance as error:
        raise QueryError(f"a step cannot be kept: {error}") from None


def _encoded(dataset: Dataset) -> bytes:
    """As it is, in the character set that it names. Raises `QueryError`."""
    return encode_identifier(dataset, _EXPLICIT)


def _data_sets(dataset: Dataset) -> Iterator[Dataset]:
    pending = [dataset]
    while pending:
        current = pending.pop()
        yield current
        for element in list(current.values()):
            # As it was read, because most are written so again; only sequences are decoded.
            if element.VR == "SQ":
                pending.extend(current[element.tag].value or ())
