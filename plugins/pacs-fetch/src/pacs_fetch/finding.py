"""Jobs that find what is to be fetched, and have it fetched by others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pacs_fetch.ending import put_off_at_the_end
from pacs_framework.jobs import JobKind
from pacs_framework.tables import Pauses

if TYPE_CHECKING:
    from pacs_fetch.settings import FetchSettings
    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import JobContext
    from pacs_framework.network.breaking import Breakable

__all__ = ["Finder"]

_PAUSES = Pauses(first=60.0, longest=1800.0)
_ATTEMPTS = 10


class Finder(ABC):
    """One at a time on all nodes; tried again for some hours where somebody is away."""

    name: ClassVar[str]
    description: ClassVar[str]

    def __init__(self, archive: Archive, settings: FetchSettings, calls: Breakable) -> None:
        self._archive = archive
        self._settings = settings
        self._calls = calls

    def kind(self) -> JobKind:
        """The kind of its jobs."""
        return JobKind(
            name=self.name,
            description=self.description,
            run=self._run,
            everywhere=1,
            attempts=_ATTEMPTS,
            pauses=_PAUSES,
            check=self.check,
        )

    def _run(self, context: JobContext) -> dict[str, Any]:
        with put_off_at_the_end(self._calls):
            return self.run(context)

    @abstractmethod
    def run(self, context: JobContext) -> dict[str, Any]:
        """Find it; a report without patient data."""

    @staticmethod
    @abstractmethod
    def check(payload: Mapping[str, Any]) -> None:
        """Raise `JobRefused` for a payload that makes no sense."""
