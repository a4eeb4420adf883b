"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from pacs_framework.testing.suites.storage import StorageSuite
from pacs_framework.testing.suites.storing import Opener
from pacs_storage_s3.backend import open_backend
from pacs_storage_s3.serving import PrivateS3, S3Missing
from pacs_storage_s3.settings import Checking, Settings

__all__ = ["TestPlain", "TestSealed"]


class _Served(StorageSuite):
    """Before a server that is started for the tests of each class."""

    syncs_elsewhere = "the store does, before it answers: tests kill the process and ask the store"
    sealed: ClassVar[bool]

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[PrivateS3]:
        """Skips where there is no rclone."""
        try:
            private = PrivateS3()
        except S3Missing as missing:
            pytest.skip(str(missing))
        with private:
            # The library keeps what it once began to wait with: here, for the guards.
            with suppress(FileNotFoundError, BaseError):
                obstore.head(
                    S3Store(
                        "pacs",
                        endpoint=private.endpoint,
                        client_options={"allow_http": True},
                        skip_signature=True,
                    ),
                    "x",
                )
            yield private

    @pytest.fixture
    def opener(self, server: PrivateS3, tmp_path: Path) -> Opener:
        """Each test has a prefix of its own."""
        key_file = None
        if self.sealed:
            key_file = tmp_path / "key"
            key_file.write_text("5e" * 32)
        settings = Settings(
            endpoint=server.endpoint,
            credentials_file=server.credentials_file,
            state=tmp_path / "state",
            key_file=key_file,
            check_writes=Checking.READ_BACK,  # this server keeps what arrives damaged
        )
        return partial(open_backend, f"s3://pacs/{tmp_path.name}", settings)


class TestPlain(_Served):
    """Objects as they came."""

    sealed = False


class TestSealed(_Served):
    """Objects that are encrypted before they are sent."""

    sealed = True
