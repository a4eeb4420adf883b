"""The index held against the storage, and made anew from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.reindex import reindex
from pacs_framework.archive.verify import FindingKind, verify
from pacs_framework.errors import ConfigurationError, StorageError
from pacs_framework.index import schema
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene


def kinds(archive: Archive) -> list[FindingKind]:
    return [finding.kind for finding in verify(archive)]


def change_object(scene: Scene, change: Callable[[bytes], bytes]) -> None:
    (key,) = scene.storage.objects
    data, committed = scene.storage.objects[key]
    scene.storage.objects[key] = (change(data), committed)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data[:-1] + b"\0", [FindingKind.DATASET_DIGEST]),
        (lambda data: data + b"\0", [FindingKind.SIZE, FindingKind.DATASET_DIGEST]),
        (lambda data: data[:-2], [FindingKind.SIZE, FindingKind.DATASET_DIGEST]),
        (lambda data: b"x" + data[1:], [FindingKind.PREFIX_DIGEST]),
        (lambda _: b"", [FindingKind.UNREADABLE]),
        (lambda _: b"garbage" * 1000, [FindingKind.UNREADABLE]),
    ],
)
def test_a_changed_object_is_found(
    scene: Scene,
    archive: Archive,
    change: Callable[[bytes], bytes],
    expected: list[FindingKind],
) -> None:
    """A single bit is enough."""
    send(archive, encoded(mr_image()))
    assert kinds(archive) == []
    change_object(scene, change)
    assert kinds(archive) == expected


def test_a_missing_object_and_an_orphan_are_named(scene: Scene, archive: Archive) -> None:
    send(archive, encoded(mr_image()))
    (key,) = scene.storage.objects
    scene.storage.objects["stray/1"] = scene.storage.objects.pop(key)
    missing, orphan = verify(archive)
    assert (missing.kind, missing.storage_key) == (FindingKind.MISSING, key)
    assert missing.sop_instance_uid == "1.2.3.4.1"
    assert (orphan.kind, orphan.storage_key) == (FindingKind.ORPHAN, "stray/1")


def test_an_object_that_cannot_be_read_is_named_with_the_cause(
    scene: Scene, archive: Archive
) -> None:
    send(archive, encoded(mr_image()))

    def fail(step: str) -> None:
        if step == "open":
            raise StorageError("cannot read: Input/output error")

    scene.storage.before = fail
    (finding,) = verify(archive)
    assert finding.kind is FindingKind.UNREADABLE
    assert "Input/output error" in finding.detail


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (schema.patient, "patient_id"),
        (schema.study, "study_instance_uid"),
        (schema.series, "series_instance_uid"),
        (schema.instance, "sop_class_uid"),
    ],
)
def test_a_row_that_is_not_the_headers_is_found(
    scene: Scene, archive: Archive, table: sa.Table, column: str
) -> None:
    """Told by the name of the attribute, without its value."""
    send(archive, encoded(mr_image()))
    with scene.database.writing() as connection:
        connection.execute(sa.update(table).values({column: "9.9.9"}))
    (finding,) = verify(archive)
    assert finding.kind is FindingKind.IDENTITY
    assert "P1" not in finding.detail


def test_an_instance_that_is_replaced_while_it_is_looked_at_is_no_finding(scene: Scene) -> None:
    """Verification runs beside a living archive."""
    archive = scene.archive(DuplicatePolicy.REPLACE)
    send(archive, encoded(mr_image()))

    def replace_first(step: str) -> None:
        if step == "open":
            scene.storage.before = lambda _: None
            send(archive, encoded(mr_image(PatientName="Other")))

    scene.storage.before = replace_first
    assert kinds(archive) == []


def test_progress_is_told_from_the_first_to_the_last(scene: Scene, archive: Archive) -> None:
    for number in range(1, 4):
        send(archive, encoded(mr_image(number)), announced(number))
    told: list[tuple[int, int]] = []
    list(verify(archive, lambda done, total: told.append((done, total))))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def contents(database: Database) -> list[Any]:
    """The index without its row ids."""
    tables = schema.instance.join(schema.series).join(schema.study).join(schema.patient)
    columns = [
        column
        for table in (schema.patient, schema.study, schema.series, schema.instance)
        for column in table.c
        if column.name != "id" and not column.name.endswith("_fk")
    ]
    statement = sa.select(*columns).select_from(tables).order_by(schema.instance.c.version)
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def fill(archive: Archive) -> None:
    """Some patients, with values that are filled in later and instances that are replaced."""
    for number in range(1, 40):
        patient, study = number % 3, number % 5
        image = mr_image(
            number,
            PatientID=f"P{patient}",
            PatientName=f"Name {number}" if number > 6 else "",
            StudyInstanceUID=f"1.{patient}.{study}",
            SeriesInstanceUID=f"1.{patient}.{study}.{number % 7}",
            StudyTime=f"{number % 24:02}" if number > 9 else "",
            pixels=b"\1\2" * number * 200,
        )
        send(archive, encoded(image), announced(number))


def run_reindex(scene: Scene, url: str, **options: Any) -> list[Any]:
    scene.end()
    return list(reindex(url, scene.storage, scene.data, **options))


def test_reindex_gives_the_index_that_was(scene: Scene, pacs_index_url: str) -> None:
    """From the objects alone: every column of every row, and the change feed as it was."""
    archive = scene.archive(DuplicatePolicy.REPLACE)
    fill(archive)
    send(archive, encoded(mr_image(5, PatientID="P2", PatientName="Last")), announced(5))
    before = contents(scene.database)
    changes = ChangeReader(scene.database).after(0, 1000)
    ChangeReader(scene.database).register("consumer")
    scene.database.close()
    told: list[tuple[int, int]] = []

    found = run_reindex(scene, pacs_index_url, progress=lambda *now: told.append(now))

    assert found == []
    assert told == [(done, 39) for done in range(40)]
    again = open_database(pacs_index_url)
    assert contents(again) == before
    assert ChangeReader(again).after(0, 1000) == changes
    assert ChangeReader(again).cursor("consumer") == changes[-1].sequence
    scene.database = again
    archive = scene.archive()
    assert kinds(archive) == []
    send(archive, encoded(mr_image(99)), announced(99))
    assert ChangeReader(again).last() == changes[-1].sequence + 1
    scene.end()
    again.close()


def test_reindex_names_what_it_could_not_read(scene: Scene, pacs_index_url: str) -> None:
    """And indexes the rest."""
    archive = scene.archive()
    fill(archive)
    broken = next(iter(scene.storage.objects))
    data, committed = scene.storage.objects[broken]
    scene.storage.objects[broken] = (data[:200], committed)
    scene.storage.objects["stray"] = (data, committed)
    found = run_reindex(scene, pacs_index_url)
    assert sorted((f.kind, f.storage_key) for f in found) == sorted(
        [(FindingKind.UNREADABLE, broken), (FindingKind.UNREADABLE, "stray")]
    )
    again = open_database(pacs_index_url)
    assert len(contents(again)) == 38
    again.close()


@pytest.mark.parametrize("policy", [DuplicatePolicy.IGNORE, DuplicatePolicy.REPLACE])
def test_of_two_objects_with_one_uid_the_policy_chooses(
    scene: Scene, pacs_index_url: str, policy: DuplicatePolicy
) -> None:
    """The first where a second is ignored, the last where it replaces; the other is named."""
    archive = scene.archive()
    send(archive, encoded(mr_image(PatientName="first")))
    first = dict(scene.storage.objects)
    scene.storage.objects.clear()
    scene.close(archive)
    other = Scene(scene.database, scene.data, scene.storage)
    with scene.database.writing() as connection:
        for table in (schema.instance, schema.series, schema.study, schema.patient):
            connection.execute(sa.delete(table))
    send(other.archive(), encoded(mr_image(PatientName="second")))
    other.end()
    second = next(iter(scene.storage.objects))
    scene.storage.objects.update(first)
    (finding,) = run_reindex(scene, pacs_index_url, duplicates=policy)
    loser = second if policy is DuplicatePolicy.IGNORE else next(iter(first))
    assert (finding.kind, finding.storage_key) == (FindingKind.ORPHAN, loser)
    reopened = open_database(pacs_index_url)
    with reopened.reading() as connection:
        name = connection.scalar(sa.select(schema.patient.c.patient_name))
    reopened.close()
    assert name == ("first" if policy is DuplicatePolicy.IGNORE else "second")


def test_reindex_that_fails_leaves_the_old_index(scene: Scene, pacs_index_url: str) -> None:
    archive = scene.archive()
    fill(archive)
    before = contents(scene.database)

    def broken() -> Any:
        raise StorageError("the storage is away")

    scene.storage.list = broken  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        run_reindex(scene, pacs_index_url)
    assert contents(scene.database) == before


def test_reindex_is_refused_while_an_archive_runs(scene: Scene, pacs_index_url: str) -> None:
    scene.archive()
    with pytest.raises(ConfigurationError, match="an archive is running on"):
        list(reindex(pacs_index_url, scene.storage, scene.data))


def test_an_index_that_is_destroyed_is_made_anew(tmp_path: Path) -> None:
    """Garbage in place of the database, or nothing at all: the storage is enough."""
    url = f"sqlite:///{tmp_path / 'index.db'}"
    database = open_database(url)
    scene = Scene(database, tmp_path / "data")
    fill(scene.archive())
    before = contents(database)
    scene.end()
    database.close()
    for destroy in (lambda path: path.write_bytes(b"garbage" * 999), Path.unlink):
        destroy(tmp_path / "index.db")
        assert list(reindex(url, scene.storage, scene.data)) == []
        database = open_database(url)
        assert contents(database) == before
        database.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "index.db", "index.db.lock"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_rebuild_that_broke_off_reads_only_the_rest(
    scene: Scene, archive: Archive, pacs_index_url: str, jobs: int
) -> None:
    """And makes the same index as one that did not."""
    for number in range(1, 21):
        send(archive, encoded(mr_image(number)), announced(number))
    scene.close(archive)

    def instances() -> list[tuple[object, ...]]:
        with scene.database.reading() as connection:
            rows = connection.execute(sa.select(schema.instance).order_by(schema.instance.c.id))
            return [tuple(row)[2:] for row in rows]

    before = instances()
    opened: list[str] = []
    done = 0

    def die_at_the_tenth(number: int, _total: int) -> None:
        nonlocal done
        done = number
        if number == 10:
            raise KeyboardInterrupt

    def count(step: str) -> None:
        if step == "open":
            opened.append(step)

    with pytest.raises(KeyboardInterrupt):
        list(
            reindex(pacs_index_url, scene.storage, scene.data, jobs=jobs, progress=die_at_the_tenth)
        )
    assert instances() == before
    scene.storage.before = count
    assert list(reindex(pacs_index_url, scene.storage, scene.data, jobs=jobs)) == []
    assert len(opened) <= 2 * (20 - done)  # the head of each object, then all of it
    assert instances() == before
    opened.clear()
    assert list(reindex(pacs_index_url, scene.storage, scene.data)) == []
    assert len(opened) == 2 * 20  # what was kept is gone with the success


def test_what_another_version_read_is_read_again(
    scene: Scene, archive: Archive, pacs_index_url: str
) -> None:
    """It may have taken other attributes."""
    send(archive, encoded(mr_image()))
    scene.close(archive)
    (scene.data / "reindex.jsonl").write_text('{"software": "0.0.1", "attributes": []}\n{"x": 1}\n')
    assert list(reindex(pacs_index_url, scene.storage, scene.data)) == []
