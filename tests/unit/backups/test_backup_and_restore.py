"""What is backed up comes back, whatever engine it came from and goes to."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from saved import A_NOTE, NOTE, PLACE, Clinic, Interrupted, Other, everything

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.incoming import Origin
from pacs_framework.backups import into_index, into_tables
from pacs_framework.backups.folder import BackupFolder
from pacs_framework.backups.making import Backup
from pacs_framework.backups.unfinished import refuse_unfinished
from pacs_framework.errors import BackupError
from pacs_framework.index import schema
from pacs_framework.index.database import open_database
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send

SQLITE, POSTGRESQL = "sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)


@pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL])
def test_a_backup_goes_to_either_engine(
    clinic: Clinic, engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every row of the index, with corrections and the change feed, and the tables of plugins."""
    clinic.store(1, 2, 3)
    clinic.store(
        4, SpecificCharacterSet="ISO_IR 192", PatientID="Ä^☃", PatientName="Ä=Ü", StudyID="\\"
    )
    clinic.archive.patients.update(
        PatientKey(patient_id="P1"),
        {"PatientName": "Roe^Jane"},
        origin=Origin(door="cli"),
        by="me",
        reason="typing error",
    )
    clinic.note()
    clinic.note(read=False, at=None, facts=None)
    made = clinic.back_up()
    assert (made.snapshot.objects, made.copied, made.findings) == (4, 4, [])

    url = f"sqlite:///{tmp_path / 'another' / 'index.sqlite'}"
    if engine == "postgresql":
        url = request.getfixturevalue("pacs_postgres").new_database()
    other = Other(url=url, data=tmp_path / "another")
    restored = other.restore(clinic)
    assert (restored.instances, restored.findings, restored.complete) == (4, [], True)
    with closing(open_database(url)) as database:
        assert everything(database) == everything(clinic.database)
    assert other.notes() == [
        {"id": 1, **A_NOTE},
        {"id": 2, **A_NOTE, "read": False, "at": None, "facts": None},
    ]
    assert other.findings() == []


def test_what_tells_of_the_storage_does_not_go_into_another(clinic: Clinic, other: Other) -> None:
    """It may be known already that the other one is there: it has been looked at."""
    clinic.store(1)
    clinic.note()
    clinic.place("the old one")
    clinic.back_up()
    with other.opened() as archive, archive.tables("notes").begin() as connection:
        connection.execute(sa.insert(PLACE).values(name="the new one"))
    assert other.restore(clinic).complete
    assert "the old one" not in other.places()
    assert len(other.notes()) == 1


def test_what_tells_of_the_storage_comes_along_where_the_objects_stay(
    clinic: Clinic, other: Other
) -> None:
    """The storage is looked at after that, and only then."""
    clinic.store(1)
    clinic.place("the old one")
    clinic.saved = None
    clinic.back_up()
    other.storage = clinic.storage
    assert other.restore(clinic).complete
    assert other.places() == ["the old one"]


def test_a_restored_archive_counts_on(clinic: Clinic, other: Other) -> None:
    """New rows get numbers that no old one has."""
    clinic.store(1, 2)
    clinic.note()
    clinic.back_up()
    other.restore(clinic)
    with other.opened() as archive:
        ds = mr_image(7, PatientID="P7", StudyInstanceUID="1.7", SeriesInstanceUID="1.7.1")
        assert send(archive, encoded(ds), announced(7)).status == 0
        with archive.tables("notes").begin() as connection:
            connection.execute(sa.insert(NOTE).values(A_NOTE))
    assert [note["id"] for note in other.notes()] == [1, 2]
    assert len(other.rows(schema.instance)) == 3
    assert len(other.rows(schema.change)) == 3


def test_what_is_replaced_during_a_backup_is_in_it_as_it_is_now(
    clinic: Clinic, other: Other
) -> None:
    """Not missing: it was acknowledged before the backup began."""
    clinic.store(1, 2)

    def replace_first(step: str) -> None:
        if step == "open":
            clinic.storage.before = lambda _: None
            clinic.store(1, 2, PatientName="Other")

    clinic.storage.before = replace_first
    made = clinic.back_up(jobs=1)
    assert (made.findings, made.snapshot.gone) == ([], [])
    assert other.restore(clinic).instances == 2
    versions = {clinic.storage.version_of(key) for key in clinic.storage.objects}
    assert {other.storage.version_of(key) for key in other.storage.objects} == versions
    assert other.findings() == []


def test_what_goes_again_and_again_is_left_out(
    clinic: Clinic, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that deletes all the time is backed up all the same, without empty studies."""
    clinic.store(1, 2)
    clinic.store(9, StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1", PatientID="P9")
    (key,) = (key for key in clinic.storage.objects if key.startswith("1.2.3.4.9/"))
    del clinic.storage.objects[key]
    monkeypatch.setattr(Clinic, "archive", clinic.archive, raising=False)
    look = clinic.archive.lookup.instance
    monkeypatch.setattr(
        clinic.archive.lookup, "instance", lambda uid: None if uid.endswith(".9") else look(uid)
    )
    made = clinic.back_up()
    assert len(made.snapshot.gone) == 1
    assert made.findings == []
    restored = other.restore(clinic)
    assert (restored.instances, restored.complete) == (2, True)
    assert other.findings() == []
    assert [len(other.rows(t)) for t in (schema.patient, schema.study, schema.series)] == [1, 1, 1]


@pytest.mark.parametrize("place", ["into_tables.load_all", "into_index.load", "Unfinished.remove"])
def test_a_restore_goes_on_after_each_of_its_steps(
    clinic: Clinic, other: Other, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after a step was done and before that was put down, it finds the step done."""
    clinic.store(1, 2)
    clinic.note()
    clinic.back_up()
    with monkeypatch.context() as patched:
        name = f"pacs_framework.backups.restoring.{place}"
        if place == "Unfinished.remove":
            patched.setattr(name, lambda _data: (_ for _ in ()).throw(Interrupted))
        else:
            done = {
                "into_index.load": into_index.load,
                "into_tables.load_all": into_tables.load_all,
            }

            def then_die(*arguments: object, **options: object) -> None:
                done[place](*arguments, **options)  # type: ignore[operator]
                raise Interrupted

            patched.setattr(name, then_die)
        with pytest.raises(Interrupted):
            other.restore(clinic)
    assert other.restore(clinic).instances == 2
    assert other.findings() == []
    assert len(other.notes()) == 1


def test_a_backup_is_restored_into_an_empty_archive_only(clinic: Clinic, other: Other) -> None:
    clinic.store(1)
    clinic.note()
    clinic.back_up()
    full = Other(
        url=str(clinic.database.url.render_as_string(hide_password=False)), data=other.data
    )
    with pytest.raises(BackupError, match="is not empty"):
        full.restore(clinic)
    other.storage.objects["x/1"] = next(iter(clinic.storage.objects.values()))
    with pytest.raises(BackupError, match="storage of the archive has objects already"):
        other.restore(clinic)
    refuse_unfinished(other.data)


def test_an_archive_that_only_started_is_empty(clinic: Clinic, other: Other) -> None:
    """It made its tables, and nothing is in them."""
    clinic.store(1)
    clinic.note()
    clinic.back_up()
    assert other.findings() == []
    assert other.notes() == []
    assert other.restore(clinic).instances == 1
    assert len(other.notes()) == 1


def test_tables_of_a_plugin_that_is_away_are_not_forgotten(clinic: Clinic) -> None:
    """They are refused, or left out by name."""
    clinic.note()
    with pytest.raises(BackupError, match=r"'notes' has tables .* --leave-out notes"):
        _without_notes(clinic)
    assert [g.name for g in clinic.back_up(left_out=["notes"]).snapshot.groups] == ["index"]


def _without_notes(clinic: Clinic) -> None:
    Backup(
        archive=clinic.archive,
        database=clinic.database,
        definitions={},
        folder=BackupFolder.made(clinic.target, objects=""),
        target=clinic.saved,
    ).make()
