"""Putting answers together: from a row, then computed values, then a stored header.

Each step costs more than the one before, so the query takes it only for the candidates that are
still in the race.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.tag import BaseTag

from pacs_framework.archive.also_known import OTHER_IDS, with_linked
from pacs_framework.archive.candidates import (
    copy_asked,
    creator_of,
    empty_element,
    list_element,
    text_element,
)
from pacs_framework.archive.corrections import CORRECTABLE
from pacs_framework.archive.query_keys import COUNTS, KeyPlan
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

__all__ = ["Answers", "Candidate"]

_LEVEL = BaseTag(0x00080052)
_RETRIEVE_AET = BaseTag(0x00080054)
_AVAILABILITY = BaseTag(0x00080056)

_CORRECTABLE = {tag_for_keyword(keyword): keyword for keyword in CORRECTABLE}

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Candidate:
    """An entity that may match: what is known of it so far, and the row ids of it and of those
    above it that a computed key speaks of.
    """

    dataset: Dataset
    ids: dict[Level, int] = field(default_factory=dict)
    first_instance: FirstInstance | None = None


class Answers:
    """Fills the keys of one plan, source by source."""

    def __init__(
        self,
        database: Database,
        headers: HeaderMemory,
        plan: KeyPlan,
        within: Reach | None = None,
    ) -> None:
        self._database = database
        self._within = within
        self._headers = headers
        self._plan = plan
        self._own = list(plan.own.items())
        spoken_of = {plan.level, *(level for level, _ in plan.lists.values())}
        spoken_of |= {COUNTS[keyword][0] for keyword in plan.counts.values()}
        self._levels = [level for level in LEVELS if level in spoken_of]

    @property
    def columns(self) -> Sequence[Column[Any]]:
        """What to select for `from_row`."""
        ids = [TABLES[level].c.id for level in self._levels]
        return [source.column for _, source in self._own] + ids

    def from_row(self, row: Sequence[Any]) -> Candidate:
        """A candidate with the keys that have a column of their own."""
        values = zip(self._own, row, strict=False)
        dataset = Dataset(
            {BaseTag(tag): text_element(tag, own.vr, text) for (tag, own), text in values}
        )
        ids = zip(self._levels, row[len(self._own) :], strict=False)
        return Candidate(dataset=dataset, ids=dict(ids))

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
            c.dataset[tag] = text_element(tag, "IS", str(counts.get(c.ids[level], 0)))

    def _list(self, cursor: Cursor, candidates: Sequence[Candidate], tag: int) -> None:
        level, source = self._plan.lists[tag]
        ids = {c.ids[level] for c in candidates}
        among = self._plan.only.get(tag)
        shapes, entity = self._database.shapes, TABLES[level]
        found = values_below(
            shapes, cursor, entity, source.column, ids, among=among, within=self._within
        )
        for c in candidates:
            c.dataset[tag] = list_element(tag, source.vr, found.get(c.ids[level], ()))

    def read_header(self, candidate: Candidate) -> None:
        """Add the keys that only the stored header answers, empty where it cannot be read."""
        plan = self._plan
        if not plan.header:
            return
        stored = self._read(candidate.first_instance)
        for tag in plan.header:
            asked = plan.identifier[tag]
            if asked.tag.is_private and not self._same_creator(stored, asked.tag):
                candidate.dataset[tag] = empty_element(tag, asked.VR)
            else:
                candidate.dataset[tag] = copy_asked(asked, stored)

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

    def finish(self, candidate: Candidate, retrieve_aet: str) -> Dataset:
        """The whole answer: with the keys that are about the answer, and the unsupported empty."""
        answer, plan = candidate.dataset, self._plan
        for tag in plan.echoed:
            answer[tag] = plan.identifier[tag]
        for tag in plan.unsupported:
            answer[tag] = empty_element(tag, plan.identifier[tag].VR)
        answer[_LEVEL] = text_element(_LEVEL, "CS", plan.level.value)
        if retrieve_aet or _RETRIEVE_AET in answer:
            answer[_RETRIEVE_AET] = text_element(_RETRIEVE_AET, "AE", retrieve_aet)
        if _AVAILABILITY in answer:
            answer[_AVAILABILITY] = text_element(_AVAILABILITY, "CS", "ONLINE")
        return answer
