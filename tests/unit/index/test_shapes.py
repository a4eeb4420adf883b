"""Statements by their shape: prepared once, bounded in number, and read with a bare cursor."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.conditions import Between, Contains, OneOf, StartsWith, padded
from pacs_framework.index.database import Database
from pacs_framework.index.prepared import Prepared, Shapes
from pacs_framework.index.queries import pages
from pacs_framework.index.schema import patient, study

_UID, _DATE = study.c.study_instance_uid, study.c.study_datetime_search
_NAME = patient.c.patient_name_search


def one(value: int) -> sa.Select[tuple[int]]:
    return sa.select(sa.literal(value))


def test_a_statement_of_a_shape_is_made_once(database: Database) -> None:
    made: list[int] = []

    def make() -> sa.Select[tuple[int]]:
        made.append(1)
        return one(1)

    first = database.shapes.prepared("shape", make)
    assert database.shapes.prepared("shape", make) is first
    assert made == [1]


def test_what_came_first_goes_first(database: Database) -> None:
    """However many shapes peers think of, what is held is bounded."""
    shapes = Shapes(database.dialect)
    for number in range(600):
        shapes.prepared(number, lambda number=number: one(number))
    assert len(shapes._held) == 512
    assert (87 in shapes._held, 88 in shapes._held) == (False, True)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (OneOf(column=_UID, among=("1",)), OneOf(column=_UID, among=("2",)), True),
        (OneOf(column=_UID, among=tuple("123")), OneOf(column=_UID, among=tuple("1234")), True),
        (OneOf(column=_UID, among=("1",)), OneOf(column=_UID, among=tuple("12")), False),
        (OneOf(column=_UID, among=("1",)), OneOf(column=study.c.study_id, among=("1",)), False),
        (StartsWith(column=_NAME, prefix="a"), StartsWith(column=_NAME, prefix="doe"), True),
        (Between(column=_DATE, low="1"), Between(column=_DATE, low="2"), True),
        (Between(column=_DATE, low="1"), Between(column=_DATE, high="1"), False),
        (Between(column=_DATE, low="1"), Between(column=_DATE, low="1", high="2"), False),
        (Contains(column=_NAME, pattern="%a%"), Contains(column=_NAME, pattern="%b%"), True),
        (
            Contains(column=_NAME, pattern="%a%"),
            Contains(column=_NAME, pattern="%a%", fold=True),
            False,
        ),
    ],
)
def test_conditions_of_one_shape_have_one_statement(one, other, alike, database: Database) -> None:
    """Their values do not show in the text; what shows in it is told apart."""

    def text(condition) -> str:
        bound = [
            sa.bindparam(f"p{n}", type_=condition.column.type) for n in range(len(condition.values))
        ]
        statement = sa.select(sa.literal(1)).where(condition.clause(bound))
        return Prepared(statement, database.dialect).sql

    assert (one.shape == other.shape) is alike
    assert (text(one) == text(other)) is alike


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 31, 33, 500])
def test_a_list_is_padded_with_what_it_has(count: int) -> None:
    values = list(range(count))
    longer = padded(values)
    assert list(longer[:count]) == values
    assert set(longer) == set(values)
    assert len(longer).bit_count() == 1
    assert count <= len(longer) < 2 * count


def test_nothing_is_padded_with_nothing() -> None:
    assert list(padded([])) == []


def test_a_statement_that_fails_is_an_index_that_failed(database: Database) -> None:
    """And the connection is not used again; nothing of what was asked is told."""
    with (
        pytest.raises(IndexUnavailable, match=r"^the index failed: \w+ \w+; nothing") as told,
        database.cursor() as cursor,
    ):
        cursor.execute("SELECT secret FROM nowhere")
    assert "secret" not in str(told.value)
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert [tuple(row) for row in cursor.fetchall()] == [(1,)]
    pool = database.engine.pool
    assert isinstance(pool, sa.QueuePool)
    assert pool.checkedout() == 0


def test_pages_of_a_shape_are_told_apart_by_their_values(database: Database) -> None:
    """The second query finds its own, with the statement of the first."""
    with database.writing() as connection:
        connection.execute(sa.insert(patient), [{"id": n, "patient_id": f"P{n}"} for n in (1, 2)])

    def found(patient_id: str) -> list[int]:
        conditions = [OneOf(column=patient.c.patient_id, among=(patient_id,))]
        columns = [patient.c.id]
        rows = pages(database, Level.PATIENT, conditions, columns)
        return [row[0] for page in rows for row in page]

    assert (found("P1"), found("P2"), found("P3")) == ([1], [2], [])
