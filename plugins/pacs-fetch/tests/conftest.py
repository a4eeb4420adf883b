"""Another archive, made of pynetdicom, for all test files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from fetch_peers import OtherPacs


@pytest.fixture
def other() -> Iterator[OtherPacs]:
    """An archive that has what the test gives it."""
    with OtherPacs() as pacs:
        yield pacs
