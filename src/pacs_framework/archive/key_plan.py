"""Where each key of an identifier is answered: by a column, by counting, by a stored header."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import VR, PersonName

from pacs_framework.archive.candidates import creator_of, empty_element
from pacs_framework.archive.query_keys import UNIQUE_KEYS
from pacs_framework.dicom.attributes import INDEXED, Level
from pacs_framework.dicom.matching import values_of
from pacs_framework.errors import QueryError
from pacs_framework.index.conditions import bindable
from pacs_framework.index.queries import LEVELS, TABLES
from pacs_framework.index.schema import instance

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from sqlalchemy import Column

__all__ = ["COUNTS", "KeyPlan", "ValueColumn", "plan_keys"]

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
    of a unique key below the level to the values that were asked for. ``empty`` are keys without a
    value that need not be in the identifier.
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
    empty: Mapping[int, DataElement] = field(default_factory=dict)

    def key(self, tag: int) -> DataElement:
        """The key of this tag, as it was asked for."""
        return self.identifier[tag] if tag in self.identifier else self.empty[tag]

    def copied(self, identifier: Dataset) -> KeyPlan:
        """A plan with the same keys, to which those of ``identifier`` can be added."""
        return KeyPlan(
            level=self.level,
            identifier=identifier,
            own=dict(self.own),
            lists=dict(self.lists),
            counts=dict(self.counts),
            header=set(self.header),
            echoed=set(self.echoed),
            unsupported=set(self.unsupported),
            matched=set(self.matched),
            only=dict(self.only),
            empty=self.empty,
        )


def plan_keys(identifier: Dataset, level: Level, also: Sequence[tuple[int, str]] = ()) -> KeyPlan:
    """Sort the keys of ``identifier`` for a query at ``level``; ``also`` are tags and VRs of keys
    without a value that need not be in it. Raises `QueryError` for a value that is none of its VR.
    """
    named = identifier.keys()
    universal = [key for key in also if key[0] not in named]
    others: list[int] = []
    for tag, element in identifier.items():
        if _is_universal(element):
            universal.append((int(tag), str(element.VR)))
        else:
            others.append(int(tag))
    plan = _universal_plan(level, tuple(sorted(universal))).copied(identifier)
    try:
        for number in sorted(others):
            if number & 0xFFFF:  # group lengths say nothing
                _place(plan, identifier[BaseTag(number)])
    except (ValueError, TypeError, OverflowError, LookupError) as error:
        raise QueryError(f"a key holds no value of its VR ({type(error).__name__})") from error
    return plan


def _is_universal(element: DataElement | RawDataElement) -> bool:
    """Whether nothing but the tag and the VR of a key tells where it is answered."""
    if isinstance(element, RawDataElement) or element.VR == VR.SQ or element.tag.is_private:
        return False
    value = element.value
    return value is None or (isinstance(value, str | PersonName) and not value)


@lru_cache(maxsize=256)
def _universal_plan(level: Level, keys: tuple[tuple[int, str], ...]) -> KeyPlan:
    """The plan of keys without values; not to be changed. The same ones come again and again."""
    empty = {tag: empty_element(tag, vr) for tag, vr in keys if tag & 0xFFFF}
    plan = KeyPlan(level=level, identifier=Dataset(), empty=empty)
    for element in empty.values():
        _place(plan, element)
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
    plan.own[int(element.tag)] = source


def _put_list(level: Level, source: ValueColumn, plan: KeyPlan, element: DataElement) -> None:
    plan.lists[int(element.tag)] = (level, source)


def _put_uids(level: Level, source: ValueColumn, plan: KeyPlan, element: DataElement) -> None:
    """All UIDs below an entity could be very many, and any one of them would mislead."""
    wanted = values_of(element)
    if not wanted:
        _put_unsupported(plan, element)
        return
    _put_list(level, source, plan, element)
    plan.only[int(element.tag)] = [bindable(value) for value in wanted]


def _put_count(keyword: str, plan: KeyPlan, element: DataElement) -> None:
    plan.counts[int(element.tag)] = keyword


def _put_echoed(plan: KeyPlan, element: DataElement) -> None:
    plan.echoed.add(int(element.tag))


def _put_unsupported(plan: KeyPlan, element: DataElement) -> None:
    plan.unsupported.add(int(element.tag))


def _put_header(plan: KeyPlan, element: DataElement) -> None:
    """For what stored headers hold and can be understood."""
    if element.VR in _BULK_VRS or _without_creator(plan.identifier, element):
        _put_unsupported(plan, element)
    else:
        plan.header.add(int(element.tag))


def _match(plan: KeyPlan, element: DataElement) -> None:
    if element.VR == VR.SQ or values_of(element):
        plan.matched.add(int(element.tag))


def _without_creator(identifier: Dataset, element: DataElement) -> bool:
    """Whether a private key names no creator, so that nothing tells what it means."""
    return element.tag.is_private and not creator_of(identifier, element.tag)


def _depth(level: Level) -> int:
    return LEVELS.index(level)
