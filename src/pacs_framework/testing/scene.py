"""An archive to try things on: storage in memory, screws to turn, and a look behind the scenes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import IncomingInstance, StoreAnswer
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.testing.memory_storage import MemoryStorage

if TYPE_CHECKING:
    from pacs_framework.index.database import Database

__all__ = ["SMALL_SPOOL", "Scene"]

SMALL_SPOOL = 4096


def _keep(_: IncomingInstance) -> StoreAnswer:
    """Whatever comes."""
    return None


@dataclass(slots=True)
class Scene:
    """Makes archives on one index, one storage and one data folder.

    ``on_store`` and ``storage.before`` may be set at any time, ``codecs`` before the first archive.
    Instances of more than `SMALL_SPOOL` bytes go through a staging file. `end` closes every archive
    that is still open.
    """

    database: Database
    data: Path
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    on_store: Callable[[IncomingInstance], StoreAnswer] = _keep
    codecs: CodecRegistry = field(default_factory=CodecRegistry)
    _open: list[Archive] = field(default_factory=list)

    def archive(self, duplicates: DuplicatePolicy = DuplicatePolicy.IGNORE) -> Archive:
        """A running archive."""
        archive = Archive(
            database=self.database,
            storage=self.storage,
            data=self.data,
            on_store=self._decide,
            duplicates=duplicates,
            spool=SMALL_SPOOL,
            codecs=self.codecs,
            encoder=self.codecs,
        )
        self._open.append(archive)
        return archive

    def _decide(self, instance: IncomingInstance) -> StoreAnswer:
        """What ``on_store`` says at this moment."""
        return self.on_store(instance)

    def close(self, archive: Archive) -> None:
        """Stop one archive."""
        self._open.remove(archive)
        archive.close()

    def end(self) -> None:
        """Stop all of them."""
        while self._open:
            self._open.pop().close()

    def staged(self) -> list[Path]:
        """Staging files that are there."""
        folders = (self.data / "staging").glob("*/")
        return [path for folder in folders for path in folder.iterdir()]
