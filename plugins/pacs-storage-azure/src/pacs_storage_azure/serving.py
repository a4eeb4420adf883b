"""An Azure Blob server of one's own for tests: Azurite, in front of a folder, on a free port.

Nothing of the plugin imports this module but its contract suite.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from email.utils import formatdate
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

__all__ = ["AzureMissing", "PrivateAzure"]

_ACCOUNT = "pacstests"
_KEY = base64.b64encode(b"this is known to everybody, and no secret").decode()
_LISTENING = re.compile(r"successfully listens on (http\S+?)/?$")
_VERSION = "2021-12-02"
_STOP_SECONDS = 20


class AzureMissing(Exception):
    """The server cannot be started here; the message says why."""


class PrivateAzure:
    """A server with the container ``pacs``; a context manager. Raises `AzureMissing`.

    ``endpoint`` is its URL with the ``account``, ``key_file`` holds the account's key.
    """

    account = _ACCOUNT

    def __init__(self) -> None:
        self._azurite = _azurite()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="pacs-azure-"))
        self.key_file = self._folder / "key"
        self.key_file.write_text(f"{_KEY}\n")
        try:
            self._start()
            self._make_container()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP_SECONDS)
        self._drain.join(_STOP_SECONDS)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [
                *(self._azurite, "--blobHost", "127.0.0.1", "--blobPort", "0", "--silent"),
                *("--location", str(self._folder), "--disableTelemetry", "--skipApiVersionCheck"),
                "--disableProductStyleUrl",
            ],
            env={**os.environ, "AZURITE_ACCOUNTS": f"{_ACCOUNT}:{_KEY}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._log = self._process.stdout
        self.endpoint = f"{self._wait_until_listening(self._log)}/{_ACCOUNT}"
        self._drain = threading.Thread(target=self._log.read, daemon=True)
        self._drain.start()

    def _wait_until_listening(self, log: IO[str]) -> str:
        said = []
        for line in log:
            said.append(line)
            if found := _LISTENING.search(line.strip()):
                return found[1]
        raise AzureMissing(f"Azurite ended at start: {''.join(said)[-300:]}")

    def _make_container(self) -> None:
        """Create Container, signed with the account's key: obstore has no word for it."""
        path = f"/{_ACCOUNT}/pacs"
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
        signed = "\n".join(
            (
                "PUT" + "\n" * 11,
                *(f"{name}:{value}" for name, value in headers.items()),
                f"/{_ACCOUNT}{path}",
                "restype:container",
            )
        )
        digest = hmac.digest(base64.b64decode(_KEY), signed.encode(), hashlib.sha256)
        headers["Authorization"] = f"SharedKey {_ACCOUNT}:{base64.b64encode(digest).decode()}"
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc)
        connection.request("PUT", f"{path}?restype=container", headers=headers)
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
        connection.close()
        if answer.status != http.HTTPStatus.CREATED:
            raise AzureMissing(f"Azurite makes no container: {answer.status} {said[:300]}")


def _azurite() -> str:
    """The program of the npm package azurite: beside the modules of NODE_PATH, or in PATH."""
    beside = os.environ.get("NODE_PATH", "").split(os.pathsep)
    places = [str(Path(folder) / ".bin") for folder in beside if folder]
    found = shutil.which("azurite-blob", path=os.pathsep.join([*places, os.environ["PATH"]]))
    if found is None:
        raise AzureMissing("azurite is not installed: npm install azurite, and set NODE_PATH")
    return found
