"""The keys of C-FIND for the conformance statement, asked of the code that answers queries.

Every attribute of the data dictionary is put into an identifier for each level; the plan that a
query would follow says whether it is answered and matched, and the matcher says in which ways.
What is simply read from a stored header is not listed key by key: its VR decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pydicom import DataElement, Dataset
from pydicom._dicom_dict import DicomDictionary
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag

from pacs_framework.archive.key_plan import KeyPlan, plan_keys
from pacs_framework.archive.query_keys import UNIQUE_KEYS, Root
from pacs_framework.conformance.records import Matching, QueryKey
from pacs_framework.dicom.attributes import INDEXED, Level
from pacs_framework.dicom.matching import Matcher

__all__ = ["listed_keys", "matching_by_vr"]

# PS3.4 Tables C.6-1 to C.6-4, key type R.
_REQUIRED = frozenset(
    (
        "PatientName",
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "StudyID",
        "Modality",
        "SeriesNumber",
        "InstanceNumber",
    )
)

# VR → a key of each kind with a value that it has to match. What is no pattern in a VR does not.
_WILDCARD = ("A*", "ABC")
_RANGES = {
    "DA": ("20200101-20200131", "20200115"),
    "TM": ("100000-110000", "103000"),
    "DT": ("20200101-20200131", "20200115103000"),
}
_SAMPLES = {
    "UI": ("1.2", "1.3"),
    "DA": ("20200101", "20200102"),
    "TM": ("101112", "101113"),
    "DT": ("20200101", "20200102"),
    "AS": ("010Y", "020Y"),
}
_NUMBER_VRS = ("IS", "DS")
_TEXT_VRS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
_BINARY_VRS = ("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV")
_TESTED_VRS = (*_SAMPLES, *_NUMBER_VRS, *_TEXT_VRS, *_BINARY_VRS)
_SINGLE_VALUE_VRS = frozenset(("LT", "ST", "UR", "UT"))
_SOME_SEQUENCE = 0x00400275  # Request Attributes Sequence
_NOT_KEYS = frozenset(("SpecificCharacterSet", "QueryRetrieveLevel", "TimezoneOffsetFromUTC"))


def listed_keys(root: Root) -> tuple[QueryKey, ...]:
    """The keys with a place of their own, for each level of ``root``, by level and tag."""
    return tuple(key for level in root.levels for key in _keys_at(level))


def _keys_at(level: Level) -> Iterator[QueryKey]:
    plan = plan_keys(_every_attribute(), level)
    special = {*plan.own, *plan.lists, *plan.counts, *plan.echoed, *plan.unsupported}
    for tag in sorted(special):
        keyword = keyword_for_tag(tag)
        # Bulk data is unsupported by its VR; only keys of the models are worth a row.
        if tag in plan.unsupported and keyword not in _keys_of_models() | INDEXED.keys():
            continue
        if keyword not in _NOT_KEYS:
            yield _key(level, BaseTag(tag), keyword, answered_empty=tag not in plan.unsupported)


def _key(level: Level, tag: BaseTag, keyword: str, *, answered_empty: bool) -> QueryKey:
    """``answered_empty``: whether the key is answered also where it comes without a value."""
    vr = dictionary_VR(tag)
    plan = plan_keys(_identifier(tag, vr, _sample(vr)[0]), level)
    kinds = matching_of(vr) if tag in plan.matched else ()
    return QueryKey(
        level=level.value,
        tag=int(tag),
        keyword=keyword,
        vr=vr,
        key_type=_type_of(keyword, level),
        matching=tuple(k for k in kinds if answered_empty or k is not Matching.UNIVERSAL),
        returned=tag not in plan.unsupported,
        note=_note(plan, tag),
    )


def _note(plan: KeyPlan, tag: int) -> str:
    if tag in plan.counts:
        return "computed: a count, compared as a number"
    if tag in plan.only:
        return "of a level below, with relational queries only; needs a value"
    if tag in plan.lists:
        return "all values below; matches when any of them does"
    if tag in plan.unsupported:
        return "not known at this level: empty, with status FF01H"
    return "set by the archive" if tag in plan.echoed else ""


def _type_of(keyword: str, level: Level) -> str:
    """U, R or O in the Patient Root model; keys of other levels are optional additions to it."""
    if UNIQUE_KEYS[level] == keyword:
        return "U"
    own = keyword in INDEXED and INDEXED[keyword].level is level
    return "R" if own and keyword in _REQUIRED else "O"


@lru_cache(maxsize=1)
def _every_attribute() -> Dataset:
    """An identifier that asks for all of the data dictionary, without values."""
    identifier = Dataset()
    for tag, (vr, _, _, retired, _) in DicomDictionary.items():
        if tag >> 16 > 0x0002 and not retired and len(vr) == 2:
            value = Items() if vr == "SQ" else None
            identifier.add(DataElement(tag, vr, value))
    return identifier


@lru_cache(maxsize=1)
def _keys_of_models() -> frozenset[str]:
    """Keywords that have a place of their own at one level at least."""
    plans = [plan_keys(_every_attribute(), level) for level in Level]
    return frozenset(
        keyword_for_tag(tag) for plan in plans for tag in (*plan.own, *plan.lists, *plan.counts)
    )


# --- kinds of matching --------------------------------------------------------------------------


def matching_by_vr() -> tuple[tuple[str, tuple[Matching, ...]], ...]:
    """How a key without a place of its own is matched, for each VR that has any matching."""
    by_vr = [(vr, matching_of(vr)) for vr in sorted(_TESTED_VRS)]
    sequence = (Matching.SEQUENCE,) if _matches_items() else ()
    return (*by_vr, ("SQ", (*sequence, Matching.UNIVERSAL)))


@lru_cache(maxsize=64)
def matching_of(vr: str) -> tuple[Matching, ...]:
    """The kinds of matching (PS3.4 C.2.2.2) that the matcher knows for a VR, found by trying."""
    wanted, other = _sample(vr)
    found = [Matching.UNIVERSAL]
    if _matches(vr, wanted, wanted) and not _matches(vr, wanted, other):
        found.append(Matching.SINGLE_VALUE)
    if vr not in _SINGLE_VALUE_VRS and _matches(vr, [other, wanted], wanted):
        found.append(Matching.UID_LIST if vr == "UI" else Matching.VALUE_LIST)
    if vr in _TEXT_VRS and _matches(vr, *_WILDCARD):
        found.append(Matching.WILDCARD)
    if vr in _RANGES and _matches(vr, *_RANGES[vr]):
        found.append(Matching.RANGE)
    return tuple(kind for kind in Matching if kind in found)


def _sample(vr: str) -> tuple[object, object]:
    if vr in _BINARY_VRS:
        return 1, 2
    return _SAMPLES.get(vr, ("1", "2"))


def _matches(vr: str, key: object, value: object) -> bool:
    tag = _tag_with(vr)
    return Matcher(_identifier(tag, vr, key)).matches(_identifier(tag, vr, value))


def _matches_items() -> bool:
    """Sequence matching: an item of the candidate that has the value of the key's item."""
    wanted, other = (_with_item(vr_value) for vr_value in ("A", "B"))
    matcher = Matcher(wanted)
    return matcher.matches(wanted) and not matcher.matches(other)


def _with_item(code: str) -> Dataset:
    item = Dataset()
    item.RequestedProcedureID = code
    identifier = Dataset()
    identifier.add(DataElement(_SOME_SEQUENCE, "SQ", Items([item])))
    return identifier


@lru_cache(maxsize=64)
def _tag_with(vr: str) -> BaseTag:
    """Some attribute of a VR; the matcher looks at the VR alone."""
    tags = (t for t, entry in DicomDictionary.items() if entry[0] == vr and t >> 16 > 0x0008)
    return BaseTag(next(tags))


def _identifier(tag: BaseTag, vr: str, value: object) -> Dataset:
    """One key; patterns are no values of their VR, so nothing is validated."""
    identifier = Dataset()
    identifier.add(DataElement(tag, vr, value, validation_mode=IGNORE))
    return identifier
