"""Putting answers together: from a row, then computed values, then a stored header.

Each step costs more than the one before, so the query takes it only for the candidates that are
still in the race.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from pacs_framework.archive.also_known import OTHER_IDS, with_linked
from pacs_framework.archive.candidates import (
    copy_asked,
    creator_of,
    empty_element,
    list_element,
    text_element,
)
from pacs_framework.archive.corrections import CORRECTABLE
from pacs_framework.archive.key_plan import COUNTS, KeyPlan
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import ObjectNotFound, UnreadableInstance
from pacs_framework.index.aggregates import count_below, first_instances, values_below
from pacs_framework.index.queries import LEVELS, TABLES, reading
from pacs_framework.index.what_holds import what_holds

if TYPE_CHECKING:
    from sqlalchemy import Column

    from pacs_framework.archive.header_memory import HeaderMemory
    from pacs_framework.archive.reach import Reach
    from pacs_framework.index.aggregates import FirstInstance
    from pacs_framework.index.database import Database
    from pacs_framework.index.prepared import Cursor

__all__ = ["Answer", "Answers", "Candidate"]

_LEVEL = 0x00080052
_RETRIEVE_AET = 0x00080054
_AVAILABILITY = 0x00080056

_CORRECTABLE = {tag_for_keyword(keyword): keyword for keyword in CORRECTABLE}

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Answer:
    """What is answered of one entity, by tag: each key that was asked for is in one of these.

    texts
        Decoded, several values joined by a backslash, empty where nothing is known; their VRs are
        in ``vrs``.
    elements
        What is no text of the index.
    common
        The same in all answers of a query. Neither it nor ``vrs`` is to be changed.
    """

    texts: dict[int, str]
    vrs: Mapping[int, str]
    elements: dict[int, DataElement] = field(default_factory=dict)
    common: Mapping[int, DataElement] = field(default_factory=dict)

    def get(self, tag: int) -> DataElement | None:
        """The element of a tag, None where it was not asked for."""
        text = self.texts.get(tag)
        if text is not None:
            return text_element(tag, self.vrs[tag], text)
        element = self.elements.get(tag)
        return self.common.get(tag) if element is None else element

    def dataset(self) -> Dataset:
        """All of it, as a data set that may be changed."""
        found: dict[BaseTag, DataElement | RawDataElement] = {
            BaseTag(tag): text_element(tag, self.vrs[tag], text) for tag, text in self.texts.items()
        }
        found |= {BaseTag(tag): element for tag, element in self.elements.items()}
        for tag, each in self.common.items():
            found[BaseTag(tag)] = DataElement(each.tag, each.VR, each.value, already_converted=True)
        return Dataset(found)


@dataclass(slots=True, kw_only=True)
class Candidate:
    """An entity that may match: what is known of it so far, and the row ids of it and of those
    above it that a computed key speaks of.
    """

    answer: Answer
    ids: dict[Level, int] = field(default_factory=dict)
    first_instance: FirstInstance | None = None


class Answers:
    """Fills the keys of one plan, source by source.

    retrieve_aet
        Answered as Retrieve AE Title (0008,0054), where there is one.
    """

    def __init__(
        self,
        database: Database,
        headers: HeaderMemory,
        plan: KeyPlan,
        within: Reach | None = None,
        retrieve_aet: str = "",
    ) -> None:
        self._database = database
        self._within = within
        self._headers = headers
        self._plan = plan
        self._columns = [source.column for source in plan.own.values()]
        self._tags = list(plan.own)
        self._vrs = {tag: source.vr for tag, source in plan.own.items()}
        self._vrs |= dict.fromkeys(plan.counts, VR.IS)
        self._common = self._about_the_answer(retrieve_aet)
        self._of_header = [(tag, plan.key(tag)) for tag in plan.header]
        spoken_of = {plan.level, *(level for level, _ in plan.lists.values())}
        spoken_of |= {COUNTS[keyword][0] for keyword in plan.counts.values()}
        self._levels = [level for level in LEVELS if level in spoken_of]

    @property
    def columns(self) -> Sequence[Column[Any]]:
        """What to select for `from_row`."""
        return [*self._columns, *(TABLES[level].c.id for level in self._levels)]

    def from_row(self, row: Sequence[Any]) -> Candidate:
        """A candidate with the keys that have a column of their own."""
        texts = dict(zip(self._tags, row, strict=False))
        ids = dict(zip(self._levels, row[len(self._tags) :], strict=False))
        return Candidate(answer=Answer(texts=texts, vrs=self._vrs, common=self._common), ids=ids)

    def compute(self, candidates: Sequence[Candidate]) -> None:
        """Add counts and lists, and find the instance whose header speaks for each entity."""
        plan = self._plan
        if not candidates or not (plan.counts or plan.lists or plan.header):
            return
        with self._database.cursor() as cursor:
            for tag in plan.counts:
                self._count(cursor, candidates, tag)
            for tag in plan.lists:
                self._list(cursor, candidates, tag)
            if plan.header:
                ids = {c.ids[plan.level] for c in candidates}
                shapes, entity = self._database.shapes, TABLES[plan.level]
                first = first_instances(shapes, cursor, entity, ids, within=self._within)
                for candidate in candidates:
                    candidate.first_instance = first.get(candidate.ids[plan.level])

    def _count(self, cursor: Cursor, candidates: Sequence[Candidate], tag: int) -> None:
        level, lower = COUNTS[self._plan.counts[tag]]
        ids = {c.ids[level] for c in candidates}
        counts = count_below(
            self._database.shapes, cursor, TABLES[level], TABLES[lower], ids, within=self._within
        )
        for c in candidates:
            c.answer.texts[tag] = str(counts.get(c.ids[level], 0))

    def _list(self, cursor: Cursor, candidates: Sequence[Candidate], tag: int) -> None:
        level, source = self._plan.lists[tag]
        ids = {c.ids[level] for c in candidates}
        among = self._plan.only.get(tag)
        shapes, entity = self._database.shapes, TABLES[level]
        found = values_below(
            shapes, cursor, entity, source.column, ids, among=among, within=self._within
        )
        for c in candidates:
            values = found.get(c.ids[level], ())
            c.answer.elements[tag] = list_element(tag, source.vr, values)

    def read_header(self, candidate: Candidate) -> None:
        """Add the keys that only the stored header answers, empty where it cannot be read."""
        if not self._of_header:
            return
        stored = self._read(candidate.first_instance)
        elements = candidate.answer.elements
        for tag, asked in self._of_header:
            if asked.tag.is_private and not self._same_creator(stored, asked.tag):
                elements[tag] = empty_element(tag, asked.VR)
            else:
                elements[tag] = copy_asked(asked, stored)

    def _same_creator(self, stored: Dataset, tag: BaseTag) -> bool:
        """Whether a private tag means the same in the key and in the header (PS3.5 7.8.1)."""
        return creator_of(stored, tag) == creator_of(self._plan.identifier, tag)

    def _read(self, row: FirstInstance | None) -> Dataset:
        if row is None:
            return Dataset()
        try:
            found = self._headers.read(row, self._plan.header)
        except (ObjectNotFound, UnreadableInstance) as error:
            # One bad object must not end a query over a million others; `pacs verify` names it.
            _log.error(
                "no header could be read for a query",
                sop_instance_uid=row.sop_instance_uid,
                error=str(error),
            )
            return Dataset()
        return self._corrected(found, row.sop_instance_uid)

    def _corrected(self, stored: Dataset, sop_instance_uid: str) -> Dataset:
        """With corrected attributes of the patient in place of those of the stored header."""
        asked = {_CORRECTABLE[tag]: tag for tag in self._plan.header if tag in _CORRECTABLE}
        if not asked and OTHER_IDS not in self._plan.header:
            return stored
        with reading(self._database) as connection:
            holds = what_holds(connection, sop_instance_uid)
        if holds is None:
            return stored
        found = Dataset(dict(stored.items()))
        for keyword, tag in asked.items():
            if keyword in holds.demographics:
                found[tag] = text_element(tag, dictionary_VR(tag), holds.demographics[keyword])
        if OTHER_IDS in self._plan.header:
            also_known = with_linked(found, holds.linked)
            if also_known is not None:
                found.add(also_known)
        return found

    def _about_the_answer(self, retrieve_aet: str) -> Mapping[int, DataElement]:
        """The keys that are about the answer, and those that are not supported, which are empty."""
        plan = self._plan
        found = {tag: plan.key(tag) for tag in plan.echoed}
        for tag in plan.unsupported:
            found[tag] = empty_element(tag, plan.key(tag).VR)
        found[_LEVEL] = text_element(_LEVEL, "CS", plan.level.value)
        if retrieve_aet or _RETRIEVE_AET in found:
            found[_RETRIEVE_AET] = text_element(_RETRIEVE_AET, "AE", retrieve_aet)
        if _AVAILABILITY in found:
            found[_AVAILABILITY] = text_element(_AVAILABILITY, "CS", "ONLINE")
        return found
