"""Backends over folders whose faults a test decides on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from pacs_framework.errors import StorageError
from pacs_framework.storage import ByteSource, ObjectWriter, StorageBackend
from pacs_framework.tables import OpenTables
from pacs_framework.testing.objects import put
from pacs_storage_filesystem.naming import Naming
from pacs_storage_filesystem.packing import open_backend as open_folder
from pacs_storage_tiered.backend import TieredBackend, open_backend
from pacs_storage_tiered.book import Task
from pacs_storage_tiered.keeper import do_due
from pacs_storage_tiered.marking import MARK
from pacs_storage_tiered.naming import Key
from pacs_storage_tiered.settings import Settings
from pacs_storage_tiered.tables import NAME, TABLES
from pacs_storage_tiered.work import Work

Fault = Callable[[str], None]
"""Called with the name of each operation before it is done; what it raises, the place raises."""

OLD = "00000000000001" + "0" * 10
"""A version of 1970: its object is old enough for any tier."""


def well(_operation: str) -> None:
    """No fault."""


def is_away(operation: str) -> None:
    if operation != "close":
        raise StorageError("unplugged")


class FaultyFolder(StorageBackend):
    """A folder, with what a test does to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fault: Fault = well
        self.operations: list[str] = []
        self._folder = open_folder(root, naming=Naming.FLAT, reserve=0, pack_below=0)

    def _do(self, operation: str) -> None:
        self.operations.append(operation)
        self.fault(operation)

    def key_for(self, name: Any) -> str:
        return self._folder.key_for(name)

    def version_of(self, key: str) -> str:
        return self._folder.version_of(key)

    def begin(self, key: str, *, size: int | None = None, note: bytes = b"") -> ObjectWriter:
        self._do("begin")
        return FaultyWriter(self._do, self._folder.begin(key, size=size, note=note))

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> ByteSource:
        self._do("open")
        return FaultySource(self._do, self._folder.open(key, offset=offset, length=length))

    def stat(self, key: str) -> Any:
        self._do("stat")
        return self._folder.stat(key)

    def delete(self, key: str) -> None:
        self._do("delete")
        self._folder.delete(key)

    def list(self) -> Iterator[Any]:
        self._do("list")
        return self._folder.list()

    def free_space(self) -> int | None:
        self._do("free_space")
        return self._folder.free_space()

    def recover(self) -> int:
        self._do("recover")
        return self._folder.recover()

    def close(self) -> None:
        self._folder.close()

    def files(self) -> list[Path]:
        """Of all objects that are here, the mark of the place left out."""
        found = (path for path in self.root.rglob("*.dcm") if path.is_file())
        return sorted(path for path in found if not path.name.startswith(MARK.instance))

    def mark(self) -> Path:
        """The file of the mark."""
        [found] = self.root.rglob(f"{MARK.instance}*.dcm")
        return found

    def contents(self) -> set[bytes]:
        return {path.read_bytes() for path in self.files()}


class FaultyWriter(ObjectWriter):
    def __init__(self, do: Fault, writer: ObjectWriter) -> None:
        self._do = do
        self._writer = writer

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._do("write")
        self._writer.write(data)

    def commit(self) -> None:
        self._do("commit")
        self._writer.commit()

    def abort(self) -> None:
        self._writer.abort()


class FaultySource:
    def __init__(self, do: Fault, source: ByteSource) -> None:
        self._do = do
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        self._do("read")
        return self._source.read(size)

    def readinto(self, buffer: memoryview | bytearray, /) -> int | None:
        self._do("read")
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@dataclass
class Scene:
    """A backend over folders below ``folder``: `hot` places, and a `cold` one."""

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    folders: dict[str, FaultyFolder] = field(default_factory=dict, init=False)

    def open(self, hot: tuple[str, ...] = ("one", "two"), **changed: Any) -> Scene:
        quorum = changed.pop("quorum", 1)
        times = {"days": 30, "idle_days": 10}
        settings = Settings.model_validate(
            {
                "tiers": [
                    {"name": "hot", "places": self._urls(hot), "quorum": quorum, **times},
                    {"name": "cold", "places": self._urls(("cold",))},
                ],
                "patience": 10,
                "retry_after": 0.1,
                "recall_free": 0,
                **changed,
            }
        )
        self.tables = OpenTables({NAME: TABLES}, data=self.folder)
        self.backend: TieredBackend = open_backend(
            settings,
            open_url=self._folder,
            store=self.tables(NAME),
            data=self.folder,
            closed=self.tables.close,
        )
        return self

    def _urls(self, names: tuple[str, ...]) -> dict[str, str]:
        return {name: f"file:{name}" for name in names}

    def _folder(self, url: str) -> FaultyFolder:
        name = url.removeprefix("file:")
        self.folders[name] = FaultyFolder(self.folder / name)
        return self.folders[name]

    def __getitem__(self, name: str) -> FaultyFolder:
        return self.folders[name]

    def put(self, data: bytes = b"the object", *, version: str = OLD, **name: Any) -> Key:
        """A new object of the study 1.2, received in 1970."""
        key = Key(name.pop("study", "1.2"), "1.3", "1.4", version)
        put(self.backend, str(key), data)
        return key

    def read(self, key: Key, **part: int) -> bytes:
        with self.backend.open(str(key), **part) as source:
            return source.read()

    def owed(self) -> list[Task]:
        self.backend.noting.put_down()
        return self.backend.book.tasks(100)

    def work(self) -> tuple[int, list[Task]]:
        """Do all that is owed, as the background does."""
        self.backend.noting.put_down()
        self.backend.book.hurry()
        work = Work(
            self.backend.tiers,
            self.backend.book,
            lambda _key: None,
            recall_free=self.backend.settings.recall_free,
        )
        return do_due(self.backend, work, threading.Event())

    def close(self) -> None:
        with suppress(AttributeError):
            self.backend.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


@pytest.fixture
def away() -> Fault:
    """Nothing works."""
    return is_away
