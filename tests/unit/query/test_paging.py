"""Many rows: page by page, no more than asked for, by an index, and each once."""

from __future__ import annotations

import itertools
from contextlib import contextmanager

import pytest
from sqlalchemy import insert

from pacs_framework.archive.query import QueryService
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level, indexed_at
from pacs_framework.index.queries import pages
from pacs_framework.index.schema import patient, study
from pacs_framework.testing.memory_storage import MemoryStorage

STUDIES = 1500


@pytest.fixture
def many(database, empty_storage):
    """One study each for patients whose names and dates repeat."""
    with database.writing() as connection:
        connection.execute(insert(patient), [patient_row(n) for n in range(STUDIES)])
        connection.execute(insert(study), [study_row(n) for n in range(STUDIES)])
    return QueryService(database, empty_storage)


@pytest.fixture
def empty_storage():
    return MemoryStorage()


@pytest.fixture
def statements(database, monkeypatch):
    """The queries that the database has been asked, with their parameters."""
    seen = []

    class Noting:
        """A cursor that tells what it is given."""

        def __init__(self, cursor):
            self._cursor = cursor

        def __getattr__(self, name):
            return getattr(self._cursor, name)

        def execute(self, statement, parameters=()):
            seen.append((statement, parameters))
            return self._cursor.execute(statement, parameters)

    read = database.cursor

    @contextmanager
    def noted():
        with read() as cursor:
            yield Noting(cursor)

    monkeypatch.setattr(database, "cursor", noted)
    return seen


def blank(level):
    return {attribute.column: "" for attribute in indexed_at(level)}


def patient_row(n):
    name = f"doe^{n % 7}" if n % 3 else "smith"
    row = {"id": n + 1, "patient_id": f"P{n:05}", "patient_name": name}
    return blank(Level.PATIENT) | row | {"patient_name_search": name}


def study_row(n):
    date = f"202001{n % 28 + 1:02}"
    row = {"id": n + 1, "patient_fk": STUDIES - n, "study_instance_uid": f"1.{n}"}
    row |= {"study_date": date, "study_datetime_search": f"{date}000000.000000"}
    return blank(Level.STUDY) | row | {"accession_number": f"A{n % 2}"}


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 1500),
        ({"PatientName": "doe*"}, 1000),
        ({"PatientName": "smith"}, 500),
        ({"StudyDate": "20200102-20200127"}, 1393),
        ({"AccessionNumber": "A1"}, 750),
        ({"AccessionNumber": "A1", "PatientName": "smith"}, 250),
    ],
)
def test_every_page_goes_on_where_the_last_one_ended(many, keys, wanted, count):
    """No study twice and none left out, whichever column the order begins with."""
    identifier = keys(StudyInstanceUID="", **wanted)
    found = [m.StudyInstanceUID for m in many.find(Level.STUDY, Root.STUDY, identifier)]
    assert len(found) == count
    assert len(set(found)) == count


def test_a_limit_ends_the_answers(many, keys):
    found = many.find(Level.STUDY, Root.STUDY, keys(StudyInstanceUID=""), limit=3)
    assert len(list(found)) == 3


def test_the_database_is_read_as_far_as_answers_are_taken(many, statements, keys):
    """Nobody pays for the second page who looks at the first."""
    found = many.find(Level.STUDY, Root.STUDY, keys(StudyInstanceUID=""))
    assert statements == []
    list(itertools.islice(found, 10))
    assert len(statements) == 1
    list(found)
    assert len(statements) > 3


def test_who_knows_how_many_come_gets_fewer_pages(many, database):
    """Though no more than some thousand rows at once, and none has to be asked for in vain."""
    columns = (study.c.study_instance_uid,)

    def sizes(expected):
        return [len(page) for page in pages(database, Level.STUDY, [], columns, expected=expected)]

    assert sizes(STUDIES) == [STUDIES]
    assert sizes(300) == [301, 602, 597]
    assert sizes(1) == [100, 200, 400, 800]


def test_no_connection_is_held_between_pages(many, database, keys):
    """A peer that reads slowly keeps no transaction open."""
    found = many.find(Level.STUDY, Root.STUDY, keys(StudyInstanceUID=""))
    next(found)
    assert database.engine.pool.checkedout() == 0


def test_a_cancelled_query_ends_where_it_is(many, keys):
    asked = iter([False] * 5)
    found = many.find(
        Level.STUDY,
        Root.STUDY,
        keys(StudyInstanceUID=""),
        cancelled=lambda: next(asked, True),
    )
    assert len(list(found)) == 5


def test_a_query_without_matches_is_cancelled_as_well(many, statements, keys):
    """``StudyTime`` narrows nothing in SQL: every row is looked at, until the cancel."""
    found = many.find(Level.STUDY, Root.STUDY, keys(StudyTime="1200"), cancelled=lambda: True)
    assert list(found) == []
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"PatientID": "P00001"}, "patient_id=?"),
        ({"PatientName": "doe*"}, "patient_name_search>?"),
        ({"AccessionNumber": "A1"}, "accession_number=?"),
        ({"StudyInstanceUID": "1.5"}, "study_instance_uid=?"),
        ({"StudyDate": "20200101-20200102"}, "study_datetime_search>?"),
    ],
)
@pytest.mark.parametrize("pacs_index_url", ["sqlite"], indirect=True)
def test_keyed_and_ranged_queries_start_from_an_index(
    many, database, statements, keys, wanted, index
):
    """On SQLite the plan says so: no scan, and no sorting of more than ties.

    PostgreSQL gets the same conditions, but plans by its statistics.
    """
    identifier = keys(**{"StudyInstanceUID": ""} | wanted)
    next(many.find(Level.STUDY, Root.STUDY, identifier))
    sql, parameters = statements[0]
    with database.reading() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
        plan = [row[3] for row in rows]
    assert index in plan[0], plan
    assert not any(step.startswith("SCAN") for step in plan), plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan
