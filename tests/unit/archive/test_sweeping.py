"""Orphans are taken in or removed, and nothing is lost by it."""

from __future__ import annotations

import pytest

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.sweeping import Sweep, sweep
from pacs_framework.archive.verify import FindingKind, verify
from pacs_framework.testing.arrivals import encoded, mr_image, send
from pacs_framework.testing.scene import Scene

UID, OTHER_UID = "1.2.3.4.1", "1.2.3.4.9"


@pytest.fixture
def stored(scene: Scene, archive: Archive) -> str:
    """The key of an instance that is stored, and named."""
    send(archive, encoded(mr_image()))
    [key] = scene.storage.objects
    return key


def another_version(key: str) -> str:
    return key[:-1] + ("1" if key[-1] == "0" else "0")


def test_a_whole_instance_that_the_index_has_not_is_taken_in(
    scene: Scene, archive: Archive, stored: str
) -> None:
    """Nobody was told that it is there, but its sender may have no other copy."""
    data, committed = scene.storage.objects[stored]
    orphan = data.replace(UID.encode(), OTHER_UID.encode())
    scene.storage.objects[stored.replace(UID, OTHER_UID)] = (orphan, committed)
    [finding] = verify(archive)
    assert sweep(archive, finding.storage_key).outcome is Sweep.TAKEN_IN
    assert list(verify(archive)) == []
    with archive.open_file(OTHER_UID) as source:
        assert source.read() == orphan


def test_an_orphan_whose_instance_is_there_is_removed(
    scene: Scene, archive: Archive, stored: str
) -> None:
    """What was acknowledged stays what it is."""
    orphan = another_version(stored)
    scene.storage.objects[orphan] = scene.storage.objects[stored]
    assert sweep(archive, orphan).outcome is Sweep.REMOVED
    assert list(scene.storage.objects) == [stored]
    assert list(verify(archive)) == []


def test_an_orphan_that_may_be_the_only_copy_is_left(
    scene: Scene, archive: Archive, stored: str
) -> None:
    """The index names another object of the instance, and that one is missing."""
    orphan = another_version(stored)
    scene.storage.objects[orphan] = scene.storage.objects.pop(stored)
    swept = sweep(archive, orphan)
    assert (swept.outcome, swept.detail) == (
        Sweep.LEFT,
        "the index names another object of its instance, which is missing",
    )
    assert list(scene.storage.objects) == [orphan]


def test_what_is_no_whole_instance_is_left_and_told(
    scene: Scene, archive: Archive, stored: str
) -> None:
    """Somebody may still make something of it."""
    data, committed = scene.storage.objects[stored]
    orphan = another_version(stored)
    scene.storage.objects[orphan] = (data[: len(data) // 2], committed)
    swept = sweep(archive, orphan)
    assert swept.outcome is Sweep.LEFT
    assert swept.detail.startswith("no whole instance: ")
    assert [finding.kind for finding in verify(archive)] == [FindingKind.ORPHAN]


def test_an_orphan_that_went_meanwhile_is_no_error(archive: Archive, stored: str) -> None:
    assert sweep(archive, another_version(stored)).outcome is Sweep.GONE
