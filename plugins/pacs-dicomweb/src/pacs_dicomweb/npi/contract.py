"""What a plugin has to be that keeps non-patient instances, without a wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from pydicom import Dataset

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.matching import MatchingRules

__all__ = ["Facts", "Kept", "NonPatientInstances", "Outcome"]


class Facts(Protocol):
    """What is known of an instance; ``digest`` changes with its data set."""

    @property
    def sop_class_uid(self) -> str: ...  # noqa: D102 - as its name says, and so below
    @property
    def sop_instance_uid(self) -> str: ...  # noqa: D102
    @property
    def transfer_syntax_uid(self) -> str: ...  # noqa: D102
    @property
    def digest(self) -> bytes: ...  # noqa: D102


class Kept(Protocol):
    """An instance; ``dataset`` is encoded in the transfer syntax of its facts, uncompressed."""

    @property
    def facts(self) -> Facts: ...  # noqa: D102 - see above
    @property
    def dataset(self) -> bytes: ...  # noqa: D102


class Outcome(Protocol):
    """An instance that is kept: ``status`` is 0, or a warning of C-STORE."""

    @property
    def status(self) -> int: ...  # noqa: D102 - see above


class NonPatientInstances(Protocol):
    """Instances by category, which is the name of a resource (PS3.18 12.1.1).

    What is raised is a `PacsError`, whose ``status`` and ``http_status`` are told.
    """

    @property
    def categories(self) -> Mapping[str, Sequence[str]]:
        """The keywords that a search returns of each category."""

    def search(self, category: str, keys: Dataset, rules: MatchingRules) -> Iterator[Dataset]:
        """All that matches, one by one; each data set is the caller's own."""

    def open(self, category: str, uid: str) -> Kept:
        """An instance by its SOP Instance UID. Raises `ObjectNotFound`."""

    def store(
        self, category: str, meta: FileMeta, pieces: Iterable[bytes | memoryview], sender: str
    ) -> Outcome:
        """Keep an instance; it is durable and found when this returns."""
