"""A storage with several copies of each object, and one that is opened over others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.verify import FindingKind, verify
from pacs_framework.errors import ConfigurationError, ObjectNotFound, StorageError
from pacs_framework.storage import ObjectCopy, StorageBackend, StorageRegistry, Surroundings
from pacs_framework.tables import OpenTables
from pacs_framework.testing.arrivals import encoded, mr_image, send
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.scene import Scene


class Place(MemoryStorage):
    """One copy of what is in another storage."""

    def copy(self, other: MemoryStorage) -> Place:
        self.objects.update(other.objects)
        return self


def test_every_copy_is_verified_and_a_finding_names_its_place(
    scene: Scene, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the one that is given out is well."""
    send(archive, encoded(mr_image()))
    right, damaged = Place().copy(scene.storage), Place().copy(scene.storage)
    (key,) = scene.storage.objects
    data, committed = damaged.objects[key]
    damaged.objects[key] = (data[:-1] + b"\0", committed)
    places = {"one": right, "two": damaged, "three": Place()}

    def copies(_key: str) -> Sequence[ObjectCopy]:
        return [ObjectCopy(place=name, source=place) for name, place in places.items()]

    monkeypatch.setattr(scene.storage, "copies", copies)
    assert [(found.kind, found.detail) for found in verify(archive)] == [
        (FindingKind.DATASET_DIGEST, "copy in 'two'"),
        (FindingKind.MISSING, "copy in 'three'"),
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ObjectNotFound("nowhere"), FindingKind.MISSING),
        (StorageError("away"), FindingKind.UNREADABLE),
    ],
)
def test_copies_that_cannot_be_found_are_a_finding(
    scene: Scene,
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
    error: StorageError,
    kind: FindingKind,
) -> None:
    """Not the end of the run."""
    send(archive, encoded(mr_image()))

    def copies(_key: str) -> Sequence[ObjectCopy]:
        raise error

    monkeypatch.setattr(scene.storage, "copies", copies)
    assert [found.kind for found in verify(archive)] == [kind]


class Over:
    """A factory of a storage over others."""

    def __call__(self, url: str, /) -> StorageBackend:
        raise ConfigurationError(f"{url} needs surroundings")

    def open_among(self, _url: str, surroundings: Surroundings) -> StorageBackend:
        return surroundings.backends.open("plain:")

    def check_among(self, _url: str, backends: StorageRegistry) -> None:
        backends.check("plain:")


def test_a_storage_over_others_is_opened_with_its_surroundings(tmp_path: Path) -> None:
    """And is checked with the other backends, of which one may be missing."""
    registry = StorageRegistry()
    registry.add("over", Over(), plugin="over")
    with pytest.raises(ConfigurationError, match="'plain'"):
        registry.check("over:")
    plain = MemoryStorage()
    registry.add("plain", lambda _url: plain, plugin="plain")
    surroundings = Surroundings(backends=registry, tables=OpenTables(data=tmp_path), data=tmp_path)
    assert registry.open("over:", surroundings) is plain
    with pytest.raises(ConfigurationError, match="needs surroundings"):
        registry.open("over:")
