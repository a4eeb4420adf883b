"""What an identifier asks for: its level, whether it may ask so, and where each key is answered.

PS3.4 C.4.1 (C-FIND), C.4.2.2 (retrieval) and C.6 (the information models).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from pydicom.datadict import keyword_for_tag
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from pacs_framework.archive.candidates import creator_of
from pacs_framework.dicom.attributes import INDEXED, Level
from pacs_framework.dicom.matching import has_wildcard, values_of
from pacs_framework.errors import QueryError
from pacs_framework.index.conditions import bindable
from pacs_framework.index.queries import LEVELS, TABLES
from pacs_framework.index.schema import instance

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement
    from sqlalchemy import Column

__all__ = [
    "COUNTS",
    "UNIQUE_KEYS",
    "KeyPlan",
    "Root",
    "ValueColumn",
    "check_unique_keys",
    "level_of",
    "plan_keys",
]


class Root(StrEnum):
    """An information model by the entity that it starts from (PS3.4 C.6.1 to C.6.3)."""

    PATIENT = "Patient Root"
    STUDY = "Study Root"
    PATIENT_STUDY_ONLY = "Patient/Study Only"

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of the model, top first."""
        if self is Root.STUDY:
            return LEVELS[1:]
        return LEVELS[:2] if self is Root.PATIENT_STUDY_ONLY else LEVELS


UNIQUE_KEYS: dict[Level, str] = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}

COUNTS: dict[str, tuple[Level, Level]] = {
    "NumberOfPatientRelatedStudies": (Level.PATIENT, Level.STUDY),
    "NumberOfPatientRelatedSeries": (Level.PATIENT, Level.SERIES),
    "NumberOfPatientRelatedInstances": (Level.PATIENT, Level.IMAGE),
    "NumberOfStudyRelatedSeries": (Level.STUDY, Level.SERIES),
    "NumberOfStudyRelatedInstances": (Level.STUDY, Level.IMAGE),
    "NumberOfSeriesRelatedInstances": (Level.SERIES, Level.IMAGE),
}
"""Computed keys: of which level → how many of which level."""

_ABOUT_THE_ANSWER = frozenset({"QueryRetrieveLevel", "RetrieveAETitle", "InstanceAvailability"})
_NEVER_MATCHED = frozenset({"TimezoneOffsetFromUTC"})  # says how to read the identifier's times
_BULK_VRS = frozenset({VR.OB, VR.OD, VR.OF, VR.OL, VR.OV, VR.OW, VR.UN})
_BULK_GROUPS = frozenset({0x5400, 0x7FE0})
_CHARACTER_SET = 0x00080005


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """A column that answers a key, with the VR of the answer."""

    column: Column[Any]
    vr: str


def _column(keyword: str) -> ValueColumn:
    attribute = INDEXED[keyword]
    return ValueColumn(TABLES[attribute.level].c[attribute.column], attribute.vr)


_COLUMNS = {keyword: _column(keyword) for keyword in INDEXED}
_COLUMNS["AvailableTransferSyntaxUID"] = ValueColumn(instance.c.transfer_syntax_uid, "UI")
_LEVEL_OF_TABLE = {table.name: level for level, table in TABLES.items()}
_STUDY_LISTS = {
    "ModalitiesInStudy": _COLUMNS["Modality"],
    "SOPClassesInStudy": _COLUMNS["SOPClassUID"],
}
_UNIQUE = frozenset(UNIQUE_KEYS.values())


@dataclass(slots=True)
class KeyPlan:
    """The keys of one identifier by tag, sorted by where their values come from.

    ``own`` are columns of the entity or of one above it. ``lists`` are columns below a level, of
    which every distinct value is answered. ``counts`` name entries of `COUNTS`. ``header`` is read
    from a stored instance. ``echoed`` comes back as asked. ``unsupported`` comes back empty.
    ``matched`` are the keys with a value that candidates are held to. ``only`` restricts the list
    of a unique key below the level to the values that were asked for.
    """

    level: Level
    identifier: Dataset
    own: dict[int, ValueColumn] = field(default_factory=dict)
    lists: dict[int, tuple[Level, ValueColumn]] = field(default_factory=dict)
    counts: dict[int, str] = field(default_factory=dict)
    header: set[int] = field(default_factory=set)
    echoed: set[int] = field(default_factory=set)
    unsupported: set[int] = field(default_factory=set)
    matched: set[int] = field(default_factory=set)
    only: dict[int, list[str]] = field(default_factory=dict)


def level_of(identifier: Dataset, root: Root) -> Level:
    """The Query/Retrieve Level (0008,0052), which must exist in the model. Raises `QueryError`."""
    value = str(identifier.get("QueryRetrieveLevel", "") or "").strip()
    if not value:
        raise QueryError("the identifier has no Query/Retrieve Level (0008,0052)")
    if value not in root.levels:
        known = ", ".join(root.levels)
        raise QueryError(f"no Query/Retrieve Level {value[:16]!r} in {root}; it has {known}")
    return Level(value)


def check_unique_keys(
    identifier: Dataset, level: Level, root: Root, *, relational: bool, at_level: bool = False
) -> None:
    """Hold the identifier to the hierarchy (PS3.4 C.4.1.3.1, C.4.2.2.1). Raises `QueryError`.

    Hierarchical: one value in the unique key of each level above, none in those below; relational
    lifts both. ``at_level`` also asks for a value at the level itself, as retrieval does.
    """
    if level not in root.levels:
        raise QueryError(f"no Query/Retrieve Level {level.value!r} in {root}")
    if not relational:
        depth = root.levels.index(level)
        for above in root.levels[:depth]:
            _check_single(identifier, above, level)
        for below in root.levels[depth + 1 :]:
            if _values(identifier, below):
                raise QueryError(
                    f"{UNIQUE_KEYS[below]} has a value in a hierarchical {level.value} query; "
                    f"negotiate relational queries or leave it out"
                )
    if at_level and not _values(identifier, level):
        raise QueryError(f"{UNIQUE_KEYS[level]} has no value in a {level.value} retrieval")


def _check_single(identifier: Dataset, above: Level, level: Level) -> None:
    values = _values(identifier, above)
    if len(values) != 1 or has_wildcard(values[0]):
        raise QueryError(
            f"a hierarchical {level.value} query needs one value in {UNIQUE_KEYS[above]}; "
            f"negotiate relational queries to leave it out"
        )


def _values(identifier: Dataset, level: Level) -> list[str]:
    return values_of(identifier.get(INDEXED[UNIQUE_KEYS[level]].tag))


def plan_keys(identifier: Dataset, level: Level) -> KeyPlan:
    """Sort the keys of ``identifier`` for a query at ``level``. Raises `QueryError` for a value
    that is none of its VR.
    """
    plan = KeyPlan(level=level, identifier=identifier)
    try:
        # In the order of tags, without pydicom's comparisons of them, which are Python.
        for tag in sorted(map(int, identifier.keys())):
            if tag & 0xFFFF:  # group lengths say nothing
                _place(plan, identifier[BaseTag(tag)])
    except (ValueError, TypeError, OverflowError, LookupError) as error:
        raise QueryError(f"a key holds no value of its VR ({type(error).__name__})") from error
    return plan


def _place(plan: KeyPlan, element: DataElement) -> None:
    """Note the source of one key, and whether it is to be matched."""
    if element.tag == _CHARACTER_SET:
        return  # belongs to the encoding; the answer has one of its own
    keyword, put = _placement(plan.level)(int(element.tag))
    put(plan, element)
    unheeded = element.tag in plan.unsupported or element.tag in plan.echoed
    if not unheeded and keyword not in _NEVER_MATCHED:
        _match(plan, element)


_Put = Callable[[KeyPlan, "DataElement"], None]


@cache
def _placement(level: Level) -> Callable[[int], tuple[str, _Put]]:
    """Tag → its keyword, and what notes where it is answered in a query at ``level``.

    The same few keys come with every query, so what was found is remembered; tags come from peers,
    so there is an end to that.
    """

    @lru_cache(maxsize=2048)
    def placed(tag: int) -> tuple[str, _Put]:
        keyword = keyword_for_tag(tag)
        return keyword, _source_of(tag, keyword, level)

    return placed


def _source_of(tag: int, keyword: str, level: Level) -> _Put:
    if keyword in _COLUMNS:
        return _of_column(keyword, level)
    if keyword in _STUDY_LISTS and _depth(level) >= _depth(Level.STUDY):
        return partial(_put_list, Level.STUDY, _STUDY_LISTS[keyword])
    if keyword in COUNTS and _depth(COUNTS[keyword][0]) <= _depth(level):
        return partial(_put_count, keyword)
    if BaseTag(tag).is_private_creator or keyword in _ABOUT_THE_ANSWER:
        return _put_echoed
    if keyword in COUNTS or keyword in _STUDY_LISTS or tag >> 16 in _BULK_GROUPS:
        return _put_unsupported  # computed elsewhere, or bulk data
    return _put_header


def _of_column(keyword: str, level: Level) -> _Put:
    """A column at or above the level is the entity's; one below gives a list of values."""
    source = _COLUMNS[keyword]
    if _depth(_LEVEL_OF_TABLE[source.column.table.name]) <= _depth(level):
        return partial(_put_own, source)
    return partial(_put_uids if keyword in _UNIQUE else _put_list, level, source)


def _put_own(source: ValueColumn, plan: KeyPlan, element: DataElement) -> None:
    plan.own[element.tag] = source


def _put_list(level: Level, source: ValueColumn, plan: KeyPlan, element: DataElement) -> None:
    plan.lists[element.tag] = (level, source)


def _put_uids(level: Level, source: ValueColumn, plan: KeyPlan, element: DataElement) -> None:
    """All UIDs below an entity could be very many, and any one of them would mislead."""
    wanted = values_of(element)
    if not wanted:
        _put_unsupported(plan, element)
        return
    _put_list(level, source, plan, element)
    plan.only[element.tag] = [bindable(value) for value in wanted]


def _put_count(keyword: str, plan: KeyPlan, element: DataElement) -> None:
    plan.counts[element.tag] = keyword


def _put_echoed(plan: KeyPlan, element: DataElement) -> None:
    plan.echoed.add(element.tag)


def _put_unsupported(plan: KeyPlan, element: DataElement) -> None:
    plan.unsupported.add(element.tag)


def _put_header(plan: KeyPlan, element: DataElement) -> None:
    """For what stored headers hold and can be understood."""
    if element.VR in _BULK_VRS or _without_creator(plan.identifier, element):
        _put_unsupported(plan, element)
    else:
        plan.header.add(element.tag)


def _match(plan: KeyPlan, element: DataElement) -> None:
    if element.VR == VR.SQ or values_of(element):
        plan.matched.add(element.tag)


def _without_creator(identifier: Dataset, element: DataElement) -> bool:
    """Whether a private key names no creator, so that nothing tells what it means."""
    return element.tag.is_private and not creator_of(identifier, element.tag)


def _depth(level: Level) -> int:
    return LEVELS.index(level)
