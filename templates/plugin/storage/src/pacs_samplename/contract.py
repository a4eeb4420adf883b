"""The laws of storage backends, held against this one; run by pytest and by `pacs plugin check`.

The plugin itself does not import this module: pytest is no dependency of it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from pacs_framework.testing.suites.storage import StorageSuite
from pacs_framework.testing.suites.storing import Opener

from pacs_samplename.folder import FolderStorage

__all__ = ["TestFolderStorage"]


class TestFolderStorage(StorageSuite):
    """Every law: bytes come back, also after a kill and from another process."""

    measures_room = True

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        """Opens an empty storage; other processes do the same."""
        return partial(FolderStorage, tmp_path / "objects")
