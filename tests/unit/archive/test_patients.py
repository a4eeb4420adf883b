"""Corrections of patients: the index follows, the bytes stay, what is sent says what holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import ChangeKind
from pacs_framework.archive.corrections import CorrectionKind, PatientKey
from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.archive.reindex import reindex
from pacs_framework.archive.verify import verify
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.errors import CorrectionRefused
from pacs_framework.index import schema
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

BY = {"by": "test", "reason": "because \0 \udcff"}  # as broken as a message may be
A, B, C = (PatientKey(patient_id=name) for name in ("A", "B", "C"))


def store(archive: Archive, number: int, patient: str, study: str = "", **values: object) -> None:
    study = study or f"1.2.{ord(patient)}"
    image = mr_image(
        number,
        **{
            "PatientID": patient,
            "PatientName": f"Name^{patient}",
            "StudyInstanceUID": study,
            "SeriesInstanceUID": f"{study}.1",
            **values,
        },
    )
    send(archive, encoded(image), announced(number))


def keys(**wanted: str) -> Dataset:
    identifier = Dataset()
    for keyword, text in wanted.items():
        setattr(identifier, keyword, text)
    return identifier


def find(archive: Archive, level: Level, answer: str, **wanted: str) -> list[str]:
    """One attribute of every match, sorted."""
    identifier = keys(**{answer: "", **wanted})
    root = Root.PATIENT if level is Level.PATIENT else Root.STUDY
    found = archive.query.find(level, root, identifier, relational=True)
    return sorted(str(match[answer].value or "") for match in found)


def patients(archive: Archive) -> list[str]:
    found = archive.query.find(Level.PATIENT, Root.PATIENT, keys(PatientID="", PatientName=""))
    return sorted(f"{match.PatientID} {match.PatientName}" for match in found)


def sent(archive: Archive, number: int) -> Dataset:
    """The header of an instance as a recipient gets it."""
    opener = archive.retrieve.opener(Recipient(door="get", aet="TEST"))
    wanted = keys(SOPInstanceUID=f"1.2.3.4.{number}")
    (stored,) = archive.retrieve.locate(Level.IMAGE, Root.STUDY, wanted, relational=True)
    with closing(opener.open(stored).data) as data:
        return load_header(data, ExplicitVRLittleEndian)


def test_an_update_is_seen_at_every_level_at_once(archive: Archive) -> None:
    store(archive, 1, "A")
    correction = archive.patients.update(A, {"PatientName": "Right^One", "PatientSex": "F"}, **BY)
    assert correction is not None
    assert correction.before == {"PatientName": "Name^A", "PatientSex": ""}
    assert patients(archive) == ["A Right^One"]
    for level in (Level.STUDY, Level.SERIES, Level.IMAGE):
        assert find(archive, level, "PatientName", PatientID="A") == ["Right^One"]
    assert find(archive, Level.STUDY, "PatientID", PatientName="right*") == ["A"]
    assert find(archive, Level.STUDY, "PatientID", PatientName="Name*") == []


def test_what_is_sent_is_corrected_and_tells_what_was_there(archive: Archive) -> None:
    """With the moment of the correction, so two sendings are the same bytes."""
    store(archive, 1, "A", PatientBirthDate="19700101")
    correction = archive.patients.update(
        A, {"PatientName": "Müller^Änne", "PatientSex": "F", "PatientBirthDate": ""}, **BY
    )
    assert correction is not None
    first = sent(archive, 1)
    assert (first.PatientName, first.PatientSex, first.PatientBirthDate) == ("Müller^Änne", "F", "")
    (item,) = first.OriginalAttributesSequence
    assert item.ReasonForTheAttributeModification == "CORRECT"
    assert item.ModifyingSystem == "pacs-framework"
    moment = correction.at.strftime("%Y%m%d%H%M%S.%f+0000")
    assert item.AttributeModificationDateTime == moment
    (before,) = item.ModifiedAttributesSequence
    assert (before.PatientName, before.PatientBirthDate) == ("Name^A", "19700101")
    assert before.PatientSex is None or before.PatientSex == ""
    assert sent(archive, 1) == first


def test_the_stored_bytes_stay(scene: Scene, archive: Archive) -> None:
    store(archive, 1, "A")
    before = dict(scene.storage.objects)
    archive.patients.merge(A, B, {"PatientName": "Other"}, **BY)
    assert scene.storage.objects == before
    with archive.open("1.2.3.4.1").dataset as data:
        assert load_header(data, ExplicitVRLittleEndian).PatientID == "A"
    assert list(verify(archive)) == []


def test_what_says_the_same_already_is_sent_as_it_is_stored(archive: Archive) -> None:
    store(archive, 1, "A")
    archive.patients.update(A, {"PatientName": "Name^A"}, **BY)
    assert "OriginalAttributesSequence" not in sent(archive, 1)


def test_a_modification_that_came_along_stays_in_front(archive: Archive) -> None:
    store(archive, 1, "A")
    archive.patients.update(A, {"PatientName": "Right^One"}, **BY)
    again = sent(archive, 1)
    again.SOPInstanceUID = "1.2.3.4.2"
    again.PixelData = b"\0\0"
    again["PixelData"].VR = "OW"
    send(archive, encoded(again), announced(2))
    assert len(sent(archive, 2).OriginalAttributesSequence) == 1
    archive.patients.update(A, {"PatientName": "Really^Right"}, **BY)
    names = [
        str(item.ModifiedAttributesSequence[0].PatientName)
        for item in sent(archive, 2).OriginalAttributesSequence
    ]
    assert names == ["Name^A", "Right^One"]


def test_an_attribute_without_a_column_is_corrected_in_answers_too(archive: Archive) -> None:
    store(archive, 1, "A", OtherPatientIDs="OLD")
    assert find(archive, Level.STUDY, "OtherPatientIDs") == ["OLD"]
    archive.patients.update(A, {"OtherPatientIDs": "X1\\X2"}, **BY)
    assert find(archive, Level.STUDY, "OtherPatientIDs") == ["['X1', 'X2']"]
    assert find(archive, Level.STUDY, "PatientID", OtherPatientIDs="X2") == ["A"]
    assert list(sent(archive, 1).OtherPatientIDs) == ["X1", "X2"]


def test_merged_patients_are_one_with_the_right_counts(archive: Archive) -> None:
    store(archive, 1, "A")
    store(archive, 2, "A", study="1.2.77")
    store(archive, 3, "B")
    archive.patients.merge(A, B, **BY)
    assert patients(archive) == ["B Name^B"]
    count = "NumberOfPatientRelatedStudies"
    assert find(archive, Level.PATIENT, count, PatientID="B") == ["3"]
    merged = sent(archive, 1)
    assert (merged.PatientID, merged.PatientName) == ("B", "Name^B")
    (item,) = merged.OriginalAttributesSequence
    assert item.ReasonForTheAttributeModification == "COERCE"
    assert item.ModifiedAttributesSequence[0].PatientID == "A"
    assert "OriginalAttributesSequence" not in sent(archive, 3)


def test_one_study_of_both_becomes_one_and_two_again(archive: Archive) -> None:
    """Also where they share a series."""
    store(archive, 1, "A", study="1.2.5")
    store(archive, 2, "B", study="1.2.5")
    store(archive, 3, "B", study="1.2.5", SeriesInstanceUID="1.2.5.2")
    count = "NumberOfStudyRelatedInstances"
    assert find(archive, Level.STUDY, count) == ["1", "2"]
    archive.patients.merge(A, B, **BY)
    assert find(archive, Level.STUDY, count) == ["3"]
    assert find(archive, Level.SERIES, "NumberOfSeriesRelatedInstances") == ["1", "2"]
    archive.patients.unmerge(A, **BY)
    assert find(archive, Level.STUDY, count) == ["1", "2"]
    assert patients(archive) == ["A Name^A", "B Name^B"]


def test_what_arrives_later_is_filed_under_the_patient_that_holds(
    archive: Archive, database: Database
) -> None:
    """Though this process remembers the series."""
    store(archive, 1, "A")
    archive.patients.merge(A, B, {"PatientName": "Right^One", "PatientSex": "M"}, **BY)
    store(archive, 2, "A", PatientSex="F")
    store(archive, 3, "B")
    assert patients(archive) == ["B Right^One"]
    assert find(archive, Level.IMAGE, "PatientSex", PatientID="B") == ["M", "M", "M"]
    assert [sent(archive, n).PatientName for n in (1, 2, 3)] == ["Right^One"] * 3
    last = ChangeReader(database).after(0, 99)[-1]
    assert (last.kind, last.patient_id) == (ChangeKind.STORED, "B")
    assert list(verify(archive)) == []


def test_another_process_files_by_a_correction_at_once(scene: Scene) -> None:
    """Whatever it remembers of the series."""
    first, second = scene.archive(), scene.archive()
    store(second, 1, "A")
    first.patients.merge(A, B, **BY)
    store(second, 2, "A")
    first.patients.unmerge(A, **BY)
    store(second, 3, "A")
    assert patients(first) == ["A Name^A"]
    first.patients.merge(A, B, **BY)
    store(second, 4, "A")
    assert patients(second) == ["B Name^A"]
    assert list(verify(first)) == []


def test_a_merge_of_patients_without_images_holds_for_those_that_come(archive: Archive) -> None:
    archive.patients.merge(A, B, {"PatientName": "Right^One"}, **BY)
    assert patients(archive) == []
    store(archive, 1, "A")
    assert patients(archive) == ["B Right^One"]
    archive.patients.unmerge(A, **BY)
    assert patients(archive) == ["A Name^A"]


def test_an_unmerge_gives_both_their_own_values_back(archive: Archive) -> None:
    """What the other got from the merge goes, what was corrected since stays."""
    store(archive, 1, "A", PatientBirthDate="19700101")
    store(archive, 2, "B", PatientSex="F")
    archive.patients.merge(A, B, **BY)
    merged = archive.patients.find(A)
    assert merged is not None
    assert merged.values["PatientBirthDate"] == "19700101"
    archive.patients.update(B, {"PatientName": "Since^Then"}, **BY)
    archive.patients.unmerge(A, **BY)
    a, b = archive.patients.find(A), archive.patients.find(B)
    assert a is not None
    assert b is not None
    assert (a.values["PatientName"], a.values["PatientBirthDate"]) == ("Name^A", "19700101")
    assert b.values == {"PatientName": "Since^Then", "PatientBirthDate": "", "PatientSex": "F"}
    assert (a.instances, b.instances, b.corrected) == (1, 1, ("PatientName",))
    assert "OriginalAttributesSequence" not in sent(archive, 1)


def test_an_unmerge_does_without_an_object_that_is_gone(scene: Scene, archive: Archive) -> None:
    """Its patient has no name then, until an instance arrives that says it."""
    store(archive, 1, "A")
    archive.patients.merge(A, B, **BY)
    scene.storage.objects.clear()
    archive.patients.unmerge(A, **BY)
    assert patients(archive) == ["A "]
    store(archive, 2, "A")
    assert patients(archive) == ["A Name^A"]


def test_chains_are_followed_and_taken_apart_from_the_end(archive: Archive) -> None:
    for number, name in enumerate("ABC", start=1):
        store(archive, number, name)
    archive.patients.merge(A, B, **BY)
    archive.patients.merge(B, C, **BY)
    assert archive.patients.current(A) == C
    assert [sent(archive, n).PatientID for n in (1, 2, 3)] == ["C", "C", "C"]
    with pytest.raises(CorrectionRefused, match="unmerge that first"):
        archive.patients.unmerge(A, **BY)
    archive.patients.unmerge(B, **BY)
    assert [sent(archive, n).PatientID for n in (1, 2, 3)] == ["B", "B", "C"]
    assert patients(archive) == ["B Name^B", "C Name^C"]
    archive.patients.unmerge(A, **BY)
    assert patients(archive) == ["A Name^A", "B Name^B", "C Name^C"]


def test_an_issuer_is_part_of_the_key_and_is_corrected_with_it(archive: Archive) -> None:
    store(archive, 1, "A", IssuerOfPatientID="OLD")
    store(archive, 2, "A")
    archive.patients.merge(PatientKey(patient_id="A", issuer="OLD"), B, **BY)
    moved = sent(archive, 1)
    assert (moved.PatientID, "IssuerOfPatientID" in moved) == ("B", False)
    assert sent(archive, 2).PatientID == "A"
    assert archive.patients.keys_of("A") == [A, PatientKey(patient_id="A", issuer="OLD")]


def test_a_change_of_the_id_is_no_merge(archive: Archive) -> None:
    store(archive, 1, "A")
    store(archive, 2, "B")
    with pytest.raises(CorrectionRefused, match="merge where both are one"):
        archive.patients.change_id(A, B, **BY)
    done = archive.patients.change_id(A, C, **BY)
    assert done is not None
    assert done.kind is CorrectionKind.CHANGE_ID
    assert patients(archive) == ["B Name^B", "C Name^A"]


def test_the_same_correction_again_is_none(archive: Archive) -> None:
    store(archive, 1, "A")
    assert archive.patients.update(A, {"PatientSex": "F"}, **BY) is not None
    assert archive.patients.update(A, {"PatientSex": "F"}, **BY) is None
    assert archive.patients.merge(A, B, {"PatientSex": "F"}, **BY) is not None
    assert archive.patients.merge(A, B, {"PatientSex": "F"}, **BY) is None
    assert archive.patients.unmerge(A, **BY) is not None
    assert archive.patients.unmerge(A, **BY) is None
    assert [each.number for each in archive.patients.history()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("correct", "message"),
    [
        (lambda p: p.update(A, {"StudyDate": "20260101"}, **BY), "'StudyDate' cannot be corrected"),
        (lambda p: p.update(A, {"PatientSex": "X"}, **BY), "PatientSex is M, F or O"),
        (lambda p: p.update(A, {"PatientBirthDate": "20261301"}, **BY), "is no date"),
        (lambda p: p.update(A, {"PatientBirthTime": "25"}, **BY), "is no time"),
        (lambda p: p.update(A, {"PatientName": "x" * 65}, **BY), "65 characters"),
        (lambda p: p.update(A, {"PatientName": "a=b=c=d"}, **BY), "component groups"),
        (lambda p: p.update(A, {"PatientAddress": "a\\b"}, **BY), "backslash"),
        (lambda p: p.update(PatientKey(patient_id=" "), {}, **BY), "without Patient ID"),
        (lambda p: p.merge(PatientKey(patient_id=""), B, **BY), "without Patient ID"),
        (lambda p: p.merge(PatientKey(patient_id="a\0"), B, **BY), "is no text"),
        (lambda p: p.find(PatientKey(patient_id="\udcff")), "is no text"),
        (lambda p: p.merge(A, A, **BY), "into itself"),
        (lambda p: p.merge(A, PatientKey(patient_id="x" * 65), **BY), "65 characters"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    archive: Archive, correct: Callable[[Any], object], message: str
) -> None:
    store(archive, 1, "A")
    with pytest.raises(CorrectionRefused, match=message):
        correct(archive.patients)
    assert archive.patients.history() == []
    assert patients(archive) == ["A Name^A"]


def test_a_circle_and_a_second_merge_are_refused(archive: Archive) -> None:
    archive.patients.merge(A, B, **BY)
    with pytest.raises(CorrectionRefused, match="circle"):
        archive.patients.merge(B, A, **BY)
    with pytest.raises(CorrectionRefused, match="another one already"):
        archive.patients.merge(A, C, **BY)


def test_each_correction_is_a_row_of_the_feed(archive: Archive, database: Database) -> None:
    archive.patients.update(A, {"PatientSex": "F"}, **BY)
    archive.patients.merge(A, B, **BY)
    archive.patients.unmerge(A, **BY)
    changes = ChangeReader(database).after(0, 10)
    assert [change.kind for change in changes] == [
        ChangeKind.PATIENT_UPDATED,
        ChangeKind.PATIENT_MERGED,
        ChangeKind.PATIENT_UNMERGED,
    ]
    assert {(change.patient_id, change.sop_instance_uid) for change in changes} == {("A", "")}


def test_a_replaced_instance_leaves_no_note(scene: Scene) -> None:
    archive = scene.archive(DuplicatePolicy.REPLACE)
    archive.patients.merge(A, B, **BY)
    store(archive, 1, "A")
    store(archive, 1, "B")
    assert "OriginalAttributesSequence" not in sent(archive, 1)
    with scene.database.reading() as connection:
        count = sa.select(sa.func.count()).select_from(schema.recorded_patient)
        assert connection.scalar(count) == 0


def test_a_reindex_keeps_the_corrections(scene: Scene, pacs_index_url: str) -> None:
    archive = scene.archive()
    store(archive, 1, "A", PatientBirthDate="19700101")
    store(archive, 2, "B")
    archive.patients.merge(A, B, **BY)
    archive.patients.update(B, {"PatientSex": "O"}, **BY)
    before, history = archive.patients.find(B), archive.patients.history()
    scene.database.close()
    scene.end()
    assert list(reindex(pacs_index_url, scene.storage, scene.data)) == []
    scene.database = open_database(pacs_index_url)
    archive = scene.archive()
    assert archive.patients.find(B) == before
    assert archive.patients.history() == history
    assert list(verify(archive)) == []
    archive.patients.unmerge(A, **BY)
    assert patients(archive) == ["A Name^A", "B Name^B"]
    scene.end()
    scene.database.close()


def test_a_reindex_of_an_index_from_before_corrections_keeps_its_feed(
    scene: Scene, pacs_index_url: str
) -> None:
    archive = scene.archive()
    store(archive, 1, "A")
    changes = ChangeReader(scene.database).after(0, 9)
    with scene.database.writing() as connection:
        for table in (
            schema.label,
            schema.protection,
            schema.deletion,
            schema.linked_patient,
            schema.patient_link,
            schema.recorded_patient,
            schema.corrected_patient,
            schema.patient_correction,
        ):
            connection.execute(sa.text(f"DROP TABLE {table.name}"))
        connection.execute(sa.text("DROP INDEX ix_instance_series_fk_source_aet"))
        connection.execute(sa.text("ALTER TABLE instance DROP COLUMN source_aet"))
        connection.execute(sa.text("CREATE INDEX ix_instance_series_fk ON instance (series_fk)"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'kernel0001'"))
    scene.database.close()
    scene.end()
    assert list(reindex(pacs_index_url, scene.storage, scene.data)) == []
    with closing(open_database(pacs_index_url)) as again:
        assert ChangeReader(again).after(0, 9) == changes


def test_arrivals_and_corrections_at_one_moment_leave_one_patient(scene: Scene) -> None:
    """Two processes store, a third merges: nothing stays under the old key."""
    archives = [scene.archive() for _ in range(3)]

    def arrive(archive: Archive, first: int) -> None:
        for number in range(first, first + 15):
            store(archive, number, "A")

    threads = [
        threading.Thread(target=arrive, args=(archives[0], 1)),
        threading.Thread(target=arrive, args=(archives[1], 101)),
        threading.Thread(target=lambda: archives[2].patients.merge(A, B, **BY)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert patients(archives[0]) == ["B Name^A"]
    found = archives[0].patients.find(A)
    assert found is not None
    assert found.instances == 30
    assert list(verify(archives[0])) == []
