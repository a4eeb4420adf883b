"""What the suites for buckets stand on: a place of one test before a real server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from pacs_framework.storage import StorageBackend

__all__ = ["BucketPlace"]


class BucketPlace(ABC):
    """A prefix of one test in the bucket of a server that is the tests' own.

    ``changed`` are settings of the plugin's section; ``endpoint`` is where tests put a proxy.
    """

    url: str
    section: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[StorageBackend] = []

    @abstractmethod
    def settings(self, **changed: Any) -> Any:
        """The section, complete for this server."""

    @abstractmethod
    def backend(self, settings: Any) -> StorageBackend:
        """A backend for the place."""

    def open(self, **changed: Any) -> StorageBackend:
        """A backend that is closed when the test ends."""
        backend = self.backend(self.settings(**changed))
        self.opened.append(backend)
        return backend

    def toml(self, **changed: Any) -> str:
        """The configuration of an archive whose objects are here."""
        section = self.settings(**changed).model_dump(mode="json", exclude_unset=True)
        lines = "".join(f"{key} = {value!r}\n" for key, value in section.items())
        return f'[storage]\nurl = "{self.url}"\n[{self.section}]\n{lines}'

    def close(self) -> None:
        """Close what was opened."""
        for backend in self.opened:
            backend.close()
