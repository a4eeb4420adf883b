"""The stand-in for all tests, a proxy with faults before it, and backends on a prefix of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import obstore
import pytest

from pacs_framework.testing.faulty_http import Proxy
from pacs_framework.testing.suites.bucket_place import BucketPlace
from pacs_storage_gcs.address import Address
from pacs_storage_gcs.backend import GoogleBackend, open_backend
from pacs_storage_gcs.connecting import connect
from pacs_storage_gcs.serving import GoogleMissing, PrivateGoogle
from pacs_storage_gcs.settings import Settings


class Place(BucketPlace):
    """Before the stand-in."""

    section = "plugin.storage-gcs"

    def __init__(self, server: PrivateGoogle, folder: Path, url: str) -> None:
        super().__init__(folder)
        self.server = server
        self.url = url

    def settings(self, **changed: Any) -> Settings:
        given = {
            "endpoint": self.server.endpoint,
            "service_account_file": self.server.key_file,
            "check_writes": "trust",
            "part_size": 5 << 20,
            **changed,
        }
        return Settings(**given)

    def backend(self, settings: Settings) -> GoogleBackend:
        return open_backend(self.url, settings)


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateGoogle]:
    """The stand-in; skips where there is no rclone."""
    try:
        private = PrivateGoogle()
    except GoogleMissing as missing:
        pytest.skip(str(missing))
    with private:
        settings = Place(private, Path(), "gs://pacs").settings()
        # What the library waits with is opened once and stays open.
        with suppress(Exception):
            obstore.head(connect(Address.of("gs://pacs"), settings).small, "x")
        yield private


@pytest.fixture
def place(server: PrivateGoogle, tmp_path: Path) -> Iterator[Place]:
    made = Place(server, tmp_path, f"gs://pacs/{tmp_path.name}")
    yield made
    made.close()


@pytest.fixture
def proxy(server: PrivateGoogle) -> Iterator[Proxy]:
    made = Proxy(server.endpoint)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _nobody_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials but those of the test, and no other machine is asked for some."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_BEARER_TOKEN", "SERVICE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:9")
