"""Laws of storage backends: what outlives a power cut, and a process."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from pacs_framework.errors import ObjectNotFound
from pacs_framework.storage import StorageBackend
from pacs_framework.testing.objects import content, get, key_of, keys, put_new
from pacs_framework.testing.suites.storage_laws.scene import (
    LARGE,
    MANY,
    SIZE,
    StorageScene,
    number_of,
)
from pacs_framework.testing.suites.storing import Opener, Storing, Task
from pacs_framework.testing.suites.suite import needs
from pacs_framework.testing.suites.syncing import Syncs, watched_syncs

__all__ = ["Lasting"]


class Lasting(StorageScene, suite=True):
    """What is synced, and what a killed process leaves."""

    @needs("durable")
    @pytest.mark.parametrize("size", [SIZE, LARGE])
    @pytest.mark.parametrize("way", ["begin", "put_file"])
    def test_what_was_committed_is_synced(
        self, backend: StorageBackend, tmp_path: Path, way: str, size: int
    ) -> None:
        """By `commit`, or `put_file`, before it returns; a name that it gives is synced as well."""
        if self.syncs_elsewhere:
            pytest.skip(f"synced elsewhere: {self.syncs_elsewhere}")
        key = key_of(backend, size=size)
        syncs = _commit_watched(backend, key, content(1, size), tmp_path, way)
        assert syncs.any, (
            "nothing was synced: a power cut takes the object, though its sender was told SUCCESS. "
            "If something else syncs than this process, declare syncs_elsewhere = 'what, and how "
            "it is known'"
        )
        assert not syncs.name_is_last, "the folder of a file that was renamed was not synced"

    @needs("durable")
    def test_another_opening_finds_everything(
        self, backend: StorageBackend, opener: Opener
    ) -> None:
        """While the first one is open, and after it was closed."""
        stored = {put_new(backend, content(n, n * 1000), n): n for n in (1, 2, 30)}
        for _ in range(2):
            with closing(opener()) as again:
                assert keys(again) == set(stored)
                for key, number in stored.items():
                    assert get(again, key) == content(number, number * 1000)
            backend.close()

    @needs("durable")
    @pytest.mark.parametrize("objects", [1, 25])
    @pytest.mark.parametrize("size", [SIZE, LARGE])
    def test_what_was_committed_outlives_a_killed_process(
        self, opener: Opener, objects: int, size: int
    ) -> None:
        """Every object that was told is there, and none that is listed is half."""
        with Storing(Task(opener=opener, first=1, last=MANY, size=size)) as storing:
            told = storing.take(objects) + storing.kill()
        with closing(opener()) as backend:
            backend.recover()
            assert set(told) <= keys(backend)
            for key in keys(backend):
                assert get(backend, key) == content(number_of(backend, key), size)
            assert backend.recover() == 0

    @needs("durable")
    def test_what_was_not_committed_when_a_process_was_killed_is_gone(self, opener: Opener) -> None:
        """And its leftovers are cleared away by `recover`, once."""
        task = Task(opener=opener, first=1, last=3, size=LARGE, half=True)
        with Storing(task) as storing:
            *committed, half = storing.take(3)
            storing.kill()
        with closing(opener()) as backend:
            assert keys(backend) == set(committed)
            with pytest.raises(ObjectNotFound):
                backend.open(half)
            backend.recover()
            assert keys(backend) == set(committed)
            assert backend.recover() == 0


def _commit_watched(
    backend: StorageBackend, key: str, data: bytes, folder: Path, way: str
) -> Syncs:
    """Commit ``data``; what is synced after the last byte was given."""
    if way == "put_file":
        path = folder / "staged"
        path.write_bytes(data)
        with watched_syncs() as syncs:
            backend.put_file(key, path)
        return syncs
    with backend.begin(key, size=len(data)) as writer:
        writer.write(data)
        with watched_syncs() as syncs:
            writer.commit()
    return syncs
