"""What recipes may replace values by: made of the value with the key, the same everywhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydicom import DataElement, Dataset

from pacs_framework.anonymizers.uids import is_of_an_instance
from pacs_framework.errors import NotAnonymized

__all__ = ["Pseudonyms"]

_TEXT = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"))
_LETTERS = 16  # what AE, CS and SH have room for; 80 bits
_NEAREST_DAY, _FARTHEST_DAY = 62, 730


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Of one data set: the patient's identifier counts together with its issuer."""

    key: bytes = field(repr=False)
    patient_id: str
    issuer: str

    @classmethod
    def of(cls, dataset: Dataset, key: bytes) -> Pseudonyms:
        """Read before the data set is changed."""
        identifier, issuer = dataset.get("PatientID"), dataset.get("IssuerOfPatientID")
        return cls(key=key, patient_id=str(identifier or ""), issuer=str(issuer or ""))

    def definitions(self) -> dict[str, Any]:
        """By the names that recipes use."""
        return {
            "new_uid": _for_each(self._new_uid),
            "pseudonym": _for_each(self._pseudonym),
            "days_back": -self._days(),
        }

    def _new_uid(self, element: DataElement, value: str) -> str:
        """A UID of a UUID (PS3.5 B.2); those of standards stay."""
        if element.VR != "UI":
            raise NotAnonymized(
                f"func:new_uid cannot replace {element.tag}: its VR is {element.VR}"
            )
        if not is_of_an_instance(element.keyword, value):
            return value
        return f"2.25.{UUID(bytes=self._digest('uid', value)[:16]).int}"

    def _pseudonym(self, element: DataElement, value: str) -> str:
        if element.VR not in _TEXT:
            raise NotAnonymized(
                f"func:pseudonym cannot replace {element.tag}: its VR is {element.VR}"
            )
        if value == self.patient_id:
            value = f"{self.issuer}\n{value}"
        code = base64.b32encode(self._digest("pseudonym", value)).decode()[:_LETTERS]
        return f"Anon^{code}" if element.VR == "PN" else code

    def _days(self) -> int:
        """How far the patient's dates are moved: two months at least, two years at most."""
        digest = self._digest("days", f"{self.issuer}\n{self.patient_id}")
        span = _FARTHEST_DAY - _NEAREST_DAY + 1
        return _NEAREST_DAY + int.from_bytes(digest[:8], "big") % span

    def _digest(self, use: str, value: str) -> bytes:
        return hmac.digest(self.key, f"{use}\0{value}".encode(), hashlib.sha256)


def _for_each(make: Callable[[DataElement, str], str]) -> Callable[..., str | list[str]]:
    """A function as deid calls it, for elements with any number of values; empty ones stay."""

    def replace(*, field: Any, **_: object) -> str | list[str]:
        element: DataElement = field.element
        if element.is_empty:
            return ""
        if element.VM > 1:
            return [make(element, str(value)) for value in element.value]
        return make(element, str(element.value))

    return replace
