"""An archive with tables of a plugin, on an index of each kind, and what restores its backups."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

# In importlib mode a test's folder is not on the path.
sys.path.insert(0, str(Path(__file__).parent))

from saved import Clinic, Other

from pacs_framework.index.database import open_database


@pytest.fixture
def new_url(
    pacs_index_url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], str]:
    """URLs of further empty indexes on the engine of this test."""

    def make() -> str:
        if pacs_index_url.startswith("sqlite"):
            return f"sqlite:///{tmp_path / 'another' / 'index.sqlite'}"
        return str(request.getfixturevalue("pacs_postgres").new_database())

    return make


@pytest.fixture
def clinic(pacs_index_url: str, tmp_path: Path) -> Iterator[Clinic]:
    with closing(open_database(pacs_index_url)) as database:
        made = Clinic(database=database, folder=tmp_path)
        yield made
        made.close()


@pytest.fixture
def other(new_url: Callable[[], str], tmp_path: Path) -> Other:
    """Where a backup is restored to."""
    return Other(url=new_url(), data=tmp_path / "another")
