"""Who gets in, and what they see: nobody and nothing unless something says so."""

from __future__ import annotations

import base64
import datetime as dt
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from pacs_framework import hookimpl
from pacs_framework.archive.marks import Subject
from pacs_framework.errors import PluginError
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import Instances
from pacs_http.access import passwords
from pacs_http.access.accounts import Accounts
from pacs_http.access.facts import IndexFacts
from pacs_http.access.passwords import Guesses, hashed
from pacs_http.access.scope import Scope
from pacs_http.api import Action, Deny, Grant, Level, Limit, Request, Response, Route
from pacs_http.api import json_response as as_json
from pacs_http.problems import Problem
from pacs_http.testing import WebArchive, serve_http


def accounts_of(web: WebArchive) -> Accounts:
    """The users and tokens of a running archive."""
    return Accounts(web.running.archive.tables("http"))


def token_for(web: WebArchive, *roles: str, **more: Any) -> dict[str, str]:
    """The header that a new token makes."""
    return {"Authorization": f"Bearer {accounts_of(web).create_token('test', roles, **more)}"}


@pytest.fixture
def guarded(pacs_archive: Archives, plugin: SimpleNamespace) -> WebArchive:
    """An archive where everybody has to log in."""
    return serve_http(pacs_archive, {"test": plugin}, http={"login": "required"})


def test_every_route_is_closed_to_who_shows_nothing_and_to_who_has_no_role(
    guarded: WebArchive,
) -> None:
    """But for the health of the system, which is public."""
    door = guarded.running.app.entrances.doors[0]
    powerless = token_for(guarded, "nothing")
    with guarded.client() as client:
        for route in door.router.routes:
            target = route.path.replace("{name:path}", "x").replace("{name}", "x")
            target = target.replace("{study}", "1.2")
            plain = client.request(route.method, target)
            with_token = client.request(route.method, target, headers=powerless)
            statuses = (plain.status_code, with_token.status_code)
            assert statuses == ((200, 200) if route.public else (401, 403)), route.name


def test_the_challenge_names_both_ways_in(guarded: WebArchive) -> None:
    with guarded.client() as client:
        shown = client.get("/echo/x").headers.get_list("www-authenticate")
    assert [each.split()[0] for each in shown] == ["Basic", "Bearer"]


# --- passwords and tokens -----------------------------------------------------------------------


def test_a_user_logs_in_by_password(guarded: WebArchive) -> None:
    accounts_of(guarded).add_user("jané@x".replace("é", "e"), hashed("päss:word"), ["viewer"])
    with guarded.client() as client:
        answer = client.get("/echo/x", auth=httpx.BasicAuth("jane@x", "päss:word"))
        assert answer.json()["principal"] == "jane@x"
        assert client.get("/echo/x", auth=("jane@x", "päss:worD")).status_code == 401
        assert client.get("/echo/x", auth=("john", "päss:word")).status_code == 401


def test_a_new_password_and_a_removed_user_hold_at_once(guarded: WebArchive) -> None:
    """Also where the old one was right a moment ago."""
    accounts = accounts_of(guarded)
    accounts.add_user("jane", hashed("first-one"), ["viewer"])
    with guarded.client() as client:
        assert client.get("/echo/x", auth=("jane", "first-one")).status_code == 200
        accounts.change_user("jane", password=hashed("second-one"))
        assert client.get("/echo/x", auth=("jane", "first-one")).status_code == 401
        assert client.get("/echo/x", auth=("jane", "second-one")).status_code == 200
        accounts.remove_user("jane")
        assert client.get("/echo/x", auth=("jane", "second-one")).status_code == 401


def test_a_password_that_was_right_is_not_hashed_again(
    guarded: WebArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients send it with each request, and a hash takes a tenth of a second."""
    accounts_of(guarded).add_user("jane", hashed("password"), ["viewer"])
    with guarded.client(auth=("jane", "password")) as client:
        assert client.get("/echo/x").status_code == 200
        monkeypatch.setattr(passwords, "_hasher", None)
        assert client.get("/echo/x").status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer nonsense",
        "Bearer pacs_000000000000_" + "a" * 43,
        "Basic nonsense",
        "Basic //////8=",
        "Basic amFuZQ==",
        "Digest x",
        "Bearer",
        "",
    ],
)
def test_what_proves_nothing_is_refused(guarded: WebArchive, shown: str) -> None:
    with guarded.client() as client:
        assert client.get("/echo/x", headers={"Authorization": shown}).status_code == 401


def test_a_token_ends_when_it_expires_or_is_revoked(guarded: WebArchive) -> None:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    expired, good = token_for(guarded, "viewer", expires=past), token_for(guarded, "viewer")
    with guarded.client() as client:
        assert client.get("/echo/x", headers=expired).status_code == 401
        assert client.get("/echo/x", headers=good).status_code == 200
        accounts = accounts_of(guarded)
        accounts.revoke_token(accounts.tokens()[-1].id)
        assert client.get("/echo/x", headers=good).status_code == 401


def test_who_guesses_waits_and_longer_each_time() -> None:
    guesses = Guesses()
    pauses = []
    for _ in range(9):
        guesses.was_wrong("192.0.2.1")
        pauses.append(guesses.pause("192.0.2.1"))
    assert pauses[: Guesses.FREE - 1] == [0.0] * (Guesses.FREE - 1)
    assert pauses == sorted(pauses)
    assert 10 < pauses[-1] <= Guesses.LONGEST
    assert guesses.pause("192.0.2.2") == 0.0
    guesses.was_right("192.0.2.1")
    assert guesses.pause("192.0.2.1") == 0.0


def test_who_guesses_is_told_to_wait(guarded: WebArchive) -> None:
    """Even with the right password then: it would tell that it is right."""
    good = token_for(guarded, "viewer")
    with guarded.client() as client:
        for _ in range(Guesses.FREE):
            client.get("/echo/x", headers={"Authorization": "Bearer x"})
        answer = client.get("/echo/x", headers=good)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


# --- without login ------------------------------------------------------------------------------


def test_the_first_user_ends_the_time_without_login(web: WebArchive) -> None:
    with web.client() as client:
        assert client.get("/echo/x").json()["principal"] == "anonymous"
        accounts_of(web).add_user("jane", hashed("password"), ["viewer"])
        assert client.get("/echo/x").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Forwarded-For": "203.0.113.9"}, 401),
        ({"Host": "evil.example:8042"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "localhost:8042"}, 200),
    ],
    ids=["a proxy", "a rebound name", "a page of others", "localhost"],
)
def test_without_login_it_is_for_this_machine_alone(
    web: WebArchive, headers: dict[str, str], status: int
) -> None:
    """Not for the world behind a proxy, nor for pages that a browser here has open."""
    with web.client() as client:
        assert client.post("/count", headers=headers).status_code == status


# --- rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [("viewer", 200, 403), ("uploader", 403, 200), ("editor", 200, 200), ("admin", 200, 200)],
)
def test_roles_allow_actions(guarded: WebArchive, role: str, read: int, write: int) -> None:
    headers = token_for(guarded, role)
    with guarded.client() as client:
        assert client.get("/echo/x", headers=headers).status_code == read
        assert client.post("/count", headers=headers).status_code == write


class Rule:
    """A plugin with an opinion."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    @hookimpl
    def on_request(self, request: Any) -> object:
        """Note, and answer."""
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "role", "status"),
    [
        (None, "viewer", 200),
        (None, "nothing", 403),
        (Deny(reason="not at night"), "admin", 403),
        (Grant(), "nothing", 200),
        (PluginError("away"), "admin", 503),
        ("yes", "admin", 503),
    ],
    ids=["no opinion", "nobody grants", "denied", "granted", "fails", "nonsense"],
)
def test_a_site_has_a_say(
    pacs_archive: Archives, plugin: SimpleNamespace, answer: object, role: str, status: int
) -> None:
    """One no is enough, one yes is needed, and no answer is no."""
    rule = Rule(answer)
    web = serve_http(pacs_archive, {"test": plugin, "rule": rule}, http={"login": "required"})
    with web.client() as client:
        headers = token_for(web, role)
        got = client.get("/studies/1.2", headers=headers)
    assert got.status_code == status
    assert "night" not in got.text
    asked = rule.asked[0]
    assert (asked.route, asked.level, asked.action) == ("/studies/{study}", "study", "read")
    assert asked.resource.study == "1.2"


# --- scopes -------------------------------------------------------------------------------------


@pytest.fixture
def stored(pacs_instances: Instances) -> list[Dataset]:
    """Two patients: a CT and an MR series in one study of A, a CT of B."""
    made = []
    for patient, study, modality in (("A", "1.1", "CT"), ("A", "1.1", "MR"), ("B", "1.2", "CT")):
        dataset = pacs_instances(CTImageStorage)
        dataset.PatientID, dataset.StudyInstanceUID, dataset.Modality = patient, study, modality
        made.append(dataset)
    return made


def names(request: Request) -> Response:
    """What the scope admits."""
    return as_json(
        {
            "studies": sorted(request.scope.admitted(["1.1", "1.2", "1.9"])),
            "series": len(request.scope.admitted_series([v for _, v in request.query])),
        }
    )


def echoed(request: Request) -> Response:
    del request
    return as_json({})


@pytest.fixture
def scoped(pacs_archive: Archives, stored: list[Dataset]) -> WebArchive:
    """Routes at every level, and one that asks its scope."""

    def declared(path: str, level: Level, **more: Any) -> Route:
        facts = {"action": Action.READ, "summary": "for a test", "handler": echoed, **more}
        return Route(method="GET", path=path, level=level, **facts)

    def routes() -> list[Route]:
        return [
            declared("/studies", Level.STUDY, action=Action.SEARCH, handler=names, scoped=True),
            declared("/all", Level.STUDY, action=Action.SEARCH),
            declared("/patients/{patient}", Level.PATIENT),
            declared("/studies/{study}", Level.STUDY),
            declared("/parts/{study}", Level.STUDY, scoped=True),
            declared("/studies/{study}/series/{series}", Level.SERIES),
            declared("/studies/{study}/instances/{instance}", Level.INSTANCE),
        ]

    plugin = SimpleNamespace(http_routes=hookimpl(routes))
    web = serve_http(pacs_archive, {"test": plugin}, http={"login": "required"})
    web.running.take_in(*stored)
    return web


@pytest.mark.parametrize(
    ("limit", "target", "status"),
    [
        (Limit(patients=("A",)), "/studies/1.1", 200),
        (Limit(patients=("A",)), "/studies/1.2", 404),
        (Limit(patients=("A",)), "/studies/1.9", 404),
        (Limit(patients=("A",)), "/patients/A", 200),
        (Limit(patients=("A",)), "/patients/B", 404),
        (Limit(patients=("A",)), "/patients/*", 404),
        (Limit(patients=("A",)), "/studies/1.1/series/{0}", 200),
        (Limit(patients=("A",)), "/studies/1.1/series/{2}", 404),
        (Limit(patients=("A",)), "/studies/1.1/instances/[0]", 200),
        (Limit(patients=("A",)), "/studies/1.1/instances/[2]", 404),
        (Limit(patients=("A",)), "/all", 403),
        (Limit(modalities=("CT",)), "/studies/1.1", 403),
        (Limit(modalities=("CT",)), "/parts/1.1", 200),
        (Limit(modalities=("CT",)), "/studies/1.2", 200),
        (Limit(modalities=("CT",)), "/studies/1.1/series/{1}", 404),
        (Limit(studies=("1.2",)), "/studies/1.2", 200),
        (Limit(studies=("1.2",)), "/studies/1.1", 404),
    ],
)
def test_what_is_out_of_scope_is_not_there(
    scoped: WebArchive, stored: list[Dataset], limit: Limit, target: str, status: int
) -> None:
    """Whatever study an address claims it to be in. A handler that does not ask its scope is not
    called where it would give too much.
    """
    for place, dataset in enumerate(stored):
        target = target.replace(f"{{{place}}}", dataset.SeriesInstanceUID)
        target = target.replace(f"[{place}]", dataset.SOPInstanceUID)
    headers = token_for(scoped, "viewer", limits=[limit])
    with scoped.client() as client:
        assert client.get(target, headers=headers).status_code == status


def test_a_search_asks_its_scope(scoped: WebArchive, stored: list[Dataset]) -> None:
    headers = token_for(scoped, "viewer", limits=[Limit(modalities=("MR",))])
    query = [("s", dataset.SeriesInstanceUID) for dataset in stored]
    with scoped.client() as client:
        seen = client.get("/studies", params=query, headers=headers).json()
    assert seen == {"studies": ["1.1"], "series": 1}


def test_a_role_may_be_limited_and_a_token_within_it(
    pacs_archive: Archives, stored: list[Dataset]
) -> None:
    """Roles add up; what a token carries bounds them all."""

    def routes() -> list[Route]:
        search = {"level": Level.STUDY, "action": Action.SEARCH, "summary": "x", "scoped": True}
        return [Route(method="GET", path="/studies", handler=names, **search)]

    roles = {
        "ct": {"allow": ["search"], "modalities": ["CT"]},
        "b": {"allow": ["search"], "patients": ["B"]},
    }
    web = serve_http(
        pacs_archive,
        {"test": SimpleNamespace(http_routes=hookimpl(routes))},
        http={"login": "required", "roles": roles},
    )
    web.running.take_in(*stored)
    within = [Limit(patients=("A",))]
    with web.client() as client:
        for headers, studies in (
            (token_for(web, "ct"), ["1.1", "1.2"]),
            (token_for(web, "b"), ["1.2"]),
            (token_for(web, "b", limits=within), []),
            (token_for(web, "ct", "b", limits=within), ["1.1"]),
        ):
            assert client.get("/studies", headers=headers).json()["studies"] == studies


def test_a_role_may_be_limited_to_labels(pacs_archive: Archives, stored: list[Dataset]) -> None:
    """As soon as the label is there, and no longer than it is."""

    def routes() -> list[Route]:
        search = {"level": Level.STUDY, "action": Action.SEARCH, "summary": "x", "scoped": True}
        return [Route(method="GET", path="/studies", handler=names, **search)]

    web = serve_http(
        pacs_archive,
        {"test": SimpleNamespace(http_routes=hookimpl(routes))},
        http={"login": "required", "roles": {"r": {"allow": ["search"], "labels": ["research"]}}},
    )
    web.running.take_in(*stored)
    headers, marks = token_for(web, "r"), web.running.archive.marks
    subject = Subject(study="1.2")
    with web.client() as client:
        assert client.get("/studies", headers=headers).json()["studies"] == []
        marks.label(subject, "research", by="test")
        assert client.get("/studies", headers=headers).json()["studies"] == ["1.2"]
        marks.unlabel(subject, "research")
        assert client.get("/studies", headers=headers).json()["studies"] == []


@pytest.mark.parametrize(
    ("limit", "attributes", "takes"),
    [
        (Limit(patients=("A*",)), {"PatientID": "A1", "Modality": "CT"}, True),
        (Limit(patients=("A*",)), {"PatientID": "BA", "Modality": "CT"}, False),
        (Limit(patients=("A[1]",)), {"PatientID": "A1"}, False),
        (Limit(modalities=("CT",)), {"PatientID": "A1", "Modality": "ct"}, False),
        (Limit(studies=("1.2",)), {"StudyInstanceUID": "1.2"}, True),
        (Limit(studies=("1.2",)), {"StudyInstanceUID": "1.3"}, False),
        (Limit(labels=("research",)), {"PatientID": "A1"}, False),
        (Limit(patients=("A",)), {}, False),
    ],
)
def test_what_is_stored_is_in_scope(limit: Limit, attributes: dict[str, str], takes: bool) -> None:
    scope = Scope((limit,))
    if takes:
        scope.check_write(attributes)
    else:
        with pytest.raises(Problem, match="outside of what you may store"):
            scope.check_write(attributes)


def test_nothing_is_stored_over_what_is_out_of_scope(
    scoped: WebArchive, stored: list[Dataset]
) -> None:
    """An instance of somebody else with the UID of one that is there."""
    facts = IndexFacts(scoped.running.archive)
    scope = Scope((Limit(patients=("A",)),), facts_of=facts)
    mine, _, other = (str(each.SOPInstanceUID) for each in stored)
    scope.check_write({"PatientID": "A", "SOPInstanceUID": mine})
    with pytest.raises(Problem, match="outside of what you may store"):
        scope.check_write({"PatientID": "A", "SOPInstanceUID": other})


@pytest.mark.usefixtures("whole_log")
def test_passwords_and_tokens_never_reach_the_log(
    guarded: WebArchive, capsys: pytest.CaptureFixture[str]
) -> None:
    """Right or wrong, of users and of programs."""
    accounts_of(guarded).add_user("jane", hashed("a long password"), ["viewer"])
    token = token_for(guarded, "viewer")["Authorization"]
    with guarded.client() as client:
        for right in ("a long password", "another password"):
            client.get("/echo/x", auth=("jane", right))
        client.get("/echo/x", headers={"Authorization": token})
        client.get("/echo/x", headers={"Authorization": token[:-1] + "-"})
        client.get("/failed", headers={"Authorization": token})
    told = "".join(capsys.readouterr())
    assert "login failed" in told
    basic = base64.b64encode(b"jane:a long password").decode()
    for secret in ("a long password", "another password", token.split("_", 2)[2][:-1], basic):
        assert secret not in told
