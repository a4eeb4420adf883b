"""What obstore waits with is opened once and stays open: here, for the guards."""

from __future__ import annotations

import obstore
import pytest
from obstore.store import MemoryStore


@pytest.fixture(scope="session", autouse=True)
def runtime() -> None:
    obstore.put(MemoryStore(), "x", b"")
