"""The laws of storage backends, as `pacs plugin check` runs them."""

from __future__ import annotations

import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from pacs_framework.tables import OpenTables
from pacs_framework.testing.objects import content, keys
from pacs_framework.testing.suites.storing import Storing, Task
from pacs_storage_tiered.contract import TestTwoFolders, open_places
from pacs_storage_tiered.keeper import do_due
from pacs_storage_tiered.settings import Settings
from pacs_storage_tiered.tables import NAME, TABLES
from pacs_storage_tiered.work import Work

__all__ = ["TestTwoFolders"]

pytestmark = pytest.mark.pacs_guards


@pytest.mark.crash
def test_after_a_kill_every_object_gets_all_of_its_copies(tmp_path: Path) -> None:
    """With one of two copies the sender was told SUCCESS, or nothing at all."""
    places = {name: (tmp_path / name).as_uri() for name in ("one", "two")}
    settings = Settings.model_validate(
        {"tiers": [{"name": "hot", "places": places, "quorum": 1}], "patience": 0.01}
    )
    data = tmp_path / "data"
    with closing(OpenTables({NAME: TABLES}, data=data)) as tables:
        tables.prepare()
    opener = partial(open_places, data, settings, {"storage-filesystem": {"reserve": 0}})
    with Storing(Task(opener=opener, first=1, last=10_000, size=1 << 20)) as storing:
        told = storing.take(12) + storing.kill()
    with closing(opener()) as backend:
        backend.recover()
        work = Work(backend.tiers, backend.book, lambda _key: None)
        backend.book.hurry()
        assert do_due(backend, work, threading.Event())[1] == []
        assert set(told) <= keys(backend)
        for key in keys(backend):
            number = int(backend.version_of(key)[:14], 16)
            for copy in backend.copies(key):
                with copy.source.open(key) as source:
                    same = source.read() == content(number, 1 << 20)
                assert same, copy.place
