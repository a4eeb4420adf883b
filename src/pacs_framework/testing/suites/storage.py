"""The laws of storage backends: inherit `StorageSuite` and give the fixture ``opener``.

::

    class TestMyBackend(StorageSuite):
        @pytest.fixture
        def opener(self, tmp_path):
            return partial(MyBackend, tmp_path / "objects")

The opener opens a place that is empty at the beginning of each test, and may be called several
times, in several processes at once: it is pickled. Only a backend that is meant to forget
everything (``durable = False``) gives the fixture ``backend`` instead.

The kernel relies on all of the laws.
"""

from __future__ import annotations

from pacs_framework.testing.suites.storage_laws.deleting import Deleting
from pacs_framework.testing.suites.storage_laws.lasting import Lasting
from pacs_framework.testing.suites.storage_laws.listing import Listing
from pacs_framework.testing.suites.storage_laws.reading import Reading
from pacs_framework.testing.suites.storage_laws.remembering import Remembering
from pacs_framework.testing.suites.storage_laws.sharing import Sharing
from pacs_framework.testing.suites.storage_laws.writing import Writing

__all__ = ["StorageSuite"]


class StorageSuite(Writing, Reading, Deleting, Listing, Sharing, Lasting, Remembering, suite=True):
    """Every law of `pacs_framework.storage.StorageBackend`."""
