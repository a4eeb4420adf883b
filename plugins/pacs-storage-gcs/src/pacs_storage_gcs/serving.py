"""A stand-in for Google Cloud Storage, for tests; Google itself is never spoken to.

Objects are kept by rclone's S3 server, which is not ours: Google's XML interface is S3's under
other names. What differs is here: whom it lets in, how headers are called, what is answered for a
range and for the deletion of what is not there.

Nothing of the plugin imports this module but its contract suite.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from pacs_framework.testing.faulty_http import Exchange, Proxy
from pacs_framework.testing.rclone import RcloneMissing as GoogleMissing
from pacs_framework.testing.rclone import rclone, serve_s3
from pacs_storage_gcs.accounts import METADATA_TOKEN, Account

__all__ = ["GoogleMissing", "PrivateGoogle"]

_GOOGLE, _AMAZON = "x-goog-", "x-amz-"
_METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
_TOLD = {"content-length", "content-range", "content-type", "date", "etag", "last-modified"}


class PrivateGoogle:
    """A store with the bucket ``pacs``; a context manager. Raises `GoogleMissing`.

    ``endpoint`` is its URL, ``key_file`` that of the service account that it lets in. At ``host``
    it is the metadata server of a machine as well, whose account it lets in too, unless the machine
    ``has_account`` no longer.
    """

    has_account = True

    def __init__(self) -> None:
        rclone()
        self._account = Account("archive@example.iam.gserviceaccount.com")

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="pacs-gcs-"))
        self._objects = self._folder / "objects"
        (self._objects / "pacs").mkdir(parents=True)
        self.key_file = self._folder / "key.json"
        self.key_file.write_text(self._account.key())
        try:
            self._kept = serve_s3(str(self._objects))
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._door = Proxy(self._kept.url)
        self._door.always = self._answered
        self.endpoint = self._door.endpoint
        self.host = urlsplit(self.endpoint).netloc
        return self

    def __exit__(self, *exc: object) -> None:
        self._door.close()
        self._kept.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answered(self, exchange: Exchange) -> bool:
        if urlsplit(exchange.path).path == _METADATA:
            self._tell_token(exchange)
        elif not self._account.lets_in(exchange.headers.get("Authorization", "")):
            _refuse(exchange, HTTPStatus.UNAUTHORIZED, "AuthenticationRequired")
        else:
            _pass_on(exchange, self._objects)
        return True

    def _tell_token(self, exchange: Exchange) -> None:
        if exchange.headers.get("Metadata-Flavor") != "Google" or not self.has_account:
            exchange.answer(HTTPStatus.NOT_FOUND, [], b"")
            return
        token = {"access_token": METADATA_TOKEN, "expires_in": 3599, "token_type": "Bearer"}
        headers = [("Content-Type", "application/json")]
        exchange.answer(HTTPStatus.OK, headers, json.dumps(token).encode())


def _pass_on(exchange: Exchange, objects: Path) -> None:
    path, mark, query = exchange.path.partition("?")
    path = unquote(path)
    exchange.path = quote(path) + mark + query  # Google's clients quote slashes as well
    for name, value in exchange.headers.items():
        if name.lower().startswith(_GOOGLE):
            del exchange.headers[name]
            exchange.headers[_AMAZON + name[len(_GOOGLE) :]] = value
    status, headers, data = _deleted(exchange) if exchange.command == "DELETE" else exchange.ask()
    told = {name.lower(): value for name, value in headers}
    if status == HTTPStatus.OK and "content-range" in told:
        status = HTTPStatus.PARTIAL_CONTENT
    if "last-modified" in told:
        # rclone tells when the upload began, but when it ended in its listings.
        modified = (objects / path.lstrip("/")).stat().st_mtime
        told["last-modified"] = formatdate(modified, usegmt=True)
    kept = [(name, value) for name, value in told.items() if name in _TOLD]
    marked = [
        (name.replace(_AMAZON, _GOOGLE), value)
        for name, value in told.items()
        if name.startswith(_AMAZON)
    ]
    exchange.answer(status, kept + marked, data)


def _deleted(exchange: Exchange) -> tuple[int, list[tuple[str, str]], bytes]:
    """Google answers 404 to the deletion of what is not there, S3 does not."""
    exchange.command = "GET"
    found = exchange.ask()
    exchange.command = "DELETE"
    return exchange.ask() if found[0] == HTTPStatus.OK else found


def _refuse(exchange: Exchange, status: int, code: str) -> None:
    exchange.answer(status, [], f"<Error><Code>{code}</Code></Error>".encode())
