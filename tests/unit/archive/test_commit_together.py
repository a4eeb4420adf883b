"""Several instances by one commit: each has its own answer, and nothing is left of what failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack

import pytest
from pydicom import Dataset

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import IncomingInstance, Refusal
from pacs_framework.archive.ingest import Check, StoreOutcome
from pacs_framework.archive.verify import verify
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.walk import TruncatedDataSet
from pacs_framework.errors import (
    DuplicateInstance,
    IndexUnavailable,
    MismatchedInstance,
    OutOfResources,
    RefusedByPolicy,
    StorageError,
)
from pacs_framework.index.entry import DuplicatePolicy, StoredAs
from pacs_framework.testing.arrivals import ORIGIN, announced, encoded, mr_image
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.scene import Scene

LARGE = bytes(range(256)) * 200  # more than the spool of the tests takes


def send_together(
    archive: Archive, arriving: Sequence[tuple[str, bytes]], check: Check | None = None
) -> list[StoreOutcome | Exception]:
    """Let data sets arrive, each announced under its UID, and commit all of them."""
    with ExitStack() as ending:
        receptions = []
        for uid, data in arriving:
            reception = archive.receive(ORIGIN, announced(sop_instance_uid=uid))
            ending.enter_context(reception)
            reception.write(data)
            receptions.append(reception)
        return archive.commit_together(receptions, check)


def images(*made: Dataset) -> list[tuple[str, bytes]]:
    return [(str(image.SOPInstanceUID), encoded(image)) for image in made]


def told(outcomes: Sequence[StoreOutcome | Exception]) -> list[StoredAs | type[Exception]]:
    return [type(each) if isinstance(each, Exception) else each.outcome for each in outcomes]


class GatheringStorage(MemoryStorage):
    """One that says that objects are better put together."""

    def gathers(self, size: int) -> bool:
        return size > 0


def assert_nothing_is_left(scene: Scene, archive: Archive) -> None:
    """No object, no row, no staged file, and nothing for the next start."""
    assert scene.storage.objects == {}
    assert archive.lookup.count() == 0
    assert scene.staged() == []
    scene.close(archive)
    assert list((scene.data / "journal").iterdir()) == []


def test_all_are_kept_by_one_commit(scene: Scene, archive: Archive) -> None:
    """In memory or through a file, byte for byte, each with its own answer, in order."""
    arriving = images(mr_image(1), mr_image(2, pixels=LARGE), mr_image(3))
    outcomes = send_together(archive, arriving)
    assert told(outcomes) == [StoredAs.NEW] * 3
    for outcome, (uid, data) in zip(outcomes, arriving, strict=True):
        assert isinstance(outcome, StoreOutcome)
        assert (outcome.status, outcome.sop_instance_uid) == (Status.SUCCESS, uid)
        with archive.open(uid).dataset as source:
            assert source.read() == data
    assert scene.staged() == []
    assert list(verify(archive)) == []


def test_none_is_no_commit(archive: Archive) -> None:
    assert archive.commit_together([]) == []


def test_bad_ones_fail_alone(scene: Scene, archive: Archive) -> None:
    """One that cannot be read, one that is not what it was announced as, one that nobody wants."""
    whole = encoded(mr_image(2))
    scene.on_store = lambda instance: (
        Refusal(reason="no such modality here") if instance.attributes["Modality"] == "OT" else None
    )
    arriving = [
        *images(mr_image(1)),
        ("1.2.3.4.2", whole[:-7]),
        ("9.9", whole),
        *images(mr_image(4, Modality="OT"), mr_image(5)),
    ]
    outcomes = send_together(archive, arriving)
    assert told(outcomes) == [
        StoredAs.NEW,
        TruncatedDataSet,
        MismatchedInstance,
        RefusedByPolicy,
        StoredAs.NEW,
    ]
    assert archive.lookup.count() == len(scene.storage.objects) == 2
    assert list(verify(archive)) == []


def test_the_check_looks_at_each(archive: Archive) -> None:
    """Before any plugin is asked, and what it raises is the answer."""

    def check(attributes: Mapping[str, str]) -> None:
        if attributes["SOPInstanceUID"] == "1.2.3.4.1":
            raise RefusedByPolicy("not this one")

    outcomes = send_together(archive, images(mr_image(1), mr_image(2)), check)
    assert told(outcomes) == [RefusedByPolicy, StoredAs.NEW]


@pytest.mark.parametrize("kept", [0, 1], ids=["all bad", "one good"])
def test_a_bug_in_a_hook_fails_its_instance_alone(
    scene: Scene, archive: Archive, kept: int
) -> None:
    """Whatever it raises; and nothing is done where none is left."""

    def fail(instance: IncomingInstance) -> None:
        if instance.sop_instance_uid != "1.2.3.4.1" or not kept:
            raise RuntimeError("a bug")

    scene.on_store = fail
    outcomes = send_together(archive, images(mr_image(1), mr_image(2)))
    assert told(outcomes) == [StoredAs.NEW if kept else RuntimeError, RuntimeError]
    assert len(scene.storage.objects) == kept


def test_duplicates_are_answered_one_by_one(scene: Scene) -> None:
    """Rejected alone; the object that came with it goes."""
    archive = scene.archive(DuplicatePolicy.REJECT)
    send_together(archive, images(mr_image(1)))
    outcomes = send_together(archive, images(mr_image(1, PatientName="x"), mr_image(2)))
    assert told(outcomes) == [DuplicateInstance, StoredAs.NEW]
    assert len(scene.storage.objects) == 2
    assert list(verify(archive)) == []


def test_one_may_be_replaced_while_others_are_new(scene: Scene) -> None:
    archive = scene.archive(DuplicatePolicy.REPLACE)
    send_together(archive, images(mr_image(1)))
    (old,) = scene.storage.objects
    outcomes = send_together(archive, images(mr_image(2), mr_image(1, PatientName="x")))
    assert told(outcomes) == [StoredAs.NEW, StoredAs.REPLACED]
    assert old not in scene.storage.objects
    assert len(scene.storage.objects) == 2
    assert list(verify(archive)) == []


def test_two_of_one_uid_are_refused_and_leave_nothing(scene: Scene, archive: Archive) -> None:
    """Which of them is the later one could not be told."""
    with pytest.raises(ValueError, match="one of each UID"):
        send_together(archive, images(mr_image(1), mr_image(1, PatientName="x")))
    assert_nothing_is_left(scene, archive)


@pytest.mark.parametrize("error", [OutOfResources("full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["begin", "commit", "committed"])
def test_a_storage_that_fails_keeps_none(
    scene: Scene, archive: Archive, step: str, error: BaseException
) -> None:
    """Also those that were there before it failed: all are answered as not kept."""
    calls = []

    def fail_second(at: str) -> None:
        calls.append(at)
        if at == step and calls.count(step) == 2:
            raise error

    scene.storage.before = fail_second
    arriving = images(mr_image(1), mr_image(2), mr_image(3))
    if isinstance(error, Exception):
        assert send_together(archive, arriving) == [error] * 3
    else:
        with pytest.raises(type(error)):
            send_together(archive, arriving)
    assert_nothing_is_left(scene, archive)


def test_a_storage_without_room_for_one_keeps_the_others(
    scene: Scene, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where that is known before anything is written."""
    key_for = scene.storage.key_for

    def fail(name):  # type: ignore[no-untyped-def]
        if name.sop_instance_uid == "1.2.3.4.2":
            raise OutOfResources("full")
        return key_for(name)

    monkeypatch.setattr(scene.storage, "key_for", fail)
    outcomes = send_together(archive, images(mr_image(1), mr_image(2), mr_image(3)))
    assert told(outcomes) == [StoredAs.NEW, OutOfResources, StoredAs.NEW]
    assert list(verify(archive)) == []


def test_an_index_that_fails_before_its_commit_leaves_nothing(
    scene: Scene, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = scene.database.dialect.loaded_dbapi.OperationalError("away")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(archive.writer._recorder._insert, "run_rows", fail)
    outcomes = send_together(archive, images(mr_image(1), mr_image(2)))
    assert told(outcomes) == [IndexUnavailable] * 2
    assert_nothing_is_left(scene, archive)


def test_an_index_that_committed_and_then_failed_keeps_the_objects(
    scene: Scene, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender hears of a failure, and what the index names is there all the same."""
    store = archive.writer.store_together

    def fail_after(entries: object, **_: object) -> list[object]:
        return [IndexUnavailable("the answer was lost") for _ in store(entries)]  # type: ignore[arg-type]

    monkeypatch.setattr(archive.writer, "store_together", fail_after)
    outcomes = send_together(archive, images(mr_image(1), mr_image(2)))
    assert told(outcomes) == [IndexUnavailable] * 2
    assert len(scene.storage.objects) == 2
    assert list(verify(archive)) == []
    scene.close(archive)
    assert list((scene.data / "journal").iterdir()) == []


def test_an_index_that_is_away_is_asked_but_once_what_it_names(
    scene: Scene, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question may take as long as a connection does, and somebody waits for the answer."""
    asked = []

    def ask(keys: Iterable[str]) -> set[str]:
        asked.append(set(keys))
        raise IndexUnavailable("away")

    def fail(entries: Sequence[object], **_: object) -> list[object]:
        return [IndexUnavailable("away") for _ in entries]

    monkeypatch.setattr(archive.writer, "store_together", fail)
    monkeypatch.setattr(archive.writer, "names", ask)
    outcomes = send_together(archive, images(mr_image(1), mr_image(2), mr_image(3)))
    assert told(outcomes) == [IndexUnavailable] * 3
    assert asked == [set(scene.storage.objects)]
    scene.close(archive)
    assert list((scene.data / "journal").iterdir()) != []  # the next start looks


def test_one_whose_bytes_are_gone_takes_no_place_in_the_storage(
    scene: Scene, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that is never settled would keep a pack open as long as the process lives."""
    begun = []
    key_for = scene.storage.key_for
    monkeypatch.setattr(
        scene.storage, "key_for", lambda name: begun.append(name.sop_instance_uid) or key_for(name)
    )
    with archive.receive(ORIGIN, announced()) as reception:
        reception.write(encoded(mr_image()))
        with pytest.raises(StorageError, match="its reception has ended"):
            reception.commit(lambda _: reception.close())
    assert begun == []


@pytest.mark.parametrize(
    ("gathers", "decides", "pixels", "expected"),
    [
        (True, False, b"\1\2", True),
        (False, False, b"\1\2", False),
        (True, True, b"\1\2", False),
        (True, False, LARGE, False),
    ],
    ids=["cheaper", "no cheaper", "plugins are asked", "through a file"],
)
def test_an_instance_says_whether_it_should_wait_for_others(
    scene: Scene, gathers: bool, decides: bool, pixels: bytes, expected: bool
) -> None:
    """Only where that is cheaper, and where none holds up the others."""
    storage = GatheringStorage() if gathers else scene.storage
    archive = Archive(
        database=scene.database,
        storage=storage,
        data=scene.data,
        on_store=(lambda _: None) if decides else None,
        spool=4096,
    )
    data = encoded(mr_image(pixels=pixels))
    with archive.receive(ORIGIN, announced()) as reception:
        reception.write(data)
        assert reception.is_gathered is expected
        assert reception.size > len(data)
    archive.close()
