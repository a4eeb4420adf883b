"""Fixtures of several test files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from routing_nodes import Node

from pacs_http.testing import open_signal_pipe


@pytest.fixture
def node() -> Iterator[Node]:
    """Somebody to send to."""
    with Node() as node:
        yield node


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """The first HTTP server of a process opens it, and it stays open."""
    open_signal_pipe()
