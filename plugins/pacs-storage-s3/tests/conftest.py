"""An S3 server for all tests, a proxy with faults before it, and backends on a prefix of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import obstore
import pytest
import structlog
from obstore.store import S3Store

from pacs_framework.testing.faulty_http import Proxy
from pacs_framework.testing.suites.bucket_place import BucketPlace
from pacs_storage_s3.backend import S3Backend, open_backend
from pacs_storage_s3.serving import PrivateS3, S3Missing
from pacs_storage_s3.settings import Settings


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateS3]:
    """rclone; skips where it is missing."""
    try:
        private = PrivateS3()
    except S3Missing as missing:
        pytest.skip(str(missing))
    with private:
        # What the library waits with is opened once and stays open.
        store = S3Store(
            "pacs",
            endpoint=private.endpoint,
            client_options={"allow_http": True},
            skip_signature=True,
        )
        with suppress(Exception):
            obstore.head(store, "x")
        yield private


class Place(BucketPlace):
    """Before rclone's server."""

    section = "plugin.storage-s3"

    def __init__(self, server: PrivateS3, folder: Path, url: str) -> None:
        super().__init__(folder)
        self.server = server
        self.url = url

    def settings(self, **changed: Any) -> Settings:
        given = {
            "endpoint": self.server.endpoint,
            "credentials_file": self.server.credentials_file,
            "state": self.folder / "state",
            "check_writes": "store",
            **changed,
        }
        return Settings(**given)

    def backend(self, settings: Settings) -> S3Backend:
        return open_backend(self.url, settings)

    def file(self, key: str) -> Path:
        """The file that the server keeps an object in."""
        return self.server.bucket / self.url.removeprefix("s3://pacs/") / key


@pytest.fixture
def place(server: PrivateS3, tmp_path: Path) -> Iterator[Place]:
    made = Place(server, tmp_path, f"s3://pacs/{tmp_path.name}")
    yield made
    made.close()


@pytest.fixture
def proxy(server: PrivateS3) -> Iterator[Proxy]:
    made = Proxy(server.endpoint)
    yield made
    made.close()


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """What is logged, as records."""
    with structlog.testing.capture_logs() as records:
        yield records
