"""Conditions on one column of the index, each with bound parameters and a rank as driver.

A rank tells how few rows a condition leaves and that an index serves it: the lower the better, and
`NO_INDEX` for one that can only filter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, and_, func, not_, or_, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from pacs_framework.index.schema import instance, patient, series, study

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Table
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = [
    "MOST_VALUES",
    "NO_INDEX",
    "Between",
    "Blank",
    "Condition",
    "Contains",
    "ContainsWord",
    "OneOf",
    "OtherGroups",
    "StartsWith",
    "bindable",
    "padded",
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


MOST_VALUES = 1 << 13
"""Of one list in a statement; databases take some 32,000 or 65,535 parameters in all."""


def padded(values: Sequence[Any]) -> Sequence[Any]:
    """``values`` with the last one again and again, so that lists come in few lengths: powers of
    two.
    """
    if not values:
        return values
    return [*values, *[values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))]


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

    @property
    @abstractmethod
    def values(self) -> Sequence[str]:
        """What is bound, in the order in which `clause` takes it."""

    @property
    def shape(self) -> Hashable:
        """What decides on the SQL: conditions of one shape differ in their `values` alone."""
        return type(self), self.column, len(self.values)

    @abstractmethod
    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """The SQL expression; ``bound`` are the parameters for `values`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Condition):
    """The column equals one of ``among``, which is not empty."""

    among: tuple[str, ...]

    @property
    def rank(self) -> int:
        """Best where the column is unique."""
        return _EQUAL.get(self.column, NO_INDEX)

    @property
    def values(self) -> Sequence[str]:
        """As many as there are, and some twice."""
        return padded(self.among)

    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """Equality, or a list of bound values."""
        if len(bound) == 1:
            equal: ColumnElement[bool] = self.column == bound[0]
            return equal
        return self.column.in_(bound)


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

    @property
    def values(self) -> Sequence[str]:
        """The first text that begins so, and one behind the last."""
        return self.prefix, self.prefix + _BEYOND_ANY_CHARACTER

    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """The range of texts that begin so, which an index can walk."""
        return and_(self.column >= bound[0], self.column < bound[1])


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

    @property
    def values(self) -> Sequence[str]:
        """The lower bound, perhaps empty, and the upper one where there is one."""
        return (self.low, self.high) if self.high else (self.low,)

    @property
    def shape(self) -> Hashable:
        """Which bounds there are."""
        return type(self), self.column, bool(self.low), bool(self.high)

    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """The bounds that are there; an empty column never passes."""
        lower = self.column >= bound[0] if self.low else self.column > bound[0]
        return and_(lower, self.column <= bound[1]) if self.high else lower


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

    @property
    def values(self) -> Sequence[str]:
        """The pattern."""
        return (self.pattern,)

    @property
    def shape(self) -> Hashable:
        """Whether case counts."""
        return type(self), self.column, self.fold

    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """A LIKE pattern."""
        operand: ColumnElement[Any] = func.lower(self.column) if self.fold else self.column
        return operand.like(bound[0], escape="\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank(Condition):
    """The column is empty, or holds several values which all are."""

    @property
    def rank(self) -> int:
        """No index serves it."""
        return NO_INDEX

    @property
    def values(self) -> Sequence[str]:
        """What is between values, and nothing."""
        return "\\", ""

    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """Nothing is left without what is between values."""
        separator, nothing = bound
        blank: ColumnElement[bool] = func.replace(self.column, separator, nothing) == nothing
        return blank


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainsWord(Condition):
    """A person name may have a word in one of its ``spellings``, which are in lower case.

    The character ``ignored`` is looked over. A name with letters that are no ASCII always passes:
    how those are folded is not for SQL to say.
    """

    spellings: tuple[str, ...]
    ignored: str

    @property
    def rank(self) -> int:
        """No index serves it."""
        return NO_INDEX

    @property
    def values(self) -> Sequence[str]:
        """What is in no word, nothing, and a pattern for each spelling; words have no character
        that means anything in it.
        """
        return [self.ignored, "", *(f"%{spelling}%" for spelling in self.spellings)]

    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """Patterns on the name without what is ignored, or a look at its characters."""
        ignored, nothing, *patterns = bound
        plain = func.replace(func.lower(self.column), ignored, nothing)
        return or_(*(plain.like(each) for each in patterns), _BeyondAscii(self.column))


class _BeyondAscii(FunctionElement[bool]):
    """Whether a text has a character that takes several bytes in UTF-8."""

    type = Boolean()
    inherit_cache = True


@compiles(_BeyondAscii)
def _by_octets(element: _BeyondAscii, compiler: SQLCompiler, **options: Any) -> str:
    of = compiler.process(element.clauses, **options)
    return f"octet_length({of}) <> length({of})"


@compiles(_BeyondAscii, "sqlite")
def _by_blob(element: _BeyondAscii, compiler: SQLCompiler, **options: Any) -> str:
    """SQLite before 3.43 has no octet_length."""
    of = compiler.process(element.clauses, **options)
    return f"length(CAST({of} AS BLOB)) <> length({of})"


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

    @property
    def values(self) -> Sequence[str]:
        """The pattern, and what `StartsWith` has."""
        return self.pattern, *self._first.values

    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """The condition of the partial index word for word, or no engine uses it."""
        return and_(
            text("patient_name_search LIKE '%=%'"),
            self.column.like(bound[0], escape="\\"),
            not_(self._first.clause(bound[1:])),
        )

    @property
    def _first(self) -> StartsWith:
        return StartsWith(column=self.column, prefix=self.prefix)
