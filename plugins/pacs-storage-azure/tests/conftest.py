"""Azurite for all tests, a proxy with faults before it, and backends on a prefix of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import obstore
import pytest

from pacs_framework.testing.faulty_http import Proxy
from pacs_framework.testing.suites.bucket_place import BucketPlace
from pacs_storage_azure.address import Address
from pacs_storage_azure.backend import AzureBackend, open_backend
from pacs_storage_azure.connecting import connect
from pacs_storage_azure.serving import AzureMissing, PrivateAzure
from pacs_storage_azure.settings import Settings


class Place(BucketPlace):
    """Before Azurite."""

    section = "plugin.storage-azure"

    def __init__(self, server: PrivateAzure, folder: Path, url: str) -> None:
        super().__init__(folder)
        self.server = server
        self.url = url

    def settings(self, **changed: Any) -> Settings:
        given = {
            "account": self.server.account,
            "endpoint": self.server.endpoint,
            "account_key_file": self.server.key_file,
            "check_writes": "trust",
            **changed,
        }
        return Settings(**given)

    def backend(self, settings: Settings) -> AzureBackend:
        return open_backend(self.url, settings)


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateAzure]:
    """Azurite; skips where it is missing."""
    try:
        private = PrivateAzure()
    except AzureMissing as missing:
        pytest.skip(str(missing))
    with private:
        settings = Place(private, Path(), "az://pacs").settings()
        # What the library waits with is opened once and stays open.
        with suppress(Exception):
            obstore.head(connect(Address.of("az://pacs"), settings).small, "x")
        yield private


@pytest.fixture
def place(server: PrivateAzure, tmp_path: Path) -> Iterator[Place]:
    made = Place(server, tmp_path, f"az://pacs/{tmp_path.name}")
    yield made
    made.close()


@pytest.fixture
def proxy(server: PrivateAzure) -> Iterator[Proxy]:
    made = Proxy(server.endpoint)
    yield made
    made.close()
