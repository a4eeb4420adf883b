"""Another DICOMweb server: how it is reached, who we are to it, and what its errors mean."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.network.tls import client_context

if TYPE_CHECKING:
    import httpx

__all__ = ["JSON", "Secret", "Server", "ServerError", "checked", "reaching"]

JSON = "application/dicom+json"
"""The media type of data sets in JSON (PS3.18 8.7.3.2)."""

_LONGEST_ERROR = 1 << 16
_CONNECT = 10.0  # seconds: nothing can break off an attempt to connect
_OK = range(200, 300)


class ServerError(PacsError):
    """The server could not be reached, refused, or answered with what cannot be read.

    ``answered`` is the HTTP status, 0 where no answer came; ``connected``: a connection was there.
    """

    def __init__(self, message: str, *, answered: int = 0, connected: bool = True) -> None:
        super().__init__(message)
        self.answered = answered
        self.connected = connected


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A password or a token: in a file, or in an environment variable. Never written down here."""

    file: Path | None = None
    variable: str = ""

    def __bool__(self) -> bool:
        return self.file is not None or bool(self.variable)

    def read(self) -> str:
        """The secret, without the line break that ends a file. Raises `ConfigurationError`."""
        if self.file is not None:
            try:
                text = self.file.read_text("utf-8").strip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"{str(self.file)!r} cannot be read: {error}") from None
        else:
            text = os.environ.get(self.variable, "")
        if not text or not text.isprintable():
            source = self.variable if self.file is None else str(self.file)
            raise ConfigurationError(f"{source!r} holds no password or token")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a service is, up to what stands in front of ``/studies``, and how we log in.

    Raises `ConfigurationError`.
    """

    url: str
    user: str = ""
    password: Secret = field(default_factory=Secret)
    token: Secret = field(default_factory=Secret)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    timeout: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(f"{self.url!r} is no address: http://HOST:PORT/dicom-web")
        if parts.username or parts.password:
            raise ConfigurationError("no passwords in addresses: they end up in logs")
        if self.token and self.user:
            raise ConfigurationError("log in with a token or with a user's name, not with both")
        if bool(self.user) != bool(self.password):
            raise ConfigurationError("a user's name needs a password, and a password a name")

    @contextmanager
    def open(self) -> Iterator[httpx.Client]:
        """A client with connections of its own. Raises `ServerError` for what goes wrong with it.

        Redirections are not followed: they would take the login, and patients, elsewhere.
        """
        import httpx  # noqa: PLC0415 - a fifth of a second, for those who talk to others

        headers = {"Authorization": f"Bearer {self.token.read()}"} if self.token else {}
        auth = httpx.BasicAuth(self.user, self.password.read()) if self.user else None
        with (
            reaching(self.url),
            httpx.Client(
                base_url=self.url.rstrip("/"),
                headers=headers,
                auth=auth,
                verify=client_context(ca=self.ca, certificate=self.certificate, key=self.key),
                timeout=httpx.Timeout(self.timeout, connect=min(self.timeout, _CONNECT)),
                trust_env=False,
            ) as client,
        ):
            yield client


@contextmanager
def reaching(url: object) -> Iterator[None]:
    """Raise `ServerError` for whatever goes wrong with a connection."""
    import httpx  # noqa: PLC0415 - see above

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        cause = str(error) or type(error).__name__
        connected = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        raise ServerError(f"{url} cannot be used: {cause}", connected=connected) from error


def checked(answer: httpx.Response) -> httpx.Response:
    """``answer`` where it is a success. Raises `ServerError` with what the server says of it."""
    if answer.status_code in _OK:
        return answer
    text = f"{answer.request.url.host} answered {answer.status_code} {answer.reason_phrase}"
    detail = _detail(answer)
    raise ServerError(f"{text}: {detail}" if detail else text, answered=answer.status_code)


def _detail(answer: httpx.Response) -> str:
    """What a problem (RFC 9457) or another JSON error says in words."""
    if "json" not in answer.headers.get("content-type", ""):
        return ""
    taken = bytearray()
    for piece in answer.iter_bytes():
        taken += piece
        if len(taken) > _LONGEST_ERROR:
            return ""
    try:
        value = json.loads(bytes(taken))
    except ValueError:
        return ""
    for name in ("detail", "Details", "Message", "message"):
        if isinstance(value, dict) and isinstance(value.get(name), str) and value[name]:
            return "".join(c if c.isprintable() else " " for c in value[name][:300])
    return ""
