"""This archive with its objects in a bucket of rclone's S3 server, and that server alone."""

from __future__ import annotations

import time
from pathlib import Path

from bench.client.putting import Place
from bench.peers.base import Destinations, Peer, first_line_of
from bench.peers.ours import Ours
from pacs_storage_s3.serving import PrivateS3, S3Missing, rclone

__all__ = ["BarePuts", "OnS3", "OursOnS3"]

_BUCKET = "pacs"
_STORE = "`rclone serve s3 :memory: --ignore-checksum` over loopback"


class OnS3(Peer):
    """Whatever has a store of its own; the CPU time of that counts too."""

    def __init__(self, scratch: Path, destinations: Destinations) -> None:
        super().__init__(scratch, destinations)
        self._store: PrivateS3 | None = None

    @classmethod
    def missing(cls) -> str:
        """Where rclone is not installed."""
        try:
            PrivateS3()
        except S3Missing as missing:
            return str(missing)
        return ""

    @property
    def store(self) -> PrivateS3:
        """It runs."""
        assert self._store is not None, f"{self.name} is not running"
        return self._store

    def furnish(self) -> None:
        """Start the store."""
        self._store = PrivateS3(in_memory=True)
        self._store.__enter__()

    def stop(self) -> float:
        """Whatever uses the store, then the store with all that it holds."""
        seconds = super().stop()
        store, self._store = self._store, None
        if store is not None:
            store.__exit__()
        return seconds


class OursOnS3(OnS3, Ours):
    """``pacs serve`` as by default, but for ``[storage] url``."""

    name = "ours-s3"
    title = "this archive, objects in S3"
    durability = (
        "SUCCESS when the store has acknowledged the object and the index is synced; this store "
        "keeps objects in memory and checks nothing"
    )

    @classmethod
    def settings(cls) -> str:
        """What differs from the defaults."""
        return (
            f"pacs serve; SQLite; objects in {_STORE}: without that option it computes three MD5 "
            "of each object, with it one"
        )

    def command(self) -> list[str]:
        """The same configuration, with another place for objects."""
        command = super().command()
        with (self.folder / "pacs.toml").open("a") as config:
            config.write(
                f'[storage]\nurl = "s3://{_BUCKET}/bench"\n[plugin.storage-s3]\n'
                f'endpoint = "{self.store.endpoint}"\n'
                f'credentials_file = "{self.store.credentials_file}"\n'
                'check_writes = "store"\n'
                f'state = "{self.folder / "state"}"\n'
            )
        return command


class BarePuts(OnS3):
    """No archive at all: the client itself puts objects into such a store, as cheaply as may be.

    No archive with its objects there can be quicker.
    """

    name = "s3-puts"
    title = "bare PUTs, no archive"
    durability = "no DICOM, no index; the store has acknowledged the object, and checks nothing"
    associations = 0

    @classmethod
    def version(cls) -> str:
        """Of the store."""
        return first_line_of(rclone(), "version")

    @classmethod
    def settings(cls) -> str:
        """What the client does."""
        return (
            f"{_STORE}; data sets of the same size out of memory by obstore, from a thread for "
            "each association, bodies neither signed nor summed"
        )

    @property
    def place(self) -> Place:
        """Where to put objects."""
        return Place(self.store.endpoint, _BUCKET, self.store.credentials_file)

    def command(self) -> list[str]:
        """The store is a command of its own."""
        return []

    def spawn(self) -> None:
        """The store alone."""
        self.state = {}
        self.spawned = time.perf_counter()
        self.furnish()

    def log_tail(self) -> str:
        """The store says nothing that would be kept."""
        return ""
