"""Statements of SQLAlchemy Core, compiled once and run on a bare DBAPI cursor.

Compiling, executing and fetching through a SQLAlchemy connection costs some 40 µs a statement, more
than SQLite needs to carry it out. The writer runs a handful of statements for every instance, so it
takes the text and the bound parameters that SQLAlchemy makes of them and keeps both.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol, cast

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.expression import ClauseElement

__all__ = ["Cursor", "Prepared", "Shapes"]

Processor = Callable[[Any], Any]

_MOST_SHAPES = 512


class Cursor(Protocol):
    """The part of a DBAPI cursor (PEP 249) that the index uses."""

    @property
    def description(self) -> Any:
        """What the columns of the answer are; None where a statement gives no rows."""

    def execute(self, operation: Any, parameters: Any = (), /) -> Any:
        """Run one statement."""

    def executemany(self, operation: Any, parameters: Any, /) -> Any:
        """Run one statement with each set of parameters."""

    def fetchall(self) -> Sequence[Any]:
        """The rows that are left of the last answer."""

    def close(self) -> None:
        """Give back what the cursor holds."""


class Prepared:
    """One statement for one dialect; its parameters are given by name, or in the order of `names`.

    ``column_keys`` are the columns of an INSERT or UPDATE that take a parameter of their name.
    """

    def __init__(
        self,
        statement: ClauseElement,
        dialect: Dialect,
        *,
        column_keys: Collection[str] | None = None,
    ) -> None:
        keys = None if column_keys is None else list(column_keys)
        positional = _positional(dialect)
        compiled = cast("SQLCompiler", statement.compile(dialect=positional, column_keys=keys))
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._defaults = {
            name: bind.value for name, bind in compiled.binds.items() if not bind.required
        }
        self._processors = _processors(compiled, positional)
        self._places = [
            (self.names.index(name), process) for name, process in self._processors.items()
        ]
        self._pick = _picker(self.names)

    def run(self, cursor: Cursor, values: Mapping[str, Any]) -> None:
        """Execute with the parameters in ``values``; more than are needed do no harm."""
        cursor.execute(self.sql, self.bind(values))

    def run_many(self, cursor: Cursor, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once for each row, in one call of the driver."""
        self.run_rows(cursor, [self.bind(row) for row in rows])

    def run_rows(self, cursor: Cursor, rows: Sequence[tuple[Any, ...]]) -> None:
        """As `run_many`; each row is as `row` makes it."""
        if len(rows) == 1:
            cursor.execute(self.sql, rows[0])
        elif rows:
            cursor.executemany(self.sql, rows)

    def row(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Values in the order of `names`, as the driver wants them."""
        row = list(values)
        for place, process in self._places:
            row[place] = process(row[place])
        return tuple(row)

    def bind(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parameters in ``values`` as `sql` takes them; more than are needed do no harm."""
        if self._processors or self._defaults:
            values = {**self._defaults, **values}
            for name, process in self._processors.items():
                values[name] = process(values[name])
        return self._pick(values)


class Shapes:
    """Statements for one dialect, each known by what decides on its text, and prepared once.

    SQLAlchemy remembers what it has compiled, but to find it again a statement has to be put
    together anew, which takes longer than to carry it out. What shapes there are is up to those who
    ask, so there is room for some hundred; the one that came first goes first.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._held: dict[Hashable, Prepared] = {}
        self._lock = threading.Lock()

    def prepared(self, shape: Hashable, make: Callable[[], ClauseElement]) -> Prepared:
        """The statement of ``shape``; ``make`` puts it together where it is not held."""
        held = self._held.get(shape)
        if held is None:
            # Two threads at once may both compile it, to the same end.
            held = Prepared(make(), self._dialect)
            with self._lock:
                if len(self._held) >= _MOST_SHAPES:
                    del self._held[next(iter(self._held))]
                self._held[shape] = held
        return held


def _positional(dialect: Dialect) -> Dialect:
    """``dialect``, or its like that takes parameters by their place."""
    if dialect.positional:
        return dialect
    make = cast("Callable[..., Dialect]", type(dialect))
    return make(paramstyle="format")


def _processors(compiled: SQLCompiler, dialect: Dialect) -> dict[str, Processor]:
    """How a value of Python becomes one of the driver, for the types where they differ."""
    found: dict[str, Processor] = {}
    for name, bind in compiled.binds.items():
        process: Processor | None = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if process is None or isinstance(bind.type, sa.LargeBinary):
            continue  # both drivers take bytes as they are
        if dialect.name == "sqlite" and isinstance(bind.type, sa.DateTime):
            process = _sqlite_datetime
        found[name] = process
    return found


def _sqlite_datetime(value: dt.datetime) -> str:
    """The text that SQLAlchemy makes of it, in a quarter of the time."""
    return value.isoformat(" ", "microseconds")


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """A function that takes the named values out of a mapping, in order."""
    if len(names) == 1:
        only = names[0]
        return lambda values: (values[only],)
    if not names:
        return lambda _: ()
    return cast("Callable[[Mapping[str, Any]], tuple[Any, ...]]", itemgetter(*names))
