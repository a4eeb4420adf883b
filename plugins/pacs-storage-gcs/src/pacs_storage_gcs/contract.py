"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import BaseError

from pacs_framework.testing.suites.storage import StorageSuite
from pacs_framework.testing.suites.storing import Opener
from pacs_storage_gcs.address import Address
from pacs_storage_gcs.backend import open_backend
from pacs_storage_gcs.connecting import connect
from pacs_storage_gcs.serving import GoogleMissing, PrivateGoogle
from pacs_storage_gcs.settings import Settings

__all__ = ["TestBucket"]


class TestBucket(StorageSuite):
    """Before a server that is started for the tests of this class.

    Objects as they came; how they are sealed is no matter of the store.
    """

    syncs_elsewhere = "the store does, before it answers: tests kill the process and ask the store"

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[PrivateGoogle]:
        """Skips where there is no rclone."""
        try:
            private = PrivateGoogle()
        except GoogleMissing as missing:
            pytest.skip(str(missing))
        with private:
            # The library keeps what it once began to wait with: here, for the guards.
            store = connect(Address.of("gs://pacs"), _settings(private)).small
            with suppress(FileNotFoundError, BaseError):
                obstore.head(store, "x")
            yield private

    @pytest.fixture
    def opener(self, server: PrivateGoogle, tmp_path: Path) -> Opener:
        """Each test has a prefix of its own."""
        return partial(open_backend, f"gs://pacs/{tmp_path.name}", _settings(server))


def _settings(server: PrivateGoogle) -> Settings:
    return Settings(endpoint=server.endpoint, service_account_file=server.key_file)
