"""Links: one study, for some days, for who has no account."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from pacs_framework import hookimpl
from pacs_framework.cli.main import main
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import Instances
from pacs_http.access.links import Links, split_link
from pacs_http.api import Action, Level, Request, Response, Route, Takes, json_response
from pacs_http.testing import WebArchive, serve_http

_DAY = dt.timedelta(days=1)


def shown(request: Request) -> Response:
    """What a handler sees of a link."""
    return json_response(
        {
            "path": request.path,
            "base_url": request.base_url,
            "principal": [request.principal.kind, request.principal.name],
            "studies": sorted(request.scope.admitted(["1.1", "1.2"])),
        }
    )


@pytest.fixture
def web(pacs_archive: Archives, pacs_instances: Instances) -> WebArchive:
    """Two studies, and routes that read and write; links go to where the first is."""

    def routes() -> list[Route]:
        def route(path: str, **more: Any) -> Route:
            facts = {"level": Level.STUDY, "action": Action.READ, "summary": "x", **more}
            return Route(**{"method": "GET", "path": path, "handler": shown, **facts})

        write = {"method": "POST", "action": Action.WRITE, "takes": Takes(), "scoped": True}
        return [
            route("/studies/{study}"),
            route("/studies", action=Action.SEARCH, scoped=True),
            route("/studies", **write),
            route("/studies/{study}", method="DELETE", action=Action.DELETE),
        ]

    stored: list[Dataset] = []
    for study in ("1.1", "1.2"):
        dataset = pacs_instances(CTImageStorage)
        dataset.StudyInstanceUID = study
        stored.append(dataset)
    http = {
        "login": "required",
        "link_target": "{link}/studies/{study}",
        "roles": {"viewer": {"allow": ["read", "search", "write", "delete"]}},
    }
    plugin = SimpleNamespace(http_routes=hookimpl(routes))
    web = serve_http(pacs_archive, {"test": plugin}, http=http)
    web.running.take_in(*stored)
    return web


def links_of(web: WebArchive) -> Links:
    return Links(web.running.archive.tables("http"))


def made(web: WebArchive, study: str = "1.1", *, expires: dt.timedelta = _DAY) -> str:
    return "/shared/" + links_of(web).create(study, expires=dt.datetime.now(dt.UTC) + expires)


def test_a_link_opens_its_study_and_nothing_else(web: WebArchive) -> None:
    """Addresses that a handler gives lead below the link; it sees no secret in the path."""
    place = made(web)
    with web.client() as client:
        answer = client.get(f"{place}/studies/1.1")
        assert answer.json()["base_url"] == web.url + place
        assert answer.json()["path"] == "/studies/1.1"
        assert answer.json()["principal"][0] == "link"
        assert client.get(f"{place}/studies").json()["studies"] == ["1.1"]
        assert client.get(f"{place}/studies/1.2").status_code == 404
        assert client.get("/studies/1.1").status_code == 401


def test_a_link_only_reads_whatever_a_configuration_says_of_viewers(web: WebArchive) -> None:
    place = made(web)
    with web.client() as client:
        assert client.post(f"{place}/studies", content=b"x").status_code == 403
        assert client.delete(f"{place}/studies/1.1").status_code == 403
        assert client.get(f"{place}/openapi.json").status_code == 200


def test_a_browser_that_opens_a_link_is_led_to_the_study(web: WebArchive) -> None:
    """And tells nobody where it comes from."""
    place = made(web)
    with web.client() as client:
        answer = client.get(place)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{web.url}{place}/studies/1.1"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert client.get(answer.headers["location"]).status_code == 200


@pytest.mark.parametrize("below", ["", "/studies/1.1", "/studies"])
def test_a_link_ends_when_it_expires_or_is_revoked(web: WebArchive, below: str) -> None:
    good, late = made(web), made(web, expires=-dt.timedelta(seconds=1))
    with web.client() as client:
        assert client.get(good + below).status_code in {200, 303}
        assert client.get(late + below).status_code == 404
        links = links_of(web)
        links.revoke(links.all()[0].id)
        assert client.get(good + below).status_code == 404


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/shared/link_000000000000_" + "a" * 43, 404),
        ("/shared/link_000000000000_" + "a" * 43 + "/studies/1.1", 404),
        ("/shared/x", 401),
        ("/shared/x/studies/1.1", 404),
        ("/shared", 404),
        ("/shared//studies/1.1", 404),
    ],
)
def test_what_is_no_link_opens_nothing(web: WebArchive, target: str, status: int) -> None:
    with web.client() as client:
        assert client.get(target).status_code == status


def test_a_login_beside_a_link_does_not_widen_it(web: WebArchive) -> None:
    """Nor does one link below another."""
    first, second = made(web), made(web, "1.2")
    with web.client(auth=("jane", "password")) as client:
        assert client.get(f"{first}/studies/1.2").status_code == 404
        assert client.get(f"{first}{second}/studies/1.2").status_code == 404


def test_who_guesses_links_waits(web: WebArchive) -> None:
    good = made(web)
    with web.client() as client:
        for number in range(5):
            client.get(f"/shared/link_{number:012x}_" + "a" * 43)
        assert client.get(good).status_code == 429


@pytest.mark.usefixtures("whole_log")
@pytest.mark.usefixtures("whole_log")
def test_links_never_reach_the_log(web: WebArchive, capsys: pytest.CaptureFixture[str]) -> None:
    place = made(web)
    with web.client() as client:
        for below in ("", "/studies/1.1", "/studies/1.2", "/nowhere"):
            client.get(place + below)
        client.get(place[:-1] + ("A" if place[-1] != "A" else "B"))
    told = capsys.readouterr()
    assert "http request" in told.out + told.err
    assert place.split("_", 2)[2] not in told.out + told.err


def test_an_address_is_split_only_where_a_link_is() -> None:
    secret = "link_0123456789ab_" + "a" * 43
    whole = f"/shared/{secret}".encode()
    assert split_link(whole) == (secret, whole)
    assert split_link(whole + b"/a/b") == (secret, b"/a/b")
    for other in (b"/a", b"/x" + whole, whole + b"a", b"/shared/" + secret[:-1].encode()):
        assert split_link(other) == ("", other)


def test_links_are_made_listed_and_revoked_by_command(web: WebArchive) -> None:
    data = ["--data", str(web.running.data)]

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["link", *arguments, *data])
        assert result.exit_code == 0, result.output
        return result.output.strip()

    address = run("create", "1.1", "--days", "7", "--note", "second opinion")
    place = address.removeprefix("http://127.0.0.1:8042")
    assert json.loads(run("create", "1.2", "--days", "1", "--json"))["study"] == "1.2"
    with web.client() as client:
        assert client.get(f"{place}/studies/1.1").status_code == 200
        listed = run("list", "--json")
        row = json.loads(listed)[0]
        assert (row["study"], row["note"]) == ("1.1", "second opinion")
        assert place.split("_", 2)[2] not in listed
        assert row["id"] in run("list")
        assert run("revoke", row["id"]) == f"link {row['id']} is revoked"
        assert client.get(f"{place}/studies/1.1").status_code == 404


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "1.1"], "Missing option '--days'"),
        (["create", "1.1", "--days", "0"], "not in the range"),
        (["create", "a study", "--days", "1"], "is no UID"),
        (["revoke", "abc"], "there is no link 'abc'"),
    ],
)
def test_what_cannot_be_done_is_told(web: WebArchive, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["link", *arguments, "--data", str(web.running.data)])
    assert result.exit_code != 0
    assert says in result.output + str(result.exception)
