"""Threads that store, replace, delete and protect: the archive is what a model says."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import ChangeKind
from pacs_framework.archive.deletions import Target
from pacs_framework.archive.marks import Subject
from pacs_framework.archive.verify import verify
from pacs_framework.errors import ConfigurationError, InstanceProtected, NothingToDelete
from pacs_framework.index import schema
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

THREADS = 4
STEPS = 60  # of each thread
WHO = {"by": "test", "reason": "test"}


@dataclass
class Model:
    """What one thread has in the archive: the content of its instances, by study and number.

    Studies, series and patients are shared by all, so that one's last instance is not the last one;
    each instance belongs to one thread, which alone stores and deletes it.
    """

    thread: int
    stored: dict[str, bytes] = field(default_factory=dict)


def uid_of(study: int, thread: int, number: int) -> str:
    return f"1.2.{study}.{thread}.{number}"


def carry_out(archive: Archive, model: Model, choose: random.Random) -> None:
    study, number = choose.randrange(3), choose.randrange(4)
    uid = uid_of(study, model.thread, number)
    if choose.random() < 0.6:
        content = choose.randbytes(20)
        image = mr_image(
            SOPInstanceUID=uid,
            PatientID=f"P{study % 2}",
            StudyInstanceUID=f"1.2.{study}",
            SeriesInstanceUID=f"1.2.{study}.{number % 2}",
            pixels=content,
        )
        send(archive, encoded(image), announced(sop_instance_uid=uid))
        model.stored[uid] = content
        return
    try:
        archive.deleting.delete(Target(study=f"1.2.{study}", instance=uid), **WHO)
    except NothingToDelete:
        assert uid not in model.stored
    else:
        del model.stored[uid]


def held(archive: Archive) -> dict[str, bytes]:
    found = {}
    for facts in archive.lookup.instances():
        with archive.open(facts.sop_instance_uid).dataset as source:
            found[facts.sop_instance_uid] = source.read()[-20:]
    return found


def check(database: Database, archive: Archive, models: list[Model]) -> None:
    expected = {uid: content for model in models for uid, content in model.stored.items()}
    assert held(archive) == expected
    assert list(verify(archive)) == []
    archive.deleting.finish()  # the notes of replaced objects wait for the next store
    assert archive.lookup.obsolete() == []
    assert sum(1 for _ in archive.storage.list()) == len(expected)
    assert told(database) == set(expected)
    assert parents(database) == parents_of(expected)


def told(database: Database) -> set[str]:
    """What is there by the change feed alone."""
    there: set[str] = set()
    for change in ChangeReader(database).after(0, 100_000):
        if change.kind is ChangeKind.DELETED:
            there.remove(change.sop_instance_uid)  # which was there
        else:
            there.add(change.sop_instance_uid)
    return there


def parents(database: Database) -> tuple[set[str], set[str], set[str]]:
    columns = (
        schema.patient.c.patient_id,
        schema.study.c.study_instance_uid,
        schema.series.c.series_instance_uid,
    )
    with database.reading() as connection:
        patient, study, series = (set(connection.scalars(sa.select(c))) for c in columns)
    return patient, study, series


def parents_of(uids: dict[str, bytes]) -> tuple[set[str], set[str], set[str]]:
    parts = [tuple(map(int, uid.split(".")[2:])) for uid in uids]
    return (
        {f"P{study % 2}" for study, _, _ in parts},
        {f"1.2.{study}" for study, _, _ in parts},
        {f"1.2.{study}.{number % 2}" for study, _, number in parts},
    )


@pytest.fixture
def archives(scene: Scene) -> Iterator[list[Archive]]:
    """Two on one index, as two workers have; each remembers parents that the other removes."""
    return [scene.archive(DuplicatePolicy.REPLACE) for _ in range(2)]


def in_threads(archives: list[Archive], models: list[Model], seed: int) -> None:
    failures: list[BaseException] = []

    def run(model: Model) -> None:
        choose = random.Random(seed * 100 + model.thread)
        try:
            for _ in range(STEPS):
                carry_out(choose.choice(archives), model, choose)
        except BaseException as error:  # noqa: BLE001 - whatever went wrong in the thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_stores_replacements_and_deletions_of_many_threads_add_up(
    scene: Scene, archives: list[Archive]
) -> None:
    """Index, objects, parents and change feed tell the same: what was acknowledged."""
    models = [Model(thread) for thread in range(THREADS)]
    in_threads(archives, models, seed=1)
    check(scene.database, archives[0], models)


def test_whole_studies_go_under_those_who_store_into_them(
    scene: Scene, archives: list[Archive]
) -> None:
    """A store is before, and goes, or after, and stays; the feed tells which."""
    stopping = threading.Event()

    def delete() -> None:
        choose = random.Random(7)
        while not stopping.is_set():
            try:
                archives[1].deleting.delete(Target(study=f"1.2.{choose.randrange(3)}"), **WHO)
            except NothingToDelete:
                continue

    deleting = threading.Thread(target=delete)
    deleting.start()
    for number in range(120):
        study = number % 3
        uid = uid_of(study, 0, number)
        image = mr_image(
            SOPInstanceUID=uid,
            PatientID=f"P{study % 2}",
            StudyInstanceUID=f"1.2.{study}",
            SeriesInstanceUID=f"1.2.{study}.{number % 2}",
        )
        send(archives[0], encoded(image), announced(sop_instance_uid=uid))
    stopping.set()
    deleting.join()
    there = held(archives[0])
    assert told(scene.database) == set(there)
    assert parents(scene.database) == parents_of(there)
    assert list(verify(archives[0])) == []
    assert len(scene.storage.objects) == len(there)


def test_what_was_protected_before_a_deletion_stays_and_nothing_goes_while_it_is(
    scene: Scene, archives: list[Archive]
) -> None:
    """Whoever protects and whoever deletes take turns: after `protect` returned, nothing goes."""
    subject = Subject(study="1.2.3")
    kept: list[bool] = []

    def protect() -> None:
        try:
            new = archives[1].marks.protect(subject, **WHO)
        except ConfigurationError:  # it was gone already
            return
        assert new
        kept.append(archives[1].lookup.count() == 1)

    for _ in range(20):
        send(archives[0], encoded(mr_image()))
        thread = threading.Thread(target=protect)
        thread.start()
        try:
            archives[0].deleting.delete(Target(study="1.2.3"), **WHO)
        except InstanceProtected:
            thread.join()
            assert archives[0].lookup.count() == 1
            archives[0].marks.unprotect(subject, by="test")
            archives[0].deleting.delete(Target(study="1.2.3"), **WHO)
        else:
            thread.join()
            archives[0].marks.unprotect(subject, by="test")
    assert all(kept)
