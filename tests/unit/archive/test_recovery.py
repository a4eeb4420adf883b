"""What a start finds of processes that were killed, made by leaving things as they would be."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.claims import Claim, abandoned, living
from pacs_framework.archive.journal import Journal, keys_under_way, read_journal
from pacs_framework.archive.recovery import recover
from pacs_framework.archive.verify import FindingKind, verify
from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.changes import ChangeReader
from pacs_framework.testing.arrivals import ORIGIN, announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene


def leave_unfinished(scene: Scene, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> str:
    """An instance whose object is committed, and whose process ended before the index did."""

    def away(*_: object, **__: object) -> None:
        raise IndexUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(archive.writer, "store", away)
        patched.setattr(archive.writer, "names", away)
        with pytest.raises(IndexUnavailable):
            send(archive, encoded(mr_image()))
    (key,) = scene.storage.objects
    return key


def test_an_object_that_was_committed_and_not_indexed_is_taken_in(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender was never told, but its bytes are good: it is indexed with its origin."""
    archive = scene.archive()
    key = leave_unfinished(scene, archive, monkeypatch)
    scene.close(archive)
    again = scene.archive()
    assert [f.kind for f in verify(again)] == [FindingKind.ORPHAN]
    recovered = recover(again)
    assert (recovered.taken_in, recovered.removed) == (1, 0)
    facts = again.lookup.instance("1.2.3.4.1")
    assert facts is not None
    assert facts.storage_key == key
    (change,) = ChangeReader(scene.database).after(0, 10)
    assert change.origin == ORIGIN
    assert list(verify(again)) == []
    assert recover(again).taken_in == 0


def test_an_unfinished_object_whose_instance_was_sent_again_is_removed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = scene.archive()
    leave_unfinished(scene, archive, monkeypatch)
    scene.close(archive)
    again = scene.archive()
    send(again, encoded(mr_image()))
    assert recover(again).removed == 1
    assert len(scene.storage.objects) == 1
    assert list(verify(again)) == []


def test_an_unfinished_object_that_is_no_instance_is_removed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = scene.archive()
    key = leave_unfinished(scene, archive, monkeypatch)
    scene.close(archive)
    data, committed = scene.storage.objects[key]
    scene.storage.objects[key] = (data[:-50], committed)
    again = scene.archive()
    assert recover(again).removed == 1
    assert scene.storage.objects == {}


def test_what_may_be_the_only_copy_is_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index names another object of the instance, and that is missing."""
    archive = scene.archive()
    key = leave_unfinished(scene, archive, monkeypatch)
    scene.close(archive)
    again = scene.archive()
    send(again, encoded(mr_image()))
    (other,) = set(scene.storage.objects) - {key}
    del scene.storage.objects[other]
    recovered = recover(again)
    assert (recovered.taken_in, recovered.removed, recovered.kept) == (0, 0, 1)
    assert list(scene.storage.objects) == [key]


def test_a_journal_of_finished_work_changes_nothing(scene: Scene) -> None:
    """A killed process leaves keys that the index names."""
    archive = scene.archive()
    send(archive, encoded(mr_image()))
    scene.close(archive)
    (key,) = scene.storage.objects
    journal = Journal(scene.data / "journal")
    journal.mark(key, ORIGIN)
    journal.close()
    again = scene.archive()
    recovered = recover(again)
    assert (recovered.taken_in, recovered.removed) == (0, 0)
    assert list(scene.storage.objects) == [key]
    assert list(verify(again)) == []


def test_a_living_process_is_left_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one may start while it stores: neither recovered from, nor called an orphan."""
    living_archive = scene.archive()
    leave_unfinished(scene, living_archive, monkeypatch)
    with living_archive.receive(ORIGIN, announced(7)) as reception:
        reception.write(b"x" * 10_000)
        starting = scene.archive()
        recovered = recover(starting)
        assert (recovered.staged, recovered.taken_in, recovered.removed) == (0, 0, 0)
        assert len(scene.staged()) == 1
    assert len(scene.storage.objects) == 1
    assert list(verify(starting)) == []


def _hold(parent: Path, ready: multiprocessing.synchronize.Event) -> None:
    claim = Claim(parent)
    (claim.folder / "file").write_bytes(b"x")
    ready.set()
    signal.pause()


def test_what_a_killed_process_claimed_is_abandoned(tmp_path: Path) -> None:
    """The operating system lets go of its lock, however it ended."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(tmp_path, ready))
    process.start()
    ready.wait()
    (folder,) = living(tmp_path)
    assert list(abandoned(tmp_path)) == []
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    process.close()
    assert list(living(tmp_path)) == []
    found = []
    for left in abandoned(tmp_path):
        found.append(left)
        assert (left / "file").exists()
    assert found == [folder]
    assert list(tmp_path.iterdir()) == []


def test_a_turn_that_fails_is_left_to_the_next_start(tmp_path: Path) -> None:
    Claim(tmp_path).close(keep=True)
    turns = abandoned(tmp_path)
    next(turns)
    with pytest.raises(KeyError):
        turns.throw(KeyError())
    assert len(list(abandoned(tmp_path))) == 1
    assert list(abandoned(tmp_path)) == []


def test_a_journal_keeps_only_what_is_not_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of it go when their keys are settled; a clean end leaves nothing."""
    monkeypatch.setattr("pacs_framework.archive.journal._ROTATE_BYTES", 1000)
    journal = Journal(tmp_path)
    open_mark = journal.mark('a "key"\nwith everything', ORIGIN)
    for number in range(100):
        journal.mark(f"key {number}", ORIGIN).settle()
    (folder,) = living(tmp_path)
    assert len(list(folder.iterdir())) <= 2
    assert 'a "key"\nwith everything' in keys_under_way(tmp_path)
    open_mark.settle()
    assert len(list(folder.iterdir())) == 1
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_line_of_a_journal_is_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.mark("whole", ORIGIN)
    (folder,) = living(tmp_path)
    (file,) = folder.iterdir()
    with file.open("ab") as torn:
        torn.write(b'["torn", {"door"\n[1]\nnull\n')
    assert [(p.key, p.origin) for p in read_journal(folder)] == [("whole", ORIGIN)]
    journal.close()
