"""The application for ASGI servers of others: open with their lifespan, or refused in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacs_http.asgi import ServedElsewhere, application

_LOGIN = '[plugin.http]\nlogin = "required"\n'
_ASKED: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "http_version": "1.1",
    "scheme": "http",
    "path": "/health/ready",
    "query_string": b"",
    "headers": [(b"host", b"pacs.example.org")],
    "client": ("192.0.2.1", 4711),
    "server": ("192.0.2.2", 80),
}


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Path]:
    """A configuration with these lines about HTTP."""

    def write(lines: str) -> Path:
        file = tmp_path / "pacs.toml"
        plugins = '[plugins]\nallow = ["http", "storage-filesystem"]\n'
        file.write_text(f'[archive]\ndata = "{tmp_path / "data"}"\n{plugins}{lines}', "utf-8")
        return file

    return write


@pytest.fixture(autouse=True)
def log_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sets up the log of its process, which here is that of all tests."""
    monkeypatch.setattr("pacs_http.asgi.configure_logging", lambda _: None)


class _Server:
    """As much of an ASGI server as a test needs: a lifespan, and requests within it."""

    def __init__(self, app: ServedElsewhere) -> None:
        self._app = app
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def start(self) -> dict[str, Any]:
        """What the application says to its start."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        living = self._app(scope, self._to_app.get, self._from_app.put)
        self._living = asyncio.ensure_future(living)
        return await self._said("lifespan.startup")

    async def stop(self) -> dict[str, Any]:
        """What it says to its end."""
        said = await self._said("lifespan.shutdown")
        await self._living
        return said

    async def _said(self, event: str) -> dict[str, Any]:
        await self._to_app.put({"type": event})
        return await asyncio.wait_for(self._from_app.get(), 60)

    async def get(self, path: str) -> list[dict[str, Any]]:
        """The messages of an answer."""
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        await self._app({**_ASKED, "path": path}, receive, send)
        return said


def test_it_is_open_for_as_long_as_its_server(configured: Callable[[str], Path]) -> None:
    """It answers as our own server does, and what nobody may ask here, nobody may ask there."""

    async def live() -> list[Any]:
        server = _Server(ServedElsewhere(configured(_LOGIN)))
        told = [await server.start()]
        ready, document = await server.get("/health/ready"), await server.get("/openapi.json")
        return [*told, ready[0]["status"], document[0]["status"], await server.stop()]

    assert asyncio.run(live()) == [
        {"type": "lifespan.startup.complete"},
        200,
        401,
        {"type": "lifespan.shutdown.complete"},
    ]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("", 'set login = "required" in [plugin.http]'),
        ('[plugin.http]\nlogin = "sometimes"\n', "login"),
        (
            f'{_LOGIN}[plugin.http.tls]\nenabled = true\ncertificate = "/x"\nkey = "/y"\n',
            "give certificate and key to the one that serves",
        ),
    ],
)
def test_what_cannot_hold_there_is_refused(
    configured: Callable[[str], Path], lines: str, why: str
) -> None:
    """At the start, in words: an open archive on an address that nobody knows, above all."""

    async def start() -> dict[str, Any]:
        return await _Server(ServedElsewhere(configured(lines))).start()

    said = asyncio.run(start())
    assert said["type"] == "lifespan.startup.failed"
    assert why in said["message"]


def test_without_a_lifespan_it_answers_nothing(configured: Callable[[str], Path]) -> None:
    """Rather than open an archive that nobody closes."""

    async def ask() -> None:
        await _Server(ServedElsewhere(configured(_LOGIN))).get("/health/ready")

    with pytest.raises(RuntimeError, match="switch the server's lifespan on"):
        asyncio.run(ask())


def test_the_configuration_is_named_as_for_every_command(
    configured: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the variable PACS_CONFIG."""
    monkeypatch.setenv("PACS_CONFIG", str(configured("[plugin.http]\n")))

    async def start() -> dict[str, Any]:
        return await _Server(application()).start()

    assert 'login = "required"' in asyncio.run(start())["message"]
