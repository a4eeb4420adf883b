"""An S3 server of one's own for tests: rclone's, in front of a folder, on a free port.

Nothing of the plugin imports this module but its contract suite.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Self

from pacs_framework.testing.rclone import RcloneMissing as S3Missing
from pacs_framework.testing.rclone import rclone, serve_s3
from pacs_storage_s3.address import Address
from pacs_storage_s3.connecting import connect
from pacs_storage_s3.settings import Settings

__all__ = ["PrivateS3", "S3Missing", "rclone"]

_ACCESS, _SECRET = "AKIAPACSTESTS0000001", "this-is-known-to-everybody"


class PrivateS3:
    """A server with the bucket ``pacs``; a context manager. Raises `S3Missing`.

    ``endpoint`` is its URL, ``credentials_file`` holds what it lets in, ``bucket`` the files that
    the objects are, unless it keeps them ``in_memory``. There it does not read each object twice
    more to compare it with itself. ``certificate``, a PEM file with its key, makes it speak TLS.
    """

    def __init__(self, *, in_memory: bool = False, certificate: Path | None = None) -> None:
        rclone()
        self._in_memory = in_memory
        self._certificate = certificate

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="pacs-s3-"))
        self.bucket = self._folder / "objects" / "pacs"
        self.bucket.mkdir(parents=True)
        self.credentials_file = self._folder / "credentials"
        self.credentials_file.write_text(
            f"[default]\naws_access_key_id = {_ACCESS}\naws_secret_access_key = {_SECRET}\n"
        )
        try:
            self._start()
            if self._in_memory:
                self._make_bucket()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Of its process, to send signals to."""
        return self._server.pid

    def stop(self) -> None:
        """Stop it; what it holds stays until the block ends."""
        self._server.stop()

    def _start(self) -> None:
        pem = str(self._certificate or "")
        self._server = serve_s3(
            ":memory:" if self._in_memory else str(self.bucket.parent),
            *(("--ignore-checksum",) if self._in_memory else ()),
            *("--auth-key", f"{_ACCESS},{_SECRET}"),
            *(("--cert", pem, "--key", pem) if pem else ()),
        )
        self.endpoint = self._server.url

    def _make_bucket(self) -> None:
        settings = Settings(endpoint=self.endpoint, credentials_file=self.credentials_file)
        client = connect(Address.of("s3://pacs"), settings).client
        client.create_bucket(Bucket="pacs")
        client.close()
