"""The laws of the index: inherit `IndexSuite` and give the fixture ``database_url``.

::

    class TestMyDatabase(IndexSuite):
        @pytest.fixture
        def database_url(self):
            return "postgresql+psycopg://…"

It names a database that is empty at the beginning of each test. The index is the kernel's own; the
suite shows that a database, in its version and with its settings, is one that it can live on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom import Dataset

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import ChangeKind
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import DuplicateInstance
from pacs_framework.index import schema
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy, StoredAs
from pacs_framework.index.lookup import Lookup
from pacs_framework.index.writer import IndexWriter
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.entries import make_entry
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.suites.indexing import Mode, start_indexing
from pacs_framework.testing.suites.suite import Suite
from pacs_framework.testing.threads import run_in_threads

__all__ = ["IndexSuite"]

_WRITERS = 16
_PROCESSES, _EACH = 3, 15
_MANY = 10_000
_END_SECONDS = 60  # a net, not a measurement
_PARENTS = (schema.patient, schema.study, schema.series)


class IndexSuite(Suite, suite=True):
    """Every law of `pacs_framework.index` that depends on the database below it."""

    # --- what a subclass gives ------------------------------------------------------------------

    @pytest.fixture
    def database_url(self) -> str:
        """The URL of an empty database."""
        raise NotImplementedError(f"{type(self).__qualname__} needs a fixture 'database_url'")

    @pytest.fixture
    def database(self, database_url: str) -> Iterator[Database]:
        """The index, open and migrated."""
        with closing(open_database(database_url)) as opened:
            yield opened

    @pytest.fixture
    def writer(self, database: Database) -> Iterator[IndexWriter]:
        """A writer, as each process has one."""
        with closing(IndexWriter(database)) as opened:
            yield opened

    # --- duplicates -----------------------------------------------------------------------------

    def test_a_new_instance_has_its_row_its_parents_and_one_change(
        self, database: Database, writer: IndexWriter
    ) -> None:
        """Everything that the door knew of it comes back."""
        made = make_entry(1, StudyDate="20260102", Modality="MR")
        assert writer.store(made).outcome is StoredAs.NEW
        assert [row["patient_name"] for row in _rows(database, schema.patient)] == ["Doe^Jane"]
        assert [row["study_date"] for row in _rows(database, schema.study)] == ["20260102"]
        assert [row["modality"] for row in _rows(database, schema.series)] == ["MR"]
        facts = Lookup(database).instance("1.2.3.4.1")
        assert facts is not None
        for name in ("storage_key", "version", "dataset_offset", "size", "received"):
            assert getattr(facts, name) == getattr(made, name)
        assert facts.dataset_digest == made.dataset_digest
        assert facts.prefix_digest == made.prefix_digest
        (change,) = ChangeReader(database).after(0, 10)
        assert (change.kind, change.sop_instance_uid) == (ChangeKind.STORED, "1.2.3.4.1")
        assert change.origin == made.origin

    @pytest.mark.parametrize("policy", [DuplicatePolicy.IGNORE, DuplicatePolicy.REPLACE])
    def test_the_same_bytes_again_are_identical_and_no_change(
        self, database: Database, writer: IndexWriter, policy: DuplicatePolicy
    ) -> None:
        """The object that came first stays."""
        writer.store(make_entry(1))
        again = writer.store(make_entry(1, version=2, duplicates=policy))
        assert again.outcome is StoredAs.IDENTICAL
        assert not again.keeps_object
        assert _keys(database) == ["objects/1-1"]
        assert _kinds(database) == [ChangeKind.STORED]

    def test_ignore_keeps_the_first_content(self, database: Database, writer: IndexWriter) -> None:
        """And says so."""
        writer.store(make_entry(1))
        second = make_entry(1, version=2, content="other")
        assert writer.store(second).outcome is StoredAs.IGNORED
        assert _keys(database) == ["objects/1-1"]
        assert _kinds(database) == [ChangeKind.STORED]

    @pytest.mark.parametrize("content", ["", "other"])
    def test_reject_raises_for_any_second_instance(
        self, database: Database, writer: IndexWriter, content: str
    ) -> None:
        """An identical one as well."""
        writer.store(make_entry(1))
        with pytest.raises(DuplicateInstance, match=r"'1\.2\.3\.4\.1' exists"):
            writer.store(
                make_entry(1, version=2, content=content, duplicates=DuplicatePolicy.REJECT)
            )
        assert _keys(database) == ["objects/1-1"]
        assert _kinds(database) == [ChangeKind.STORED]

    def test_replace_names_the_new_object_and_notes_the_old_one(
        self, database: Database, writer: IndexWriter
    ) -> None:
        """Until it is told that the old object is deleted."""
        writer.store(make_entry(1))
        stored = writer.store(
            make_entry(
                1,
                version=2,
                content="other",
                duplicates=DuplicatePolicy.REPLACE,
                ContentDate="20260102",
            )
        )
        assert (stored.outcome, stored.superseded_key) == (StoredAs.REPLACED, "objects/1-1")
        (row,) = _rows(database, schema.instance)
        assert (row["storage_key"], row["content_date"]) == ("objects/1-2", "20260102")
        assert _kinds(database) == [ChangeKind.STORED, ChangeKind.REPLACED]
        assert Lookup(database).obsolete() == ["objects/1-1"]
        writer.deleted("objects/1-1")
        writer.store(make_entry(2))
        assert Lookup(database).obsolete() == []

    def test_an_entry_whose_commit_was_carried_out_but_not_answered_is_new(
        self, database: Database, writer: IndexWriter
    ) -> None:
        """Told by the storage key: written again it is neither a duplicate nor a second change."""
        writer.store(make_entry(1))
        again = writer.store(make_entry(1, duplicates=DuplicatePolicy.REJECT))
        assert again.outcome is StoredAs.NEW
        assert len(_kinds(database)) == 1

    # --- patients, studies and series -----------------------------------------------------------

    def test_an_instance_that_moves_takes_its_emptied_parents_along(
        self, database: Database, writer: IndexWriter
    ) -> None:
        """Replaced by one of another patient, study and series: nothing empty stays behind."""
        writer.store(make_entry(1))
        moved = {"PatientID": "P2", "StudyInstanceUID": "1.9", "SeriesInstanceUID": "1.9.1"}
        writer.store(
            make_entry(1, version=2, content="moved", duplicates=DuplicatePolicy.REPLACE, **moved)
        )
        assert [row["patient_id"] for row in _rows(database, schema.patient)] == ["P2"]
        assert [row["study_instance_uid"] for row in _rows(database, schema.study)] == ["1.9"]
        assert [row["series_instance_uid"] for row in _rows(database, schema.series)] == ["1.9.1"]

    def test_the_issuer_tells_patients_apart(self, database: Database, writer: IndexWriter) -> None:
        """One PatientID of two issuers is two patients, also within one Study Instance UID."""
        writer.store(make_entry(1, IssuerOfPatientID="A"))
        writer.store(make_entry(2, IssuerOfPatientID="B"))
        assert len(_rows(database, schema.patient)) == 2
        assert len(_rows(database, schema.study)) == 2

    def test_the_first_value_wins_and_a_later_one_fills_what_is_empty(
        self, database: Database, writer: IndexWriter
    ) -> None:
        """Of the attributes of patient, study and series."""
        dated: dict[str, Any] = {"StudyDate": "20260102", "PatientName": ""}
        writer.store(make_entry(1, StudyDescription="first", **dated))
        timed: dict[str, Any] = {"StudyTime": "1011", "PatientName": "Roe^Ann"}
        writer.store(make_entry(2, StudyDescription="second", **timed))
        late: dict[str, Any] = {"StudyTime": "12", "PatientName": "Poe^Edgar"}
        writer.store(make_entry(3, StudyDescription="third", **late))
        (study,), (patient,) = _rows(database, schema.study), _rows(database, schema.patient)
        assert study["study_description"] == "first"
        assert (study["study_date"], study["study_time"]) == ("20260102", "1011")
        assert study["study_datetime_search"].startswith("20260102")
        assert "1011" in study["study_datetime_search"]
        assert patient["patient_name"] == "Roe^Ann"
        assert patient["patient_name_search"] == "roe^ann"

    # --- many at once ---------------------------------------------------------------------------

    def test_sixteen_first_stores_of_one_patient_make_one_patient(self, database: Database) -> None:
        """Through writers of their own, as sixteen processes would; study and series likewise."""
        gate = threading.Barrier(_WRITERS)
        writers = [IndexWriter(database) for _ in range(_WRITERS)]
        numbers = count()

        def store() -> None:
            number = next(numbers)
            gate.wait()
            writers[number].store(make_entry(number))

        run_in_threads(store, _WRITERS)
        assert [len(_rows(database, table)) for table in _PARENTS] == [1, 1, 1]
        assert len(_rows(database, schema.instance)) == _WRITERS
        assert [c.sequence for c in ChangeReader(database).after(0, 99)] == list(range(1, 17))
        for writer in writers:
            writer.close()

    def test_processes_take_turns_without_an_error(
        self, database: Database, database_url: str
    ) -> None:
        """No "database is locked"; and a feed in the order of the commits, of which a reader that
        follows it misses none.
        """
        reader = ChangeReader(database)
        running = [
            start_indexing(database_url, first, first + _EACH - 1)
            for first in range(1, _PROCESSES * 100, 100)
        ]
        seen: list[int] = []
        for process in running:
            for _line in process.stdout or ():
                seen += [change.sequence for change in reader.after(len(seen), _MANY)]
            process.communicate(timeout=_END_SECONDS)
        seen += [change.sequence for change in reader.after(len(seen), _MANY)]
        assert [process.returncode for process in running] == [0] * _PROCESSES
        assert seen == list(range(1, _PROCESSES * _EACH + 1))
        assert [len(_rows(database, table)) for table in _PARENTS] == [1, 1, 3]

    # --- durability -----------------------------------------------------------------------------

    @pytest.mark.parametrize("mode", ["synced", "late"])
    def test_what_was_committed_outlives_a_killed_process(
        self, database: Database, database_url: str, mode: Mode
    ) -> None:
        """Each entry that was told, with its change; and the index takes more."""
        process = start_indexing(database_url, 1, _MANY if mode == "synced" else 20, mode)
        assert process.stdout is not None
        told = [int(line) for line in islice(process.stdout, 20)]
        process.kill()
        with suppress(ValueError):  # the last line may be cut
            told += [int(line) for line in process.stdout]
        process.communicate(timeout=_END_SECONDS)
        lookup = Lookup(database)
        assert len(told) >= 20, "the storing process died; its error is on stderr"
        assert all(lookup.instance(f"1.2.3.4.{number}") is not None for number in told)
        changes = list(ChangeReader(database).after(0, _MANY))
        assert len(changes) == lookup.count()
        assert [change.sequence for change in changes] == list(range(1, len(changes) + 1))
        with closing(IndexWriter(database)) as writer:
            assert writer.store(make_entry(_MANY + 1)).outcome is StoredAs.NEW

    def test_another_opening_finds_everything(self, database: Database, database_url: str) -> None:
        """Migrations that are done are not done again."""
        with closing(IndexWriter(database)) as writer:
            writer.store(make_entry(1))
        database.close()
        with closing(open_database(database_url)) as again:
            assert Lookup(again).count() == 1
            assert _kinds(again) == [ChangeKind.STORED]

    # --- the change feed ------------------------------------------------------------------------

    def test_a_cursor_never_goes_back(self, database: Database, writer: IndexWriter) -> None:
        """A new consumer begins at the end, and one that is known where it stopped."""
        reader = ChangeReader(database)
        assert reader.register("early") == 0
        for number in range(1, 4):
            writer.store(make_entry(number))
        assert reader.register("late") == 3
        reader.advance("early", 2)
        reader.advance("early", 1)
        assert reader.register("early") == 2
        assert [change.sequence for change in reader.after(2, 10)] == [3]

    # --- matching -------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("key", "value", "found"),
        [
            ("PatientID", "", ["1", "2", "3"]),
            ("PatientID", "p1", []),
            ("PatientID", "P?", ["1", "2", "3"]),
            ("PatientName", "doe^*", ["1", "2"]),
            ("PatientName", "ÄRZTIN*", ["3"]),
            ("StudyDescription", "100%", ["2"]),
            ("StudyDescription", "*_*", ["3"]),
            ("StudyDescription", "ct*", []),
            ("StudyDate", "20260101-20260131", ["1", "2"]),
            ("StudyDate", "20260201-", ["3"]),
            ("StudyInstanceUID", "1.3.1\\1.3.3", ["1", "3"]),
            ("AccessionNumber", "A'; --", ["2"]),
        ],
    )
    def test_queries_match_as_the_standard_says(
        self, database: Database, tmp_path: Path, key: str, value: str, found: list[str]
    ) -> None:
        """A sample of PS3.4 C.2.2.2: case, wild cards, names, ranges, lists, and what a database
        might take for something else.
        """
        archive = Archive(database=database, storage=MemoryStorage(), data=tmp_path / "data")
        with closing(archive):
            for number, attributes in enumerate(_STUDIES, 1):
                uids: dict[str, Any] = {
                    "StudyInstanceUID": f"1.3.{number}",
                    "SeriesInstanceUID": f"1.4.{number}",
                }
                image = mr_image(number, SpecificCharacterSet="ISO_IR 192", **uids | attributes)
                send(archive, encoded(image), announced(number))
            keys = Dataset()
            keys.SpecificCharacterSet = "ISO_IR 192"
            keys.StudyInstanceUID = ""
            setattr(keys, key, value.split("\\") if "\\" in value else value)
            matches = archive.query.find(Level.STUDY, Root.STUDY, keys)
            uids_found = sorted(str(match.StudyInstanceUID) for match in matches)
        assert [uid.rpartition(".")[2] for uid in uids_found] == found


_STUDIES = (
    {"PatientID": "P1", "StudyDescription": "CT Head", "StudyDate": "20260102"},
    {
        "PatientID": "P2",
        "PatientName": "DOE^JOHN",
        "StudyDescription": "100%",
        "AccessionNumber": "A'; --",
    },
    {
        "PatientID": "P3",
        "PatientName": "Ärztin^Anna",
        "StudyDescription": "a_b",
        "StudyDate": "20260202",
    },
)


def _rows(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def _keys(database: Database) -> list[str]:
    return [row["storage_key"] for row in _rows(database, schema.instance)]


def _kinds(database: Database) -> list[ChangeKind]:
    return [change.kind for change in ChangeReader(database).after(0, 1000)]
