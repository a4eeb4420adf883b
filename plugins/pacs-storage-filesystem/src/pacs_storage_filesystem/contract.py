"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pacs_framework.testing.suites.storage import StorageSuite
from pacs_framework.testing.suites.storing import Opener
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import open_backend

__all__ = ["TestFiles", "TestPacks"]


class TestFiles(StorageSuite):
    """Every object a file of its own, once for each naming."""

    measures_room = True

    @pytest.fixture(params=list(Naming), ids=str)
    def opener(self, request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
        """No object is small enough for a pack."""
        root = tmp_path / "objects"
        return partial(open_backend, root, naming=request.param, reserve=0, pack_below=0)


class TestPacks(StorageSuite):
    """Small objects in packs, large ones in files."""

    remembers = True
    measures_room = True

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        """As the settings have it by default."""
        root = tmp_path / "objects"
        naming = Naming.HIERARCHICAL
        return partial(open_backend, root, naming=naming, reserve=0, pack_below=1 << 20)
