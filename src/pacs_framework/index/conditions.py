"""Conditions on one column of the index, each with bound parameters and a rank as driver.

A rank tells how few rows a condition leaves and that an index serves it: the lower the better, and
`NO_INDEX` for one that can only filter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, not_, text

from pacs_framework.index.schema import instance, patient, series, study

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Table

__all__ = [
    "NO_INDEX",
    "Between",
    "Condition",
    "Contains",
    "OneOf",
    "OtherGroups",
    "StartsWith",
    "bindable",
]

NO_INDEX = 1000
_BEYOND_ANY_CHARACTER = "\U0010ffff"
_DAY = 8  # characters of YYYYMMDD

# Rank of an equality: what is nearest to a single entity first.
_EQUAL: dict[Column[Any], int] = {
    instance.c.sop_instance_uid: 0,
    series.c.series_instance_uid: 1,
    study.c.study_instance_uid: 2,
    study.c.accession_number: 3,
    patient.c.patient_id: 4,
    study.c.study_id: 20,
    study.c.study_datetime_search: 10,
    patient.c.patient_name_search: 5,
    patient.c.patient_birth_date: 22,
}


def bindable(text: str) -> str:
    """``text`` as a parameter that both databases take, as the index keeps such values: NUL and
    lone surrogates are U+FFFD there.
    """
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(ABC):
    """A test of ``column`` that lets through at least every row that can match."""

    column: Column[Any]

    @property
    def table(self) -> Table:
        """The table of the column."""
        return self.column.table

    @property
    def drives(self) -> bool:
        """Whether an index finds the rows of this condition."""
        return self.rank < NO_INDEX

    @property
    @abstractmethod
    def rank(self) -> int:
        """How well an index on the column serves this condition; lower is better."""

    @abstractmethod
    def clause(self) -> ColumnElement[bool]:
        """The SQL expression, values bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Condition):
    """The column equals one of ``values``."""

    values: tuple[str, ...]

    @property
    def rank(self) -> int:
        """Best where the column is unique."""
        return _EQUAL.get(self.column, NO_INDEX)

    def clause(self) -> ColumnElement[bool]:
        """Equality, or a list of bound values."""
        if len(self.values) == 1:
            equal: ColumnElement[bool] = self.column == self.values[0]
            return equal
        return self.column.in_(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsWith(Condition):
    """The column starts with ``prefix``, which is not empty, compared character by character."""

    prefix: str

    @property
    def rank(self) -> int:
        """Better with each character of the prefix."""
        if self.column not in _EQUAL:
            return NO_INDEX
        return 5 + _EQUAL[self.column] + max(0, 10 - 2 * len(self.prefix))

    def clause(self) -> ColumnElement[bool]:
        """The range of texts that begin so, which an index can walk."""
        return and_(self.column >= self.prefix, self.column < self.prefix + _BEYOND_ANY_CHARACTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Between(Condition):
    """The column is not empty and lies between ``low`` and ``high``, both included and optional."""

    low: str = ""
    high: str = ""

    @property
    def rank(self) -> int:
        """A day is better than a span, a span better than an open end."""
        if self.column not in _EQUAL:
            return NO_INDEX
        one_day = self.low[:_DAY] == self.high[:_DAY]
        return _EQUAL[self.column] + (0 if one_day else 10 if self.low and self.high else 20)

    def clause(self) -> ColumnElement[bool]:
        """The bounds that are there; an empty column never passes."""
        lower = self.column >= self.low if self.low else self.column > ""
        return and_(lower, self.column <= self.high) if self.high else lower


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains(Condition):
    """The column passes a LIKE ``pattern``, in which a backslash escapes.

    ``fold`` ignores the case of ASCII letters (the pattern is in lower case then).
    """

    pattern: str
    fold: bool = False

    @property
    def rank(self) -> int:
        """No index serves it."""
        return NO_INDEX

    def clause(self) -> ColumnElement[bool]:
        """A LIKE pattern."""
        operand: ColumnElement[Any] = func.lower(self.column) if self.fold else self.column
        return operand.like(self.pattern, escape="\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherGroups(Condition):
    """A person name of several component groups, whose first group does not start with ``prefix``
    and one of whose later groups does (see ``ix_patient_name_groups``).
    """

    prefix: str
    pattern: str

    @property
    def rank(self) -> int:
        """The partial index holds few names."""
        return 15

    def clause(self) -> ColumnElement[bool]:
        """The condition of the partial index word for word, or no engine uses it."""
        first = StartsWith(column=self.column, prefix=self.prefix)
        return and_(
            text("patient_name_search LIKE '%=%'"),
            self.column.like(self.pattern, escape="\\"),
            not_(first.clause()),
        )
