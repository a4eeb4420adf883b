"""Every route of every installed plugin is closed to who may do nothing."""

from __future__ import annotations

from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import pytest

from pacs_framework import hookimpl
from pacs_framework.testing.factories import Archives
from pacs_http.api import Action, Level, Request, Response, Route
from pacs_http.testing import open_routes, serve_http

_PUBLIC = ["GET /health/live", "GET /health/ready"]


def installed() -> dict[str, Any]:
    """The plugins that answer by HTTP, by their names."""
    points = [each for each in entry_points(group="pacs.plugins") if each.name != "http"]
    loaded = {each.name: each.load() for each in points}
    return {name: each for name, each in loaded.items() if hasattr(each, "http_routes")}


def test_no_route_answers_who_may_do_nothing(pacs_archive: Archives) -> None:
    """Neither without login nor to a token without a role; but for health, on purpose."""
    web = serve_http(pacs_archive, installed(), http={"login": "required"})
    assert open_routes(web) == _PUBLIC


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_route_that_forgot_is_found(pacs_archive: Archives, method: str) -> None:
    """One that says it is public, so that nobody is asked about it."""

    def forgotten(request: Request) -> Response:
        del request
        return Response(body=b"everything")

    route = Route(
        method=method,
        path="/forgotten/{name}",
        handler=forgotten,
        level=Level.SYSTEM,
        action=Action.READ,
        summary="for a test",
        public=True,
    )
    plugin = SimpleNamespace(http_routes=hookimpl(lambda: [route]))
    web = serve_http(pacs_archive, {"test": plugin}, http={"login": "required"})
    assert open_routes(web) == [*_PUBLIC, f"{method} /forgotten/{{name}}"]


def test_there_are_routes_to_walk() -> None:
    """All that is installed here is asked: at least what this repository has."""
    names = installed()
    if not names:
        pytest.skip("no plugin with routes is installed beside pacs-http")
    assert "dicomweb" in names
