"""Data sets as nobody should send them, and somebody does."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache

from pydicom import Dataset
from pydicom.uid import CTImageStorage

from pacs_framework.testing.suites.identifying import Identified, Kind, Planted, encoded

__all__ = ["odd_data_sets"]

_MARK = "ZqoddsXv"
_PLANTED = Planted(where="a value", kind=Kind.PERSON, needles=(_MARK.lower().encode(),))
_WITH_LONG_LENGTH = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_DEEP = 60  # sequences; the kernel decodes no more than 64
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xff\xff\xff\xff"


@cache
def odd_data_sets() -> Mapping[str, Identified]:
    """By a word on its shape: whatever the kernel decodes may come to an anonymizer.

    All are in explicit VR little endian and have one mark, or none.
    """
    mark = _MARK.encode()
    return {
        "an empty one": Identified(encoded=b"", planted=()),
        "one with UIDs alone": _odd(),
        "one with empty values": _odd(
            *((tag, vr, b"") for tag, vr in ((0x00080005, b"CS"), (0x00080020, b"DA"))),
            *((tag, vr, b"") for tag, vr in ((0x00100010, b"PN"), (0x00100020, b"LO"))),
            *((tag, vr, b"") for tag, vr in ((0x00400275, b"SQ"), (0x00280010, b"US"))),
        ),
        "an unknown VR": _odd((0x00100020, b"ZZ", mark)),
        "an unknown attribute of the standard": _odd((0x0010FFF0, b"LO", mark)),
        "a birth date that is none": _odd((0x00100030, b"DA", mark)),
        "an age and a weight that are none": _odd(
            (0x00101010, b"AS", b"old "),
            (0x00101030, b"DS", b"heavy1,5"),
            (0x00100020, b"LO", mark),
        ),
        "dates and times that are none": _odd(
            (0x00080020, b"DA", b"99999999"),
            (0x00080021, b"DA", b"2019.7.11 "),
            (0x0008002A, b"DT", b"noon"),
            (0x00080030, b"TM", b"late"),
            (0x00100010, b"PN", mark),
        ),
        "a UID that is none": _odd((0x00200052, b"UI", b"1..x")),
        "a number of the wrong length": _odd((0x00280106, b"US", b"\1\2\3\4\5\6\7")),
        "several names for one": _odd((0x00100010, b"PN", mark + b"\\" + mark)),
        "a name of many groups": _odd((0x00100010, b"PN", b"=".join([mark] * 9) + b"^" * 9)),
        "a very long name": _odd((0x00100010, b"PN", mark * 500)),
        "bytes that the character set does not have": _odd(
            (0x00080005, b"CS", b"ISO_IR 192"),
            (0x00100010, b"PN", b"\xff\xfe\x80" + mark + b"\xff"),
        ),
        "an unknown character set": _odd(
            (0x00080005, b"CS", b"ISO_IR 999"), (0x00100010, b"PN", mark)
        ),
        "a sequence for a text": _odd((0x00100020, b"SQ", _item(0x00100010, b"PN", mark))),
        "a text for a sequence": _odd((0x0040A730, b"LO", mark)),
        "a sequence as bytes": _odd((0x00101002, b"UN", _item(0x00100020, b"LO", mark))),
        "numbers for a name": _odd((0x00100010, b"US", mark)),
        "a private element without a block": _odd((0x00091001, b"UN", mark)),
        "a private creator that is none": _odd((0x00090010, b"SQ", b""), (0x00091001, b"LO", mark)),
        "a private creator with the name": _odd((0x00090010, b"LO", mark)),
        "a group length": _odd((0x00100000, b"UL", b"\0\1\0\0"), (0x00100010, b"PN", mark)),
        f"{_DEEP} sequences in each other": _deep(),
    }


def _odd(*elements: tuple[int, bytes, bytes]) -> Identified:
    """The UIDs that every instance has, and these elements as they are."""
    every = {tag: _element(tag, vr, value) for tag, vr, value in (*_UIDS, *elements)}
    marked = any(_MARK.encode() in value for _, _, value in elements)
    return Identified(
        encoded=b"".join(every[tag] for tag in sorted(every)),
        planted=(_PLANTED,) if marked else (),
    )


_UIDS = (
    (0x00080016, b"UI", str(CTImageStorage).encode()),
    (0x00080018, b"UI", b"1.2.826.0.1.3680043.10.543.4.3"),
    (0x0020000D, b"UI", b"1.2.826.0.1.3680043.10.543.4.1"),
    (0x0020000E, b"UI", b"1.2.826.0.1.3680043.10.543.4.2"),
)


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    """An element in explicit VR little endian (PS3.5 7.1.2), padded as nobody checks."""
    value += b"\0" * (len(value) % 2 and vr != b"US")
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in _WITH_LONG_LENGTH:
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def _item(tag: int, vr: bytes, value: bytes) -> bytes:
    inner = _element(tag, vr, value)
    return _ITEM + struct.pack("<I", len(inner)) + inner


def _deep() -> Identified:
    """A content tree with a name at its end."""
    dataset = Dataset()
    dataset.PersonName = _MARK
    for _ in range(_DEEP):
        outer = Dataset()
        outer.ContentSequence = [dataset]
        dataset = outer
    for tag, _, value in _UIDS:
        dataset.add_new(tag, "UI", value.decode())
    return Identified(encoded=encoded(dataset), planted=(_PLANTED,))
