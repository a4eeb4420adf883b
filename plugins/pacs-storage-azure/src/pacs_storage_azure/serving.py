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
import tempfile
from email.utils import formatdate
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pacs_framework.testing.listening import Listening, NotListening

__all__ = ["AzureMissing", "PrivateAzure"]

_ACCOUNT = "pacstests"
_KEY = base64.b64encode(b"this is known to everybody, and no secret").decode()
_LISTENING = re.compile(r"successfully listens on (http\S+?)/?$")
_VERSION = "2021-12-02"


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
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        command = [
            *(self._azurite, "--blobHost", "127.0.0.1", "--blobPort", "0", "--silent"),
            *("--location", str(self._folder), "--disableTelemetry", "--skipApiVersionCheck"),
            "--disableProductStyleUrl",
        ]
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"{_ACCOUNT}:{_KEY}"}
        try:
            self._server = Listening(command, _LISTENING, environment=environment)
        except NotListening as error:
            raise AzureMissing(f"Azurite ended at start: {error}") from error
        self.endpoint = f"{self._server.url}/{_ACCOUNT}"

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
