"""A place that is not mounted is not filled, and nothing is taken for lost because of it."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from pacs_framework.errors import StorageError
from pacs_framework.tables import OpenTables, PluginTables, new_metadata
from pacs_storage_tiered.book import Book
from pacs_storage_tiered.tables import NAME, TABLES


def unmount(folder: Path) -> Path:
    """Leave the empty folder that a disk was mounted over; where the disk is now."""
    disk = folder.with_name(f"{folder.name}-disk")
    folder.rename(disk)
    folder.mkdir()
    return disk


def mount(disk: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    disk.rename(folder)


def test_a_place_that_is_not_mounted_is_not_filled(scene, tmp_path: Path) -> None:
    """Storing goes on in the others, and when it is back it gets what it missed."""
    scene.open().close()
    disk = unmount(tmp_path / "one")
    scene.open()
    key = scene.put()
    assert scene["one"].files() == []
    assert scene["two"].contents() == {b"the object"}
    assert [task.kind for task in scene.owed()] == ["repair"]
    scene.close()
    mount(disk, tmp_path / "one")
    scene.open()
    assert scene.work() == (1, [])
    assert scene["one"].contents() == {b"the object"}
    assert scene.read(key) == b"the object"


def test_too_few_mounted_places_take_nothing(scene, tmp_path: Path) -> None:
    scene.open(quorum=2).close()
    unmount(tmp_path / "one")
    scene.open(quorum=2)
    with pytest.raises(StorageError, match=r"place 'one' has lost its mark: is it mounted\?"):
        scene.put()
    assert scene["one"].files() == scene["two"].files() == []


def test_what_is_on_an_unmounted_place_is_not_called_deleted(scene, tmp_path: Path) -> None:
    """Where its only copies may be, the listing fails instead of being short."""
    scene.open(hot=("one",)).put()
    scene.close()
    unmount(tmp_path / "one")
    scene.open(hot=("one",))
    with pytest.raises(StorageError, match="cannot be listed"):
        list(scene.backend.list())


def test_the_mark_is_no_object(scene) -> None:
    scene.open()
    key = scene.put()
    assert [stat.key for stat in scene.backend.list()] == [str(key)]
    assert scene["one"].mark().exists()


def test_places_that_changed_their_names_are_refused(scene, tmp_path: Path) -> None:
    scene.open().close()
    (tmp_path / "one").rename(tmp_path / "third")
    (tmp_path / "two").rename(tmp_path / "one")
    (tmp_path / "third").rename(tmp_path / "two")
    scene.open()
    with pytest.raises(StorageError, match="place 'one' is where place 'two' was"):
        scene.put()


def test_a_place_of_another_archive_is_refused(scene, tmp_path: Path) -> None:
    scene.open().close()
    text = scene["one"].mark().read_text()
    scene["one"].mark().write_text(text.replace('"mark": "', '"mark": "0'))
    scene.open(quorum=2)
    with pytest.raises(StorageError, match="has the mark of another archive"):
        scene.put()


def test_a_damaged_mark_is_a_mark_and_written_anew(scene) -> None:
    """Only an empty folder has none at all."""
    scene.open().close()
    text = scene["one"].mark().read_bytes()
    scene["one"].mark().write_bytes(text[:10])
    scene.open(quorum=2).put()
    assert scene["one"].mark().read_bytes() == text


def test_a_new_disk_is_a_place_when_somebody_says_so(scene, tmp_path: Path) -> None:
    scene.open().put()
    scene.close()
    unmount(tmp_path / "one")
    scene.open()
    [one] = [place for place in scene.backend.places if place.name == "one"]
    with pytest.raises(StorageError):
        _ = one.backend
    one.mark_anew()
    assert scene["one"].mark().exists()
    scene.close()
    scene.open()
    scene.put(version="1" * 24)
    assert scene["one"].contents() == {b"the object"}


def test_places_are_known_again_when_the_tables_are_lost(scene, tmp_path: Path) -> None:
    """Their marks say which they are."""
    key = scene.open().put()
    scene.close()
    for path in (tmp_path / "tables").glob("storage-tiered*"):
        path.unlink()
    scene.open(quorum=2)
    assert scene.read(key) == b"the object"
    scene.put(version="1" * 24)


def test_two_who_begin_at_once_agree_on_the_mark(scene) -> None:
    """What the first puts down is what both write."""
    scene.open()
    book = scene.backend.book
    book.forget_mark("one")
    assert book.mark_of("one", "a") == ("a", False)
    assert book.mark_of("one", "b") == ("a", False)
    book.note_marked("one")
    assert book.mark_of("one", "b") == ("a", True)


def test_tables_of_an_older_version_get_room_for_marks(tmp_path: Path) -> None:
    older = new_metadata()
    for table in TABLES.metadata.tables.values():
        if table.name != "storage_tiered_place":
            table.to_metadata(older)
    with closing(OpenTables({NAME: PluginTables(metadata=older)}, data=tmp_path)) as tables:
        Book(tables(NAME)).pin(["1.2"], "kept")
    with closing(OpenTables({NAME: TABLES}, data=tmp_path)) as tables:
        book = Book(tables(NAME))
        assert book.mark_of("one", "a") == ("a", False)
        assert book.is_pinned("1.2")
