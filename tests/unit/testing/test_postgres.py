"""Where a PostgreSQL of one's own keeps its data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pacs_framework.testing import postgres
from pacs_framework.testing.postgres import PostgresMissing, PrivatePostgres


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What stands in for the machine's, and has room."""
    with tempfile.TemporaryDirectory(prefix="pacs-memory-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # for the user that runs it when we are root
        monkeypatch.setattr(postgres, "_IN_MEMORY", folder)
        monkeypatch.setattr(postgres, "_ROOM", 1 << 20)
        yield folder


@contextmanager
def folder_of(server: PrivatePostgres) -> Iterator[Path]:
    """Where it lies while it runs."""
    with server:
        yield Path(parse_qs(urlsplit(server.url()).query)["host"][0])


@pytest.fixture(autouse=True)
def installed() -> None:
    try:
        PrivatePostgres()
    except PostgresMissing as missing:
        pytest.skip(str(missing))


def test_it_is_in_memory_where_that_is_wanted(memory: Path) -> None:
    """And leaves nothing there."""
    with folder_of(PrivatePostgres(in_memory=True)) as folder:
        assert folder.parent == memory
        assert (folder / "data").is_dir()
    assert [*memory.iterdir()] == []


@pytest.mark.parametrize("lacking", ["room", "folder"])
def test_it_is_on_disk_where_memory_lacks(
    memory: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    """A container that has little of it, and a system that has no such folder."""
    if lacking == "room":
        monkeypatch.setattr(postgres, "_ROOM", 1 << 60)
    else:
        monkeypatch.setattr(postgres, "_IN_MEMORY", memory / "none")
    with folder_of(PrivatePostgres(in_memory=True)) as folder:
        assert (folder / "data").is_dir()
        assert folder.parent != memory


def test_what_is_durable_is_not_in_memory() -> None:
    with pytest.raises(ValueError, match="what is in memory is not durable"):
        PrivatePostgres(durable=True, in_memory=True)
