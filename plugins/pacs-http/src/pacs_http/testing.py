"""What plugins that answer by HTTP test with."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pacs_http import plugin as http_plugin
from pacs_http.api import Headers, Problem, Request, Route
from pacs_http.door import HttpDoor
from pacs_http.problems import as_problem
from pacs_http.response import Response
from pacs_http.server.answers import problem_response

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from websockets.sync.client import ClientConnection

    from pacs_framework.testing.factories import Archives
    from pacs_framework.testing.running import RunningArchive

__all__ = [
    "ReadBody",
    "WebArchive",
    "answer",
    "make_request",
    "open_routes",
    "open_signal_pipe",
    "serve_http",
]

_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")
_UIDS = {"study", "series", "instance"}
_HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",  # the one of RFC 6455
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebArchive:
    """A running archive that answers HTTP at ``url``."""

    running: RunningArchive
    url: str

    def client(self, **options: Any) -> httpx.Client:
        """An `httpx.Client` for it; ``options`` are its own, such as ``auth``.

        It trusts no certificate: over HTTPS, say with ``verify`` which it shall.
        """
        try:
            import httpx  # noqa: PLC0415 - only who wants a client needs it
        except ImportError as error:
            raise RuntimeError("a client needs httpx: pip install httpx") from error
        # Whom the system trusts takes 20 ms to read, and an archive on loopback is none of them.
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        given = {"verify": nobody, "timeout": 60, "trust_env": False, **options}
        return httpx.Client(base_url=self.url, **given)

    def websocket(self, target: str, **options: Any) -> ClientConnection:
        """A WebSocket at ``target``, to be used in a ``with``; ``options`` are those of
        `websockets.sync.client.connect`. Raises what that does.
        """
        from websockets.sync.client import connect  # noqa: PLC0415 - only who wants one needs it

        url = self.url.replace("http", "ws", 1) + target
        line: ClientConnection = connect(url, **{"proxy": None, "open_timeout": 60, **options})
        return line


def serve_http(
    archives: Archives,
    plugins: Mapping[str, object] | None = None,
    *,
    http: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> WebArchive:
    """Run an archive with pacs-http and ``plugins`` in this process, on a free port of loopback.

    archives
        What the fixture ``pacs_archive`` gives; ``settings`` and ``more`` are for it.
    http
        Settings of the section ``[plugin.http]``.
    """
    tree = dict(settings or {})
    tree["plugin"] = {**tree.get("plugin", {}), "http": {"port": 0, **(http or {})}}
    running = archives({"http": http_plugin, **(plugins or {})}, settings=tree, **more)
    return WebArchive(running=running, url=running.app.entrances.urls()["http"])


def open_routes(web: WebArchive) -> list[str]:
    """Names of the routes, of all plugins, that answer somebody who may do nothing: other than
    with 401 without login, or other than with 403 to a token without a role; a WebSocket both as it
    is asked for and as an ordinary request.
    """
    from pacs_http.access.accounts import Accounts  # noqa: PLC0415 - needs SQLAlchemy

    token = Accounts(web.running.archive.tables("http")).create_token("powerless", [])
    headers = {"Authorization": f"Bearer {token}"}
    found = []
    (door,) = (each for each in web.running.app.entrances.doors if isinstance(each, HttpDoor))
    with web.client() as client:
        for route in door.router.routes:
            target = _PARAMETER.sub(lambda m: "1.2" if m[1] in _UIDS else "x", route.path)
            for asked in ({}, _HANDSHAKE) if route.opens else ({},):
                nobody = client.request(route.method, target, headers=asked)
                powerless = client.request(route.method, target, headers={**headers, **asked})
                answers = (nobody.status_code, powerless.status_code)
                if answers != (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                    found.append(route.name)
    return list(dict.fromkeys(found))


def open_signal_pipe() -> None:
    """Have libuv open what it opens once in a process, and never closes.

    For a fixture of the session: the guard of `pacs_framework.testing` would take it for something
    that the first test has left behind.
    """
    import uvloop  # noqa: PLC0415 - only servers need it

    uvloop.new_event_loop().close()


class ReadBody:
    """The body of a request, all there."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; nothing at the end."""
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def __iter__(self) -> Any:
        while piece := self.read(1 << 16):
            yield piece


def make_request(
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    **more: Any,
) -> Request:
    """A request for ``target``, path and query; ``more`` are further fields of `Request`."""
    path, _, query = target.partition("?")
    return Request(
        method=method,
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers=Headers(tuple((headers or {}).items())),
        body=ReadBody(body),
        **{"base_url": "http://127.0.0.1:8042", "request_id": "test", **more},
    )


def answer(
    handler: Route | Callable[[Request], Response], request: Request
) -> tuple[int, Headers, bytes]:
    """Status, headers and body that a handler gives, without a server; a `Problem` as it is sent.

    An exception that is none of an archive's is raised.
    """
    try:
        response = (handler.handler if isinstance(handler, Route) else handler)(request)
        body = response.body
        data = body if isinstance(body, bytes) else b"".join(body)
    except Problem as problem:
        response = problem_response(as_problem(problem), request.request_id)
        assert isinstance(response.body, bytes)
        data = response.body
    headers = [*response.headers, ("Content-Type", response.media_type)]
    return response.status, Headers(tuple(headers)), data
