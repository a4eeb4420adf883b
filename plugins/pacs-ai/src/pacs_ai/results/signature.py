"""Who made a result, and the UIDs of what was made."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import highdicom as hd
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code as PydicomCode

from pacs_ai.api import Code

__all__ = ["Signature", "coded", "uid_of"]


def coded(code: Code) -> PydicomCode:
    """The same for highdicom."""
    return PydicomCode(code.value, code.scheme, code.meaning)


def uid_of(text: str) -> str:
    """A UID that follows from ``text``: a version 8 UUID (RFC 9562 5.8) as PS3.5 B.2 has it."""
    number = int.from_bytes(sha256(text.encode()).digest()[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return f"2.25.{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Signs the results of one run, ``run``: which model of which version made them."""

    run: str
    name: str
    version: str
    manufacturer: str

    def uid(self, what: str) -> str:
        """A UID of this run for ``what``: the same each time, so writing again makes no second."""
        return uid_of(f"{self.run}/{what}")

    @property
    def equipment(self) -> dict[str, Any]:
        """What highdicom wants to know of the device."""
        return {
            "manufacturer": self.manufacturer or "not named",
            "manufacturer_model_name": self.name,
            "software_versions": self.version,
            "device_serial_number": self.run,
        }

    def for_segments(self) -> hd.AlgorithmIdentificationSequence:
        """Of a segment (PS3.3 10.16)."""
        return hd.AlgorithmIdentificationSequence(
            name=self.name,
            version=self.version,
            family=codes.cid7162.ArtificialIntelligence,
            source=self.manufacturer or None,
        )

    def for_reports(self) -> hd.sr.AlgorithmIdentification:
        """Of measurements (PS3.16 TID 4019)."""
        return hd.sr.AlgorithmIdentification(
            name=self.name,
            version=self.version,
            manufacturer=self.manufacturer or None,
        )

    def as_observer(self) -> hd.sr.ObserverContext:
        """Of a report or a selection: the device that made it (PS3.16 TID 1004)."""
        device = hd.sr.DeviceObserverIdentifyingAttributes(
            uid=self.uid("device"),
            name=self.name,
            manufacturer_name=self.equipment["manufacturer"],
            model_name=f"{self.name} {self.version}",
        )
        return hd.sr.ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
