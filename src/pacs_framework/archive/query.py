"""Queries by the rules of C-FIND, whatever protocol asks (PS3.4 C.2.2.2 and C.4.1).

The index narrows, page by page; each row that is left becomes a candidate, and
`pacs_framework.dicom.matching` decides it exactly. Counts and lists are computed for the candidates
that are still in the race, and stored headers are opened last, for attributes that have no column.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydicom import Dataset
from pydicom.valuerep import VR

from pacs_framework.archive.answers import Answer, Answers, Candidate
from pacs_framework.archive.header_memory import HeaderMemory
from pacs_framework.archive.key_plan import KeyPlan, plan_keys
from pacs_framework.archive.narrowing import decided, narrow
from pacs_framework.archive.query_keys import Root, check_unique_keys
from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.matching import LITERAL, Matcher, MatchingRules
from pacs_framework.index.queries import pages
from pacs_framework.index.reaching import conditions_of

if TYPE_CHECKING:
    from pacs_framework.archive.reach import Reach
    from pacs_framework.dicom.attributes import Level
    from pacs_framework.index.database import Database
    from pacs_framework.storage import StorageBackend

__all__ = ["Matches", "QueryService"]

_T = TypeVar("_T")

_AT_ONCE = 50  # candidates that share their aggregate queries


def _never() -> bool:
    return False


def _in_character_set(answer: Dataset, preferred: str | Sequence[str] | None) -> Dataset:
    """An answer with the Specific Character Set that carries it; plain ASCII needs none."""
    for element in answer.values():
        value = element.value
        if value and (element.VR == VR.SQ or not str(value).isascii()):
            return encode_identifier_charset(answer, preferred)
    return answer


class Matches(Iterator[_T], Generic[_T]):
    """The answers to a query, one after the other as they are found.

    ``all_keys_supported`` is false when the identifier holds keys that can neither be answered nor
    matched; C-FIND tells so with FF01H (PS3.4 C.4.1.1.4). ``unmatched`` are the tags of the keys
    whose values no candidate is held to: those, and what only says something about the answer.
    """

    def __init__(
        self, answers: Iterator[_T], *, all_keys_supported: bool, unmatched: frozenset[int]
    ) -> None:
        self._answers = answers
        self.all_keys_supported = all_keys_supported
        self.unmatched = unmatched

    def __next__(self) -> _T:
        return next(self._answers)


class QueryService:
    """Answers queries from the index and, for what it does not hold, from stored headers."""

    def __init__(self, database: Database, storage: StorageBackend) -> None:
        self._database = database
        self._headers = HeaderMemory(storage)

    def find(
        self,
        level: Level,
        root: Root,
        identifier: Dataset,
        *,
        relational: bool = False,
        rules: MatchingRules = LITERAL,
        limit: int | None = None,
        cancelled: Callable[[], bool] = _never,
        retrieve_aet: str = "",
        within: Reach | None = None,
    ) -> Matches[Dataset]:
        """Every entity of ``level`` that matches ``identifier``, in a stable order.

        An answer holds each key that was asked for, empty where nothing is known, and the Specific
        Character Set that carries it: that of the identifier if it can. ``relational`` lifts the
        rule that unique keys above the level have a value; ``rules`` are those of matching that
        were agreed on. ``limit`` ends after so many answers. ``cancelled`` is asked again and
        again; true ends the answers. ``retrieve_aet`` is answered as Retrieve AE Title
        (0008,0054). ``within`` is a reach beyond which there is nothing to answer.

        Raises `QueryError` at once, `IndexUnavailable` and `StorageError` while iterating.
        """
        character_set = identifier.get("SpecificCharacterSet")
        found = self.answers(
            level,
            root,
            identifier,
            relational=relational,
            rules=rules,
            cancelled=cancelled,
            retrieve_aet=retrieve_aet,
            within=within,
        )
        datasets = (_in_character_set(each.dataset(), character_set) for each in found)
        return Matches(
            itertools.islice(datasets, limit),
            all_keys_supported=found.all_keys_supported,
            unmatched=found.unmatched,
        )

    def answers(
        self,
        level: Level,
        root: Root,
        identifier: Dataset,
        *,
        relational: bool = False,
        rules: MatchingRules = LITERAL,
        cancelled: Callable[[], bool] = _never,
        retrieve_aet: str = "",
        within: Reach | None = None,
        also: Sequence[tuple[int, str]] = (),
    ) -> Matches[Answer]:
        """The same as `find`, for who has no use for data sets: they cost most of an answer.

        ``also`` are tags and VRs of what is to be answered besides the keys of the ``identifier``:
        the same for many queries, they cost less there than in each data set.
        """
        check_unique_keys(identifier, level, root, relational=relational)
        plan = plan_keys(identifier, level, also)
        answers = Answers(self._database, self._headers, plan, within, retrieve_aet)
        search = _Search(self._database, plan, answers, rules=rules, within=within)
        return Matches(
            search.matches(cancelled),
            all_keys_supported=not plan.unsupported,
            unmatched=frozenset(plan.unsupported | plan.echoed),
        )


class _Search:
    """One query on its way through the index."""

    def __init__(
        self,
        database: Database,
        plan: KeyPlan,
        answers: Answers,
        *,
        rules: MatchingRules,
        within: Reach | None,
    ) -> None:
        self._database = database
        self._plan = plan
        self._answers = answers
        self._rules = rules
        self._bounds = conditions_of(within)
        self._by_row = self._matcher(plan.own.keys() - decided(plan))
        self._by_more = self._matcher({*plan.lists, *plan.counts, *plan.header})

    def _matcher(self, tags: Collection[int]) -> Matcher | None:
        """Decides the keys among ``tags`` that carry a value; None when none does."""
        held_to = self._plan.matched.intersection(tags)
        if not held_to:
            return None
        keys = Dataset({(key := self._plan.key(tag)).tag: key for tag in held_to})
        return Matcher(keys, self._rules)

    def matches(self, cancelled: Callable[[], bool]) -> Iterator[Answer]:
        columns = self._answers.columns
        for keys in narrow(self._plan, self._rules):
            conditions = [*keys, *self._bounds]
            for rows in pages(self._database, self._plan.level, conditions, columns):
                for start in range(0, len(rows), _AT_ONCE):
                    for candidate in self._candidates(rows[start : start + _AT_ONCE]):
                        if cancelled():
                            return
                        if self._passes(candidate):
                            yield candidate.answer
                    if cancelled():
                        return

    def _candidates(self, rows: Sequence[Sequence[Any]]) -> list[Candidate]:
        """The rows that the index alone lets pass, with everything that it can compute."""
        candidates = [self._answers.from_row(row) for row in rows]
        if self._by_row is not None:
            candidates = [c for c in candidates if self._by_row.matches(c.answer)]
        self._answers.compute(candidates)
        return candidates

    def _passes(self, candidate: Candidate) -> bool:
        self._answers.read_header(candidate)
        return self._by_more is None or self._by_more.matches(candidate.answer)
