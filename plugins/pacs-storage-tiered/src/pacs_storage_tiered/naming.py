"""Keys of objects, and the names that places make keys of their own from.

Each place makes its own key, and tells of it nothing but the version. So the version that a place
gets carries, behind the real one, the UIDs: from any place alone it can be told which objects are
there. No table says where an object is, and none can be lost.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import Self

from pacs_framework.archive.versions import received_at
from pacs_framework.storage import ObjectName

__all__ = ["Key"]

_UID = re.compile(r"[0-9][0-9.]{0,63}")
_KEY = re.compile(r"([0-9][0-9.]*)/([0-9][0-9.]*)/([0-9][0-9.]*)-([0-9a-z]+)")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TO_BASE_12 = str.maketrans("./", "ab")
_FROM_BASE_12 = str.maketrans("ab", "./")
_LENGTH_DIGITS = 2
_UNKNOWN = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Key:
    """What the key of an object says: study, series and instance, and the version."""

    study: str
    series: str
    instance: str
    version: str

    @classmethod
    def of(cls, name: ObjectName) -> Self:
        """The key of a new object. There is no patient in it."""
        return cls(
            _uid(name.study_instance_uid),
            _uid(name.series_instance_uid),
            _uid(name.sop_instance_uid),
            name.version,
        )

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None where `of` made no such key."""
        found = _KEY.fullmatch(text)
        return cls(*found.groups()) if found else None

    @classmethod
    def from_place(cls, version: str) -> Self | None:
        """Of the version that a place knows; None where it is none of ours."""
        try:
            length = int(version[-_LENGTH_DIGITS:], 36)
            packed = version[-_LENGTH_DIGITS - length : -_LENGTH_DIGITS]
            uids = _text(int(packed, 36), 12)[1:].translate(_FROM_BASE_12)
        except ValueError:
            return None
        real = version[: -_LENGTH_DIGITS - length]
        return cls.parse(f"{uids}-{real}") if len(packed) == length else None

    def __str__(self) -> str:
        return f"{self.study}/{self.series}/{self.instance}-{self.version}"

    @property
    def received(self) -> dt.datetime:
        """When the object came in; 1970 for a version that no archive made."""
        try:
            return received_at(self.version)
        except ValueError:
            return _UNKNOWN

    def name_for_place(self) -> ObjectName:
        """What a place makes its own key of: the same each time.

        The size is left out: a key that depends on it could not be made again.
        """
        uids = f"1{self.study}/{self.series}/{self.instance}".translate(_TO_BASE_12)
        packed = _text(int(uids, 12), 36)
        length = _text(len(packed), 36).rjust(_LENGTH_DIGITS, "0")
        return ObjectName(
            patient_id=self.study,  # layouts by patient then have one folder for each study
            study_instance_uid=self.study,
            series_instance_uid=self.series,
            sop_instance_uid=self.instance,
            received=self.received,
            version=f"{self.version}{packed}{length}",
        )


def _uid(text: str) -> str:
    """A UID as it is; anything else, which the ingest door does not let in, as its digest."""
    if _UID.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
    return f"2.25.{int.from_bytes(digest)}"


def _text(number: int, base: int) -> str:
    digits = []
    while number:
        number, digit = divmod(number, base)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
