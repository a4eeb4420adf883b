"""Fixtures of several test files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from routing_nodes import Node


@pytest.fixture
def node() -> Iterator[Node]:
    """Somebody to send to."""
    with Node() as node:
        yield node
