"""What pacs-dicomweb asks (hook ``non_patient_instances``): the same collection, by categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.errors import MismatchedInstance, ObjectNotFound
from pacs_non_patient.categories import BY_CATEGORY
from pacs_non_patient.collection import Collection, Kept, Outcome
from pacs_non_patient.received import Gathering
from pacs_non_patient.searching import find

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pacs_framework.archive.archive import Archive
    from pacs_framework.dicom.file_meta import FileMeta
    from pacs_framework.dicom.matching import MatchingRules
    from pacs_non_patient.settings import NonPatientSettings

__all__ = ["WebInstances"]


class WebInstances:
    """The instances by the names that PS3.18 12.1.1 has for them; safe to use from many threads."""

    categories: Mapping[str, Sequence[str]] = {
        category: tuple(dict.fromkeys(name for model in models for name in model.attributes))
        for category, models in BY_CATEGORY.items()
    }

    def __init__(self, archive: Archive, settings: NonPatientSettings) -> None:
        self._collection = Collection.of(archive)
        self._max_size = settings.max_size

    def search(self, category: str, keys: Dataset, rules: MatchingRules) -> Iterator[Dataset]:
        """The attributes of each instance that matches."""
        return find(self._collection, BY_CATEGORY[category], keys, rules)

    def open(self, category: str, uid: str) -> Kept:
        """An instance. Raises `ObjectNotFound`."""
        kept = self._collection.open(uid, _classes(category))
        if kept is None:
            raise ObjectNotFound(f"no instance {uid!r} among the {category}")
        return kept

    def store(
        self, category: str, meta: FileMeta, pieces: Iterable[bytes | memoryview], sender: str
    ) -> Outcome:
        """Keep an instance. Raises `MismatchedInstance` for one of another category, and as
        `Collection.take_in` does.
        """
        if meta.sop_class_uid not in _classes(category):
            raise MismatchedInstance(f"SOP class {meta.sop_class_uid!r} is none of the {category}")
        data = Gathering(self._max_size)
        for piece in pieces:
            data.take(piece)
        return self._collection.take_in(meta, data.whole(), sender)


def _classes(category: str) -> frozenset[str]:
    return frozenset(uid for model in BY_CATEGORY[category] for uid in model.storage)
