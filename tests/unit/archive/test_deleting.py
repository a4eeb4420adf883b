"""Deleting: gone everywhere or not at all, never back, and put down who did it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from pacs_framework.archive import leftovers, object_removal
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import ChangeKind
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.deletions import Target
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.marks import Subject
from pacs_framework.archive.recovery import recover
from pacs_framework.archive.reindex import reindex
from pacs_framework.archive.verify import verify
from pacs_framework.errors import (
    DeletionRefused,
    DuplicateInstance,
    InstanceProtected,
    NothingToDelete,
    ObjectNotFound,
    StorageError,
)
from pacs_framework.index import schema
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

WHO = {"by": "tester", "reason": "because"}
STUDY = Target(study="1.2.3")


def put(archive: Archive, number: int, *, content: int = 0, **attributes: object) -> None:
    image = mr_image(number, pixels=b"%06d" % content, **attributes)
    send(archive, encoded(image), announced(number))


def rows(database: Database) -> dict[str, int]:
    """How many there are of each entity."""
    with database.reading() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in (schema.patient, schema.study, schema.series, schema.instance)
        }


def deleted(database: Database) -> list[str]:
    found = ChangeReader(database).after(0, 1000)
    return [each.sop_instance_uid for each in found if each.kind is ChangeKind.DELETED]


def undelivered(archive: Archive) -> set[str]:
    found = archive.deleting.candidates()
    return {each.study_instance_uid for each in found if not each.delivered}


@pytest.fixture
def filled(archive: Archive) -> Archive:
    """Two studies of one patient, one of them with two series, and one of another."""
    put(archive, 1)
    put(archive, 2)
    put(archive, 3, SeriesInstanceUID="1.2.3.5")
    put(archive, 4, StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.1")
    put(archive, 5, PatientID="P2", StudyInstanceUID="1.2.8", SeriesInstanceUID="1.2.8.1")
    return archive


@pytest.mark.parametrize(
    ("target", "gone", "left"),
    [
        (Target(instance="1.2.3.4.1"), [1], (2, 3, 4, 4)),
        (Target(series="1.2.3.5"), [3], (2, 3, 3, 4)),
        (Target(study="1.2.3", series="1.2.3.4"), [1, 2], (2, 3, 3, 3)),
        (STUDY, [1, 2, 3], (2, 2, 2, 2)),
        (Target(patient=PatientKey(patient_id="P1")), [1, 2, 3, 4], (1, 1, 1, 1)),
    ],
)
def test_what_is_named_goes_with_parents_that_it_leaves_empty(
    scene: Scene, filled: Archive, target: Target, gone: list[int], left: tuple[int, ...]
) -> None:
    """Objects too, and every instance has a change of its own, in the order they came in."""
    doomed = filled.deleting.look(target)
    done = filled.deleting.delete(target, **WHO, origin=Origin(door="cli"))
    assert doomed is not None
    assert (doomed.instances, doomed.size) == (done.instances, done.size)
    assert done.instances == len(gone)
    assert done.left == 0
    assert tuple(rows(scene.database).values()) == left
    assert deleted(scene.database) == [f"1.2.3.4.{number}" for number in gone]
    assert len(scene.storage.objects) == 5 - len(gone)
    assert filled.lookup.obsolete() == []
    assert list(verify(filled)) == []


def test_a_deletion_is_kept_with_who_and_why_and_told_without_patient_data(
    filled: Archive,
) -> None:
    """The table has the patient; the audit line has counts and UIDs."""
    with capture_logs() as logs:
        filled.deleting.delete(Target(patient=PatientKey(patient_id="P1")), **WHO)
    (kept,) = filled.deleting.history(10)
    assert (kept.by, kept.reason, kept.studies, kept.instances) == ("tester", "because", 2, 4)
    assert kept.target.patient == PatientKey(patient_id="P1")
    (line,) = [each for each in logs if each["event"] == "instances were deleted"]
    assert (line["number"], line["by"], line["instances"]) == (kept.number, "tester", 4)
    assert "P1" not in str(line)


@pytest.mark.parametrize(
    "target",
    [
        Target(study="1.2.77"),
        Target(study="1.2.9", series="1.2.3.4"),
        Target(instance="1.2.3.4.1", version="of another one"),
        Target(patient=PatientKey(patient_id="nobody")),
    ],
)
def test_what_is_not_there_is_told_so(filled: Archive, target: Target) -> None:
    """Also a series of another study, and an instance that was replaced meanwhile."""
    assert filled.deleting.look(target) is None
    with pytest.raises(NothingToDelete):
        filled.deleting.delete(target, **WHO)
    assert filled.lookup.count() == 5


def test_a_target_names_something() -> None:
    """Nothing at all would mean everything."""
    for wrong in ({}, {"version": "1"}, {"study": "a study"}, {"study": "1", "version": "1"}):
        with pytest.raises(ValueError, match=r"delete|version|UID"):
            Target(**wrong)


@pytest.mark.parametrize(
    "subject", [Subject(study="1.2.3"), Subject(patient=PatientKey(patient_id="P1"))]
)
def test_nothing_of_what_is_protected_goes(filled: Archive, subject: Subject) -> None:
    """Not a single instance of it, and nothing else of the same deletion."""
    filled.marks.protect(subject, **WHO)
    for target in (
        Target(instance="1.2.3.4.1"),
        STUDY,
        Target(patient=PatientKey(patient_id="P1")),
    ):
        doomed = filled.deleting.look(target)
        assert doomed is not None
        assert doomed.protected
        with pytest.raises(InstanceProtected, match="pacs protect remove"):
            filled.deleting.delete(target, **WHO)
    assert filled.lookup.count() == 5
    assert filled.marks.unprotect(subject, by="tester")
    filled.deleting.delete(STUDY, **WHO)


@pytest.mark.parametrize(
    "subject", [Subject(study="1.2.3"), Subject(patient=PatientKey(patient_id="P1"))]
)
def test_nothing_of_what_is_protected_is_replaced(scene: Scene, subject: Subject) -> None:
    """Its sender keeps what is refused; a new instance of the study comes in, as ever."""
    archive = scene.archive(DuplicatePolicy.REPLACE)
    put(archive, 1)
    archive.marks.protect(subject, **WHO)
    with pytest.raises(DuplicateInstance, match="pacs protect list"):
        put(archive, 1, content=1)
    with pytest.raises(DuplicateInstance, match="pacs protect list"):
        put(archive, 1, PatientID="P2", StudyInstanceUID="1.2.8", SeriesInstanceUID="1.2.8.1")
    put(archive, 1)
    put(archive, 2)
    assert len(scene.storage.objects) == archive.lookup.count() == 2
    archive.marks.unprotect(subject, by="tester")
    put(archive, 1, content=1)
    assert archive.lookup.count() == 2
    assert list(verify(archive)) == []


def test_what_was_merged_into_or_with_a_protected_patient_is_not_replaced(scene: Scene) -> None:
    """Protected by whatever key, for as long as they are one."""
    archive = scene.archive(DuplicatePolicy.REPLACE)
    one, two, three = (PatientKey(patient_id=name) for name in ("P1", "P2", "P3"))
    put(archive, 1)
    put(archive, 2, PatientID="P2", StudyInstanceUID="1.2.8", SeriesInstanceUID="1.2.8.1")
    put(archive, 3, PatientID="P3", StudyInstanceUID="1.2.9", SeriesInstanceUID="1.2.9.1")
    archive.marks.protect(Subject(patient=three), **WHO)
    archive.patients.merge(three, two, **WHO)
    archive.patients.merge(two, one, **WHO)
    with pytest.raises(DuplicateInstance):
        put(archive, 1, content=1)
    archive.patients.unmerge(two, **WHO)
    put(archive, 1, content=1)
    with pytest.raises(DuplicateInstance):
        put(
            archive,
            2,
            content=1,
            PatientID="P2",
            StudyInstanceUID="1.2.8",
            SeriesInstanceUID="1.2.8.1",
        )


def test_a_protected_patient_is_protected_after_a_merge(filled: Archive) -> None:
    """By either key, for as long as they are one."""
    one, other = PatientKey(patient_id="P1"), PatientKey(patient_id="P2")
    filled.marks.protect(Subject(patient=other), **WHO)
    filled.deleting.delete(Target(instance="1.2.3.4.1"), **WHO)
    filled.patients.merge(other, one, **WHO)
    with pytest.raises(InstanceProtected):
        filled.deleting.delete(Target(instance="1.2.3.4.2"), **WHO)
    assert not filled.marks.protect(Subject(patient=one), **WHO)
    filled.patients.unmerge(other, **WHO)
    filled.deleting.delete(Target(instance="1.2.3.4.2"), **WHO)
    with pytest.raises(InstanceProtected):
        filled.deleting.delete(Target(patient=other), **WHO)


def test_a_merged_patient_is_deleted_by_any_of_the_keys(scene: Scene, filled: Archive) -> None:
    """And the correction stays: what comes later under the old key is filed under the new one."""
    filled.patients.merge(PatientKey(patient_id="P2"), PatientKey(patient_id="P1"), **WHO)
    done = filled.deleting.delete(Target(patient=PatientKey(patient_id="P2")), **WHO)
    assert done.instances == 5
    put(filled, 5, PatientID="P2", StudyInstanceUID="1.2.8", SeriesInstanceUID="1.2.8.1")
    facts = filled.lookup.instance("1.2.3.4.5")
    assert facts is not None
    assert facts.patient_id == "P1"
    assert list(verify(filled)) == []


def test_what_was_deleted_can_be_stored_again(scene: Scene, filled: Archive) -> None:
    """By a process that remembers its series, too: it finds out that they are gone."""
    filled.deleting.delete(Target(patient=PatientKey(patient_id="P1")), **WHO)
    put(filled, 1)
    assert filled.lookup.count() == 2
    assert [c.kind for c in ChangeReader(scene.database).after(0, 99)][-1] is ChangeKind.STORED
    assert list(verify(filled)) == []


def test_only_what_every_consumer_has_seen_goes_if_asked_so(scene: Scene, filled: Archive) -> None:
    """A study while a consumer is behind, an instance as soon as that one is through."""
    reader = ChangeReader(scene.database)
    filled.deleting.delete(Target(study="1.2.9"), **WHO, delivered_only=True)
    reader.register("slow")
    put(filled, 6)
    assert undelivered(filled) == {"1.2.3"}
    with pytest.raises(DeletionRefused, match="the consumer 'slow'"):
        filled.deleting.delete(STUDY, **WHO, delivered_only=True)
    filled.deleting.delete(Target(instance="1.2.3.4.1"), **WHO, delivered_only=True)
    filled.deleting.delete(Target(study="1.2.8"), **WHO, delivered_only=True)
    filled.deleting.consumers = {"another"}
    assert undelivered(filled) == set()
    filled.deleting.consumers = {"slow"}
    assert undelivered(filled) == {"1.2.3"}
    reader.advance("slow", reader.last())
    assert undelivered(filled) == set()
    filled.deleting.delete(STUDY, **WHO, delivered_only=True)


def test_what_has_just_come_in_stays_if_asked_so(filled: Archive) -> None:
    """A rule that judged the study before must not take what it has not seen."""
    judged = dt.datetime.now(dt.UTC)
    put(filled, 6)
    with pytest.raises(DeletionRefused, match="just come in"):
        filled.deleting.delete(STUDY, **WHO, idle_since=judged)
    filled.deleting.delete(STUDY, **WHO, idle_since=dt.datetime.now(dt.UTC))


def test_candidates_tell_all_that_a_rule_may_ask_for(filled: Archive) -> None:
    """What is said of a patient counts for each study; sources are there if they are wanted."""
    put(filled, 7, SeriesInstanceUID="1.2.3.7", Modality="CT")
    filled.marks.label(Subject(patient=PatientKey(patient_id="P1")), "vip", by="tester")
    filled.marks.label(Subject(study="1.2.3"), "research", by="tester")
    filled.marks.protect(Subject(patient=PatientKey(patient_id="P2")), **WHO)
    found = {
        each.study_instance_uid: each for each in filled.deleting.candidates(with_sources=True)
    }
    one = found["1.2.3"]
    assert (one.patient.patient_id, one.study_date, one.instances) == ("P1", "20260102", 4)
    assert (one.modalities, one.sources) == ({"CT", "MR"}, {"MODALITY"})
    assert (one.labels, one.protected) == ({"vip", "research"}, False)
    assert one.first < one.last
    assert (found["1.2.9"].labels, found["1.2.8"].protected) == ({"vip"}, True)
    assert sum(each.size for each in found.values()) == sum(
        facts.size for facts in filled.lookup.instances()
    )
    assert {each.sources for each in filled.deleting.candidates()} == {frozenset()}


def test_sources_are_those_of_all_that_came_in_however_often_they_are_asked_for(
    scene: Scene, filled: Archive
) -> None:
    """A process that asked before reads on from there, and tells what one tells that has not."""

    def sources(archive: Archive) -> dict[str, frozenset[str]]:
        found = archive.deleting.candidates(with_sources=True)
        return {each.study_instance_uid: each.sources for each in found}

    assert sources(filled)["1.2.3"] == {"MODALITY"}
    with filled.receive(Origin(door="dimse", calling_aet="CT2"), announced(7)) as reception:
        reception.write(encoded(mr_image(7)))
        reception.commit()
    assert sources(filled)["1.2.3"] == {"MODALITY", "CT2"}
    assert sources(filled) == sources(filled) == sources(scene.archive())


# --- what a crash leaves --------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def kill_at_delete(scene: Scene, archive: Archive, after: int) -> None:
    """End in the middle of removing the objects, after some of them; the lock of the process goes
    with it.
    """
    steps = threading.Semaphore(after)

    def before(step: str) -> None:
        if step == "delete" and not steps.acquire(blocking=False):
            raise Killed

    scene.storage.before = before
    with pytest.raises(Killed):
        archive.deleting.delete(STUDY, **WHO)
    scene.storage.before = lambda _step: None
    scene.close(archive)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_start_finishes_what_a_killed_process_began(
    scene: Scene, filled: Archive, after: int
) -> None:
    """Nothing of it is taken in again, and verification is clean before and after."""
    kill_at_delete(scene, filled, after)
    again = scene.archive()
    assert list(verify(again)) == []
    recovered = recover(again)
    assert recovered.taken_in == 0
    assert again.lookup.count() == len(scene.storage.objects) == 2
    assert again.lookup.obsolete() == []
    assert recover(again).replaced == 0


def test_a_journal_that_names_a_deleted_object_does_not_bring_it_back(
    scene: Scene, filled: Archive
) -> None:
    """The process that stored it was killed as well, before its journal was cleaned up."""
    journal = filled._journal  # as a kill leaves it
    for key in scene.storage.objects:
        journal.mark(key, Origin(door="dimse"))
    kill_at_delete(scene, filled, 0)
    again = scene.archive()
    assert recover(again).taken_in == 0
    assert again.lookup.count() == len(scene.storage.objects) == 2


def test_an_index_that_is_made_anew_does_not_bring_anything_back(
    scene: Scene, filled: Archive, pacs_index_url: str, tmp_path: Path
) -> None:
    """Though the objects are still there; who deleted and what is protected is known as before."""
    filled.marks.protect(Subject(study="1.2.8"), **WHO)
    filled.marks.label(Subject(study="1.2.9"), "teaching", by="tester")
    kill_at_delete(scene, filled, 0)
    scene.database.close()
    assert list(reindex(pacs_index_url, scene.storage, scene.data)) == []
    scene.database = open_database(pacs_index_url)
    again = scene.archive()
    assert again.lookup.count() == 2
    assert len(scene.storage.objects) == 5
    assert list(verify(again)) == []
    assert [each.instances for each in again.deleting.history(10)] == [3]
    assert [each.subject.study for each in again.marks.protections()] == ["1.2.8"]
    assert [each.name for each in again.marks.labels()] == ["teaching"]
    recover(again)
    assert len(scene.storage.objects) == 2
    scene.end()
    scene.database.close()


def away(step: str) -> None:
    if step == "delete":
        raise StorageError("the store is away")


def test_objects_that_cannot_be_removed_are_left_to_the_next_start(
    scene: Scene, filled: Archive
) -> None:
    """The instances are gone all the same; nobody is told that all of it was done."""
    scene.storage.before = away
    done = filled.deleting.delete(STUDY, **WHO)
    assert (done.instances, done.left) == (3, 3)
    assert filled.lookup.count() == 2
    assert filled.deleting.finish() == (0, 3)
    scene.storage.before = lambda _step: None
    assert filled.deleting.finish() == (3, 0)
    assert len(scene.storage.objects) == 2


def test_a_store_that_hangs_is_not_waited_for_object_by_object(
    scene: Scene, filled: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nothing could be removed for a while, no more is tried; all of it is left."""
    monkeypatch.setattr(object_removal, "_PATIENCE", 0.0)
    monkeypatch.setattr(object_removal, "_THREADS", 1)
    tried: list[str] = []

    def hang(step: str) -> None:
        tried.append(step)
        time.sleep(0.01)
        away(step)

    scene.storage.before = hang
    assert filled.deleting.delete(Target(patient=PatientKey(patient_id="P1")), **WHO).left == 4
    assert tried == ["delete"]
    scene.storage.before = lambda _step: None
    assert filled.lookup.count() == 1


def test_objects_that_the_store_refuses_do_not_keep_others(scene: Scene, filled: Archive) -> None:
    """A lock of the bucket, for example."""
    refused = [True, True, False, False]

    def refuse(step: str) -> None:
        if step == "delete" and refused.pop(0):
            raise StorageError("locked")

    scene.storage.before = refuse
    assert filled.deleting.delete(Target(patient=PatientKey(patient_id="P1")), **WHO).left == 2
    assert len(scene.storage.objects) == 1 + 2
    assert len(filled.lookup.obsolete()) == 2


def test_objects_that_are_left_go_when_the_store_is_back(
    scene: Scene, filled: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a start: the process tries again, and its thread ends when nothing is left."""
    monkeypatch.setattr(leftovers, "_FIRST_PAUSE", 0.01)
    tried = threading.Semaphore(0)

    def away_for_a_while(step: str) -> None:
        tried.release()
        away(step)

    scene.storage.before = away_for_a_while
    assert filled.deleting.delete(STUDY, **WHO).left == 3
    for _ in range(3 + 3):  # of the deletion itself, and of the first try after it
        assert tried.acquire(timeout=60)
    scene.storage.before = lambda _step: None
    thread = filled.deleting._leftovers._thread
    assert thread is not None
    thread.join(60)
    assert len(scene.storage.objects) == 2
    assert filled.lookup.obsolete() == []
    assert list(verify(filled)) == []


def test_a_replaced_object_that_is_left_goes_when_the_store_is_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its successor is stored all the same."""
    monkeypatch.setattr(leftovers, "_FIRST_PAUSE", 0.01)
    archive = scene.archive(DuplicatePolicy.REPLACE)
    put(archive, 1)
    scene.storage.before = away
    put(archive, 1, content=1)
    thread = archive.deleting._leftovers._thread
    assert thread is not None
    assert len(scene.storage.objects) == 2
    scene.storage.before = lambda _step: None
    thread.join(60)
    assert len(scene.storage.objects) == 1
    assert list(verify(archive)) == []


def test_an_archive_closes_while_objects_are_left(scene: Scene, filled: Archive) -> None:
    """It does not wait for the next try; the next start removes them."""
    scene.storage.before = away
    assert filled.deleting.delete(STUDY, **WHO).left == 3
    scene.close(filled)
    assert filled.deleting._leftovers._thread is not None
    assert not filled.deleting._leftovers._thread.is_alive()
    scene.storage.before = lambda _step: None
    assert recover(scene.archive()).replaced == 3


def test_an_object_that_the_index_names_is_never_removed(scene: Scene, filled: Archive) -> None:
    """Whatever the notes say."""
    facts = filled.lookup.instance("1.2.3.4.1")
    assert facts is not None
    with scene.database.writing() as connection:
        connection.execute(sa.insert(schema.obsolete).values(storage_key=facts.storage_key))
    assert filled.deleting.finish() == (0, 1)
    assert list(verify(filled)) == []


# --- beside others --------------------------------------------------------------------------------


def test_who_has_an_instance_open_reads_it_to_its_end(filled: Archive) -> None:
    """And who comes later is told that it is gone."""
    opened = filled.open("1.2.3.4.1")
    filled.deleting.delete(STUDY, **WHO)
    with opened.dataset as source:
        assert len(source.read()) == opened.facts.size - opened.facts.dataset_offset
    with pytest.raises(ObjectNotFound):
        filled.open("1.2.3.4.1")
