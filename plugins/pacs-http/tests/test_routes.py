"""Declarations of routes, and how addresses find them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pacs_framework import hookimpl
from pacs_framework.errors import ConfigurationError, PacsError
from pacs_framework.testing.factories import Archives
from pacs_http.api import Action, Level, Problem, Resource, Response, Route, json_response
from pacs_http.router import Router, decoded_segments
from pacs_http.testing import answer, make_request, serve_http


def route(path: str, method: str = "GET", **more: Any) -> Route:
    """A route that answers with nothing."""
    facts = {"level": Level.SYSTEM, "action": Action.READ, "summary": "x", **more}
    return Route(method=method, path=path, handler=lambda _: Response(), **facts)


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ({"path": "a"}, "does not begin with /"),
        ({"path": "/{a:path}/b"}, "takes the rest, and is not at the end"),
        ({"path": "/{a}/{a}"}, "names a parameter twice"),
        ({"path": "/a{b}"}, "neither plain nor {name}"),
        ({"path": "/a//b"}, "neither plain nor {name}"),
        ({"path": "/a", "method": "FETCH"}, "the method is none of"),
        ({"path": "/a", "public": True, "level": Level.STUDY}, "can be public"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(
    facts: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong):
        route(**facts)


def test_plain_goes_before_a_parameter_and_that_before_the_rest() -> None:
    """Decided segment by segment, from the left."""
    routes = [route("/a/{x:path}"), route("/a/{x}"), route("/a/b"), route("/{y}/b/c")]
    router = Router([("test", routes)])
    for address, wanted, values in (
        (b"/a/b", "/a/b", {}),
        (b"/a/c", "/a/{x}", {"x": "c"}),
        (b"/a/b/c", "/a/{x:path}", {"x": "b/c"}),
        (b"/d/b/c", "/{y}/b/c", {"y": "d"}),
        (b"/a/b/d", "/a/{x:path}", {"x": "b/d"}),
    ):
        match = router.find("GET", address)
        assert (match.route.path, match.values) == (wanted, values), address


def test_a_method_is_found_where_a_plainer_address_has_others() -> None:
    router = Router([("test", [route("/a/b"), route("/a/{x}", "DELETE")])])
    assert router.find("DELETE", b"/a/b").route.path == "/a/{x}"
    with pytest.raises(Problem) as caught:
        router.find("PUT", b"/a/b")
    assert caught.value.headers == (("Allow", "DELETE, GET, HEAD, OPTIONS"),)


def test_two_routes_for_one_address_name_both_plugins(pacs_archive: Archives) -> None:
    """Whatever they call their parameters."""
    with pytest.raises(ConfigurationError) as caught:
        Router([("one", [route("/a/{x}")]), ("two", [route("/a/{y}")])])
    assert str(caught.value) == (
        "GET /a/{y} of plugin 'two' answers what GET /a/{x} of plugin 'one' answers; name one of "
        "them in [plugins] deny"
    )
    plugin = SimpleNamespace(http_routes=hookimpl(lambda: [route("/health/live")]))
    with pytest.raises(PacsError, match="answers what GET /health/live of plugin 'http'"):
        serve_http(pacs_archive, {"two": plugin})


def test_the_root_and_empty_segments() -> None:
    assert decoded_segments(b"/") == []
    assert decoded_segments(b"//a") == ["", "a"]
    assert decoded_segments(b"/a/") == ["a", ""]
    assert Router([("test", [route("/")])]).find("GET", b"/").route.path == "/"


@pytest.mark.parametrize("value", ["", "1.2.840", "1" * 64])
def test_a_resource_is_named_by_uids(value: str) -> None:
    assert Resource(study=value).is_named is bool(value)


@pytest.mark.parametrize("value", ["a", "1" * 65, ".1", "1.2\n", "1*", "1\\2"])
def test_what_is_no_uid_names_nothing(value: str) -> None:
    with pytest.raises(Problem, match="is no UID"):
        Resource(instance=value)


def test_a_route_may_name_its_resource_elsewhere() -> None:
    """As WADO-URI does, in the query."""
    declared = route("/wado", resource=lambda r: Resource(study=r.first("studyUID") or ""))
    asked = make_request("GET", "/wado?studyUID=1.2")
    assert declared.resource_of(asked).study == "1.2"


def test_handlers_are_tested_without_a_server() -> None:
    def sized(request: Any) -> Response:
        body = request.body.read(10)
        if not body:
            raise Problem(400, "no body")
        return json_response(len(body))

    assert answer(sized, make_request("POST", "/", body=b"abc"))[::2] == (200, b"3")
    status, headers, _ = answer(sized, make_request("POST", "/"))
    assert (status, headers["content-type"]) == (400, "application/problem+json")
