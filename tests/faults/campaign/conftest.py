"""The campaign lies in the bench, at the root of the repository: it is no installed package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from bench.faults.processes import Nursery  # noqa: E402 - the path comes first


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """One import of the archive for all tests of the campaign."""
    with Nursery() as made:
        yield made
