"""The laws over places of two kinds: a folder, and a bucket of an S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from pacs_framework.tables import OpenTables
from pacs_framework.testing.suites.storage import StorageSuite
from pacs_framework.testing.suites.storing import Opener
from pacs_storage_s3.serving import PrivateS3, S3Missing
from pacs_storage_tiered.contract import open_places
from pacs_storage_tiered.settings import Settings
from pacs_storage_tiered.tables import NAME, TABLES


class TestFolderAndBucket(StorageSuite):
    """Every law."""

    measures_room = True

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[PrivateS3]:
        """rclone; skips where it is missing."""
        try:
            private = PrivateS3()
        except S3Missing as missing:
            pytest.skip(str(missing))
        with private:
            # What the library waits with is opened once and stays open: here, for the guards.
            store = S3Store(
                "pacs",
                endpoint=private.endpoint,
                client_options={"allow_http": True},
                skip_signature=True,
            )
            with suppress(Exception):
                obstore.head(store, "x")
            yield private

    @pytest.fixture
    def opener(self, server: PrivateS3, tmp_path: Path) -> Opener:
        places = {"folder": (tmp_path / "f").as_uri(), "bucket": f"s3://pacs/{tmp_path.name}"}
        settings = Settings.model_validate(
            {"tiers": [{"name": "hot", "places": places, "quorum": 2}], "patience": 30}
        )
        plugins = {
            "storage-filesystem": {"reserve": 0},
            "storage-s3": {
                "endpoint": server.endpoint,
                "credentials_file": server.credentials_file,
                "state": tmp_path / "state",
                "check_writes": "read-back",
            },
        }
        with closing(OpenTables({NAME: TABLES}, data=tmp_path / "data")) as tables:
            tables.prepare()
        return partial(open_places, tmp_path / "data", settings, plugins)
