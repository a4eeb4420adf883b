"""The helpers of this folder are modules beside the tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.testing.forked import Nursery

sys.path.insert(0, str(Path(__file__).parent))

from doc_runner import variables


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Forks the ``pacs`` of all pages."""
    with Nursery(variables()) as made:
        yield made
