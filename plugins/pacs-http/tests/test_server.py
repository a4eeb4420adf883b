"""Requests as clients make them, by httpx."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pacs_framework import hookimpl
from pacs_framework.errors import PacsError
from pacs_framework.testing.factories import Archives
from pacs_http.access.accounts import Accounts
from pacs_http.api import Action, Headers, Level, Request, Response, Route
from pacs_http.server import protocol
from pacs_http.testing import WebArchive, serve_http


@pytest.fixture
def client(web: WebArchive) -> Iterator[httpx.Client]:
    with web.client() as client:
        yield client


def test_a_handler_gets_path_and_query_decoded_once(client: httpx.Client) -> None:
    answer = client.get("/echo/M%C3%BCller%2525?a=1&b=%20x+y&a=2&empty=")
    assert answer.json()["path"] == {"name": "Müller%25"}
    assert answer.json()["query"] == [["a", "1"], ["b", " x y"], ["a", "2"], ["empty", ""]]


def test_the_rest_of_an_address_keeps_its_slashes(client: httpx.Client) -> None:
    assert client.get("/rest/a/b%20c").json()["path"] == {"name": "a/b c"}


def test_every_answer_has_an_id_and_is_for_who_asked(client: httpx.Client) -> None:
    """A sane one of the client's own comes back."""
    headers = client.get("/echo/x", headers={"X-Request-ID": "mine-7"}).headers
    assert headers["x-request-id"] == "mine-7"
    assert headers["cache-control"] == "private, no-cache"
    strange = client.get("/echo/x", headers={"X-Request-ID": "a b"}).headers["x-request-id"]
    assert strange != "a b"


@pytest.mark.parametrize(
    ("method", "target", "status", "detail"),
    [
        ("GET", "/nothing", 404, "there is nothing at this address"),
        ("GET", "/echo/", 404, "there is nothing at this address"),
        ("GET", "//echo/x", 404, "there is nothing at this address"),
        ("DELETE", "/echo/x", 405, "this address knows GET, HEAD, OPTIONS"),
        ("GET", "/studies/abc", 400, "the study in the address is no UID"),
        ("GET", "/refused", 403, "the rule 'night' says no"),
        ("GET", "/failed", 500, "the archive failed over this request"),
    ],
)
def test_errors_are_problem_details(
    client: httpx.Client, method: str, target: str, status: int, detail: str
) -> None:
    """With the number of the request, and without words of an exception that is not ours."""
    answer = client.request(method, target)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"].startswith(detail)
    assert problem["instance"] == f"urn:request:{answer.headers['x-request-id']}"
    assert "Doe" not in answer.text


def test_405_says_what_is_allowed(client: httpx.Client) -> None:
    assert client.put("/count").headers["allow"] == "OPTIONS, POST"


def test_options_tells_the_methods(client: httpx.Client) -> None:
    answer = client.options("/echo/x")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    answer = client.head("/echo/x")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0
    assert answer.content == b""


@pytest.mark.parametrize(
    ("method", "target", "shown", "status"),
    [
        ("GET", "/echo/x", "*", 200),
        ("GET", "/echo/x", '"a"', 412),  # what has no ETag matches none
        ("POST", "/count", "*", 200),
        ("POST", "/count", '"a"', 412),
        ("GET", "/nowhere", '"a"', 404),
    ],
)
def test_if_match_is_heeded(client, method: str, target: str, shown: str, status: int) -> None:
    """RFC 9110 13.1.1; nothing is done where it is not met."""
    answer = client.request(method, target, headers={"If-Match": shown})
    assert answer.status_code == status


# --- bodies -------------------------------------------------------------------------------------


def test_a_body_arrives_whole_with_a_length_and_in_chunks(client: httpx.Client) -> None:
    assert client.post("/count", content=bytes(5 << 20)).json() == {"bytes": 5 << 20}
    chunks = (bytes(300_000) for _ in range(10))
    assert client.post("/count", content=chunks).json() == {"bytes": 3_000_000}
    assert client.post("/count").json() == {"bytes": 0}


def test_a_body_that_is_too_long_is_refused(client: httpx.Client) -> None:
    """By what was announced, or by what comes."""
    assert client.post("/small", content=bytes(1001)).status_code == 413
    chunks = (bytes(600) for _ in range(2))
    answer = client.post("/small", content=chunks)
    assert (answer.status_code, answer.json()["limit"]) == (413, 1000)
    assert client.post("/small", content=bytes(1000)).json() == {"bytes": 1000}


def test_a_body_that_nobody_takes_is_refused(client: httpx.Client) -> None:
    assert client.request("GET", "/echo/x", content=b"x").status_code == 400


def test_another_media_type_is_refused_and_the_right_one_named(client: httpx.Client) -> None:
    answer = client.post("/json", content=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.headers["accept"]) == (415, "application/json")
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/json", content=b"[]", headers=headers).status_code == 200


def test_an_answer_reaches_a_client_whose_body_nobody_reads(client: httpx.Client) -> None:
    """The connection ends behind the answer, and not in the middle of it."""
    answer = client.post("/unread", content=bytes(300_000))
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"


def test_a_short_answer_in_pieces_is_sent_as_one_with_its_length(client: httpx.Client) -> None:
    answer = client.get("/pieces")
    assert answer.content == b"abcd"
    assert answer.headers["content-length"] == "4"
    assert "transfer-encoding" not in answer.headers


def test_a_large_answer_comes_whole(client: httpx.Client, streams: Any) -> None:
    assert len(client.get("/large").content) == 64 << 20
    assert streams.closed.is_set()


def test_a_large_answer_comes_whole_by_the_event_loop_too(
    client: httpx.Client, streams: Any, monkeypatch: Any
) -> None:
    """There are no descriptors left for a line."""

    def no_line(handle: int, **_: object) -> None:
        os.close(handle)
        raise OSError

    monkeypatch.setattr(protocol, "Line", no_line)
    assert len(client.get("/large").content) == 64 << 20
    assert streams.closed.is_set()


def test_an_answer_that_was_whole_is_sent_though_its_end_breaks(
    pacs_archive: Archives,
) -> None:
    """What ``close`` of a body raises is for the log: the client has all that there is."""

    class Unclosable:
        def __init__(self, pieces: list[bytes]) -> None:
            self._pieces = iter(pieces)

        def __iter__(self) -> Iterator[bytes]:
            return self._pieces

        def close(self) -> None:
            raise OSError

    def answer(request: Request) -> Response:
        size, number = map(int, request.path_parameters["pieces"].split("x"))
        return Response(body=Unclosable([bytes(size)] * number))

    route = Route(
        method="GET",
        path="/{pieces}",
        handler=answer,
        level=Level.SYSTEM,
        action=Action.READ,
        summary="for a test",
    )
    plugin = SimpleNamespace(http_routes=hookimpl(lambda: [route]))
    with serve_http(pacs_archive, {"test": plugin}).client() as client:
        assert client.get("/9x1").content == bytes(9)
        assert client.get("/1000000x3").content == bytes(3_000_000)


def test_headers_are_found_whatever_their_case() -> None:
    headers = Headers((("X-One", "1"), ("accept", "a"), ("Accept", "b")))
    assert ("x-one" in headers, "X-ONE" in headers, "x-two" in headers, 1 in headers) == (
        True,
        True,
        False,
        False,
    )
    assert (headers.get("X-one"), headers.get("ACCEPT"), headers.get("x-two")) == (
        "1",
        "a, b",
        None,
    )
    assert headers.get("X-Two", "none") == "none"


def test_an_answer_that_breaks_is_not_taken_for_whole(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/broken")
    assert client.get("/echo/x").status_code == 200


def test_a_client_that_goes_ends_the_work_for_it(client: httpx.Client, streams: Any) -> None:
    """The body is closed, and not gone through to its end."""
    with client.stream("GET", "/endless") as answer:
        next(answer.iter_raw())
    assert streams.closed.wait(30)


def test_a_client_that_does_not_read_holds_a_few_chunks_and_is_cut(
    client: httpx.Client, streams: Any
) -> None:
    """After network_timeout, which is a second here."""
    with client.stream("GET", "/endless"):
        assert streams.closed.wait(30)
    assert streams.given < 30  # what sockets hold, not what there is


# --- who, from where ----------------------------------------------------------------------------


def test_base_url_is_what_the_client_calls(client: httpx.Client, web: WebArchive) -> None:
    assert client.get("/echo/x").json()["base_url"] == web.url


@pytest.mark.parametrize(
    ("trusted", "peer", "base_url"),
    [
        ((), "127.0.0.1", None),
        (("127.0.0.0/8",), "203.0.113.9", "https://pacs.example.org"),
    ],
    ids=["nobody", "the proxy"],
)
def test_headers_of_proxies_are_believed_of_trusted_ones_alone(
    pacs_archive: Archives, plugin: SimpleNamespace, trusted: Any, peer: str, base_url: str | None
) -> None:
    """Of the addresses in X-Forwarded-For, the last that no proxy of ours has."""
    web = serve_http(pacs_archive, {"test": plugin}, http={"trusted_proxies": trusted})
    accounts = Accounts(web.running.archive.tables("http"))
    headers = {
        "Authorization": f"Bearer {accounts.create_token('test', ['admin'])}",
        "X-Forwarded-For": "6.6.6.6, 203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "pacs.example.org",
    }
    with web.client() as client:
        seen = client.get("/echo/x", headers=headers).json()
    assert (seen["peer"], seen["base_url"]) == (peer, base_url or web.url)


def test_pages_of_allowed_origins_may_call(pacs_archive: Archives, plugin: SimpleNamespace) -> None:
    origin = "https://viewer.example.org"
    web = serve_http(pacs_archive, {"test": plugin}, http={"cors_origins": [origin]})
    with web.client() as client:
        answer = client.get("/echo/x", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        other = client.get("/echo/x", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


# --- health, OpenAPI, stop ----------------------------------------------------------------------


def test_ready_says_why_not(client: httpx.Client, web: WebArchive, monkeypatch: Any) -> None:
    assert client.get("/health/live").json() == {"status": "ok", "reasons": []}
    assert client.get("/health/ready").json() == {"status": "ok", "reasons": []}

    def full() -> int:
        raise PacsError("no room is left")

    monkeypatch.setattr(web.running.archive.storage, "free_space", full)
    deadline = time.monotonic() + 30
    while (answer := client.get("/health/ready")).status_code == 200:
        assert time.monotonic() < deadline
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the storage fails: no room is left"]
    assert client.get("/health/live").status_code == 200


def test_openapi_has_every_route(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    operation = document["paths"]["/studies/{study}"]["get"]
    assert operation["parameters"][0]["schema"]["pattern"] == "^[0-9][0-9.]{0,63}$"
    assert (operation["x-pacs-level"], operation["x-pacs-action"]) == ("study", "read")
    assert document["paths"]["/rest/{name}"]["get"]["parameters"][0]["name"] == "name"
    assert document["paths"]["/health/live"]["get"]["security"] == []
    assert "requestBody" in document["paths"]["/count"]["post"]


def test_a_stop_lets_what_is_under_way_end(web: WebArchive, client: httpx.Client) -> None:
    """And takes no new request."""
    with client.stream("GET", "/large") as answer:
        chunks = answer.iter_raw()
        got = len(next(chunks))
        stopping = threading.Thread(target=web.running.stop)
        stopping.start()
        got += sum(map(len, chunks))
        stopping.join(30)
    assert got == 64 << 20
    with pytest.raises(httpx.ConnectError):
        client.get("/echo/x")
