"""The storage of the tests keeps the laws of the contract."""

from __future__ import annotations

import pytest

from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.suites.storage import StorageSuite


class TestMemoryStorage(StorageSuite):
    durable = False

    @pytest.fixture
    def backend(self) -> MemoryStorage:
        return MemoryStorage()
