"""What the archive deletes is gone from every place, also from one that was away at the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pacs_framework.archive.deletions import Target
from pacs_framework.archive.reindex import reindex
from pacs_framework.archive.verify import verify
from pacs_framework.errors import StorageError
from pacs_framework.index.database import open_database
from pacs_framework.index.lookup import Lookup
from pacs_framework.storage import StorageBackend
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.running import RunningArchive, running_archive
from pacs_storage_filesystem import plugin as filesystem
from pacs_storage_tiered import plugin

_SECONDS = 60  # a net, not a measurement
STUDY = "1.2.826.0.1.3680043.10.543.8"


@contextmanager
def running(folder: Path) -> Iterator[RunningArchive]:
    hot = {name: (folder / name).as_uri() for name in ("one", "two")}
    settings: dict[str, Any] = {
        "storage": {"url": "tiered:"},
        "plugin": {
            "storage-filesystem": {"reserve": 0},
            "storage-tiered": {
                "tiers": [{"name": "hot", "places": hot, "quorum": 2}],
                "patience": 30,
                "retry_after": 0.1,
                "cycle": 0,
            },
        },
    }
    plugins = {"storage-filesystem": filesystem, "storage-tiered": plugin}
    with running_archive(folder / "data", plugins, settings=settings) as archive:
        yield archive


def holds(place: StorageBackend) -> int:
    return sum(1 for _ in place.list())


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def test_a_place_that_was_away_does_not_bring_anything_back(tmp_path: Path) -> None:
    """It still has its copies: they are not listed, not verified, not indexed anew, and go when it
    is back.
    """
    with running(tmp_path) as archive:
        archive.take_in(*(make_instance(StudyInstanceUID=STUDY) for _ in range(3)), make_instance())
        backend = archive.archive.storage
        two = backend.places[1].backend
        erase = two.delete

        def away(_key: str) -> None:
            raise StorageError("unplugged")

        two.delete = away
        done = archive.archive.deleting.delete(Target(study=STUDY), by="test", reason="test")
        assert (done.instances, done.left) == (3, 0)
        before = holds(two)
        assert before - holds(backend.places[0].backend) == 3
        assert list(verify(archive.archive)) == []
        listed = {stat.key for stat in backend.list()}
        assert len(listed) == 1
        made = reindexed(tmp_path, backend)
        assert made == listed
        two.delete = erase
        wait_until(lambda: holds(two) == before - 3)
        assert list(verify(archive.archive)) == []


def reindexed(folder: Path, backend: StorageBackend) -> set[str]:
    """The objects that an index names which knows nothing but the places."""
    url = f"sqlite:///{folder / 'anew.sqlite'}"
    assert list(reindex(url, backend, folder / "elsewhere")) == []
    with closing(open_database(url)) as database:
        return {facts.storage_key for facts in Lookup(database).instances()}
