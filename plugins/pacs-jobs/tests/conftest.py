"""Slow work, for archives in processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from jobs_processes import Slow


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    """Work that waits until it is let go."""
    return Slow(tmp_path / "slow")
