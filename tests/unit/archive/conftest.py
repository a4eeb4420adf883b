"""An archive with a storage in memory, on an index of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.archive.archive import Archive
from pacs_framework.index.database import Database
from pacs_framework.testing.scene import Scene


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(database, tmp_path / "data")
    yield made
    made.end()


@pytest.fixture
def archive(scene: Scene) -> Archive:
    return scene.archive()
