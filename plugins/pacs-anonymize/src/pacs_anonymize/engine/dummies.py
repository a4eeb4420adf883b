"""Values that say nothing, for attributes that must have one (action D)."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.sequence import Sequence

__all__ = ["REMOVED", "URL", "dummy_item", "dummy_value"]

REMOVED = "REMOVED"
URL = b"about:blank"

_WORD = REMOVED.encode()
_VALUES: dict[str, bytes] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), _WORD),
    "AS": b"000Y",
    "DA": b"19000101",
    "DT": b"19000101000000",
    "TM": b"000000",
    "DS": b"0",
    "IS": b"0",
    "UR": URL,
    **dict.fromkeys(("OB", "OW", "SS", "UN", "US"), bytes(2)),
    **dict.fromkeys(("AT", "FL", "OF", "OL", "SL", "UL"), bytes(4)),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), bytes(8)),
}

_FRAME_ORIGIN_TIMESTAMP = 0x00340007
_PTP_BYTES = 10


def dummy_value(tag: int, vr: str) -> bytes | None:
    """The encoded dummy of a VR, without padding; None for a VR that is not known.

    Dates are the first day of 1900, which nobody takes for one that was meant.
    """
    if tag == _FRAME_ORIGIN_TIMESTAMP:
        return bytes(_PTP_BYTES)
    return _VALUES.get(vr)


def dummy_item(tag: int, before: Dataset | None) -> Dataset:
    """The one item of a dummy sequence: what the standard demands of an item there, and no more.

    ``before`` is the first item that the sequence had. Sequences that are not known here get a
    coded entry (PS3.3 Table 8.8-1), as most of those that are replaced hold codes.
    """
    make = _ITEMS.get(keyword_for_tag(tag))
    return make(before) if make else _code()


def _code() -> Dataset:
    item = Dataset()
    item.CodeValue = REMOVED
    item.CodingSchemeDesignator = "99REMOVED"
    item.CodeMeaning = REMOVED
    return item


def _content(_before: Dataset | None) -> Dataset:
    """A content item: a comment (PS3.3 C.17.3)."""
    name = Dataset()
    name.CodeValue = "121106"
    name.CodingSchemeDesignator = "DCM"
    name.CodeMeaning = "Comment"
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "TEXT"
    item.ConceptNameCodeSequence = Sequence([name])
    item.TextValue = REMOVED
    return item


def _verifying_observer(_before: Dataset | None) -> Dataset:
    """PS3.3 C.17.2."""
    item = Dataset()
    item.VerifyingOrganization = REMOVED
    item.VerificationDateTime = _VALUES["DT"].decode()
    item.VerifyingObserverName = REMOVED
    item.VerifyingObserverIdentificationCodeSequence = Sequence()
    return item


def _operator(_before: Dataset | None) -> Dataset:
    """A person (PS3.3 Table 10-1)."""
    item = Dataset()
    item.PersonIdentificationCodeSequence = Sequence([_code()])
    item.InstitutionName = REMOVED
    return item


def _annotation(before: Dataset | None) -> Dataset:
    """An invisible word in the layer that the graphics were in (PS3.3 C.10.5)."""
    text = Dataset()
    text.UnformattedTextValue = REMOVED
    text.AnchorPointAnnotationUnits = "PIXEL"
    text.AnchorPoint = [1.0, 1.0]
    text.AnchorPointVisibility = "N"
    item = Dataset()
    item.GraphicLayer = str((before or item).get("GraphicLayer") or REMOVED)
    item.TextObjectSequence = Sequence([text])
    return item


def _waveform_annotation(_before: Dataset | None) -> Dataset:
    """A word on all channels of the first group (PS3.3 C.10.10)."""
    item = Dataset()
    item.UnformattedTextValue = REMOVED
    item.ReferencedWaveformChannels = [1, 0]
    return item


_ITEMS = {
    "WaveformAnnotationSequence": _waveform_annotation,
    "ContentSequence": _content,
    "VerifyingObserverSequence": _verifying_observer,
    "OperatorIdentificationSequence": _operator,
    "GraphicAnnotationSequence": _annotation,
}
