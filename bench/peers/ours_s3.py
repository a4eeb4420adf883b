"""This archive with its objects in a bucket of rclone's S3 server on the same machine."""

from __future__ import annotations

from pathlib import Path

from bench.peers.base import Destinations
from bench.peers.ours import Ours
from pacs_storage_s3.serving import PrivateS3, S3Missing

__all__ = ["OursOnS3"]


class OursOnS3(Ours):
    """``pacs serve`` as by default, but for ``[storage] url``; the server's CPU time counts too."""

    name = "ours-s3"
    title = "this archive, objects in S3"
    durability = (
        "SUCCESS when the store has acknowledged the object and the index is synced; this store "
        "keeps objects in memory and checks nothing"
    )

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

    @classmethod
    def settings(cls) -> str:
        """What differs from the defaults."""
        return (
            "pacs serve; SQLite; objects in `rclone serve s3 :memory: --ignore-checksum` over "
            "loopback: without that option it computes three MD5 of each object, with it one"
        )

    def furnish(self) -> None:
        """Start the store."""
        self._store = PrivateS3(in_memory=True)
        self._store.__enter__()

    def command(self) -> list[str]:
        """The same configuration, with another place for objects."""
        command = super().command()
        assert self._store is not None
        with (self.folder / "pacs.toml").open("a") as config:
            config.write(
                '[storage]\nurl = "s3://pacs/bench"\n[plugin.storage-s3]\n'
                f'endpoint = "{self._store.endpoint}"\n'
                f'credentials_file = "{self._store.credentials_file}"\n'
                'check_writes = "store"\n'
                f'state = "{self.folder / "state"}"\n'
            )
        return command

    def stop(self) -> float:
        """The archive, then the store with all that it holds."""
        seconds = super().stop()
        store, self._store = self._store, None
        if store is not None:
            store.__exit__()
        return seconds
