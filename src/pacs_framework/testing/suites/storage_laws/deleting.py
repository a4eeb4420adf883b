"""Laws of storage backends: what is deleted."""

from __future__ import annotations

import pytest

from pacs_framework.errors import ObjectNotFound
from pacs_framework.storage import StorageBackend
from pacs_framework.testing.objects import SOME, key_of, keys, object_name, put, put_new
from pacs_framework.testing.suites.storage_laws.scene import StorageScene

__all__ = ["Deleting"]


class Deleting(StorageScene, suite=True):
    """Once, again, while somebody reads, and never the neighbours."""

    def test_delete_of_a_missing_object_is_no_error(self, backend: StorageBackend) -> None:
        """Nor a second time."""
        key = key_of(backend)
        backend.delete(key)
        put(backend, key)
        backend.delete(key)
        backend.delete(key)
        assert keys(backend) == set()
        with pytest.raises(ObjectNotFound):
            backend.open(key)

    def test_who_has_an_object_open_reads_on_after_its_delete(
        self, backend: StorageBackend
    ) -> None:
        """A replaced instance may be on its way out to a peer."""
        data = SOME * 100
        key = put_new(backend, data)
        with backend.open(key) as source:
            first = source.read(10)
            backend.delete(key)
            assert first + source.read() == data

    def test_delete_leaves_the_neighbours(self, backend: StorageBackend) -> None:
        """Of the same series, study and patient."""
        names = [
            object_name(1, size=len(SOME)),
            object_name(2, size=len(SOME)),
            object_name(3, size=len(SOME), series_instance_uid="1.2.3.5"),
            object_name(4, size=len(SOME), study_instance_uid="1.3"),
        ]
        stored = [put(backend, backend.key_for(name)) for name in names]
        backend.delete(stored[0])
        assert keys(backend) == set(stored[1:])
