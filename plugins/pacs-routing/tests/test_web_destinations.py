"""Destinations that take instances by STOW-RS."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from pydantic import ValidationError
from routing_nodes import PATIENCE, QUICK, jobs_of, place_at, process, routing, settled, until
from web_nodes import WebNode, refused, stored

import pacs_dicomweb.plugin
from pacs_framework.jobs import JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.sockets import free_port, wait_for_listener
from pacs_http.access.accounts import Accounts
from pacs_http.testing import serve_http
from pacs_routing.places.contract import Away
from pacs_routing.settings import RoutingSettings

_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@pytest.fixture
def web() -> Iterator[WebNode]:
    """A server to send to."""
    with WebNode() as node:
        yield node


def sending(archives: Archives, url: str, **destination: Any) -> RunningArchive:
    """An archive that sends everything to the server at ``url``."""
    storage = destination.pop("storage", None)
    more = {"folder": destination.pop("folder")} if "folder" in destination else {}
    where = {"name": "web", "url": url, **QUICK, **destination}
    return routing(archives, destinations=[where], storage=storage or MemoryStorage(), **more)


def test_our_own_archive_gets_what_is_stored_by_a_token(
    pacs_archive: Archives, tmp_path: Path
) -> None:
    """Byte for byte; `echo` searches there."""
    target = serve_http(
        pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, http={"login": "required"}
    )
    accounts = Accounts(target.running.archive.tables("http"))
    (tmp_path / "token").write_text(accounts.create_token("sender", ["editor"]) + "\n")
    source = sending(pacs_archive, target.url + "/dicom-web", token_file=str(tmp_path / "token"))
    assert place_at(source).check() == "QIDO-RS: 204 No Content"
    made = [make_instance() for _ in range(3)]
    source.take_in(*made)
    settled(source, 3)
    for each in made:
        uid = str(each.SOPInstanceUID)
        with source.archive.open_file(uid) as ours, target.running.archive.open_file(uid) as theirs:
            assert ours.read() == theirs.read()


@pytest.mark.skipif(
    shutil.which("Orthanc") is None or not _PLUGIN.exists(),
    reason="Debian packages orthanc and orthanc-dicomweb are not installed",
)
def test_orthanc_gets_a_study_by_stow(pacs_archive: Archives, tmp_path: Path) -> None:
    """With a name and a password; a wrong one is told, and what waits goes with the right one."""
    http, password = free_port(), tmp_path / "password"
    settings = {
        "StorageDirectory": str(tmp_path),
        "IndexDirectory": str(tmp_path),
        "DicomServerEnabled": False,
        "HttpPort": http,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"sender": "right"},
        "Plugins": [str(_PLUGIN)],
    }
    file = tmp_path / "orthanc.json"
    file.write_text(json.dumps(settings), "utf-8")
    password.write_text("wrong")
    with process("Orthanc", str(file), port=http, log=tmp_path / "log"):
        wait_for_listener("127.0.0.1", http, seconds=PATIENCE)
        url = f"http://127.0.0.1:{http}"
        source = sending(
            pacs_archive, f"{url}/dicom-web", user="sender", password_file=str(password)
        )
        with pytest.raises(Away, match="401"):
            place_at(source).check()
        source.take_in(*(make_instance() for _ in range(10)))
        until(lambda: any("401" in job.error for job in jobs_of(source, JobState.WAITING)))
        password.write_text("right")
        settled(source, 10)
        opener = build_opener(ProxyHandler({}))
        opener.addheaders = [("Authorization", "Basic c2VuZGVyOnJpZ2h0")]
        with opener.open(f"{url}/statistics", timeout=PATIENCE) as answer:
            assert json.load(answer)["CountInstances"] == 10
    assert [job.attempts for job in jobs_of(source)] == [0] * 10


def test_an_instance_that_is_refused_keeps_no_other_back(
    pacs_archive: Archives, web: WebNode
) -> None:
    """It is given up at once, with the reason that the server gave."""
    bad, good = make_instance(), make_instance()
    uid = str(bad.SOPInstanceUID)
    web.answer = lambda found: refused(uid, 0xA900) if found == uid else stored(found)
    source = sending(pacs_archive, web.url)
    source.take_in(bad, good)
    settled(source, 1)
    (failed,) = jobs_of(source, JobState.FAILED)
    assert failed.payload["instance"] == uid
    assert "A900H" in failed.error
    assert list(web.instances) == [str(good.SOPInstanceUID)]


@pytest.mark.parametrize("status", [400, 413, 415])
def test_a_request_that_is_refused_is_not_repeated(
    pacs_archive: Archives, web: WebNode, status: int
) -> None:
    """The server does not say more than that it wants no such thing."""
    web.answer = lambda _uid: (status, None)
    source = sending(pacs_archive, web.url)
    source.take_in(make_instance())
    until(lambda: len(jobs_of(source, JobState.FAILED)) == 1)
    assert str(status) in jobs_of(source)[0].error
    assert len(web.arrived) == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda uid: refused(uid, 0x0110, 202),
        lambda _uid: (500, None),
        lambda _uid: (200, None),
        lambda _uid: (200, {}),
        lambda _uid: (200, {"00081199": 1}),
        lambda _uid: (200, {"00081199": {"Value": [{"00081155": {"Value": ["1.2"]}}]}}),
    ],
)
def test_what_may_be_over_next_time_is_tried_again(
    pacs_archive: Archives, web: WebNode, answer: Any
) -> None:
    """As often as is configured, and each time counts; silence on an instance is no success."""
    web.answer = lambda uid: answer(uid) if len(web.arrived) < 3 else stored(uid)
    source = sending(pacs_archive, web.url, attempts=3)
    source.take_in(make_instance())
    settled(source, 1)
    (job,) = jobs_of(source, JobState.DONE)
    assert job.attempts == 2


@pytest.mark.parametrize("status", [401, 403, 404, 429, 502, 503, 507])
def test_a_server_that_takes_nothing_costs_no_attempt(
    pacs_archive: Archives, web: WebNode, status: int
) -> None:
    """Everything waits, with the reason, until it takes something."""
    web.answer = lambda uid: (status, None) if len(web.arrived) < 3 else stored(uid)
    source = sending(pacs_archive, web.url, attempts=1)
    source.take_in(make_instance())
    settled(source, 1)
    assert [job.attempts for job in jobs_of(source)] == [0]


def test_a_server_without_room_is_away(pacs_archive: Archives, web: WebNode) -> None:
    """Told of the instance, it is about all."""
    web.answer = lambda uid: refused(uid, 0xA700) if len(web.arrived) < 3 else stored(uid)
    source = sending(pacs_archive, web.url, attempts=1)
    source.take_in(make_instance())
    settled(source, 1)
    assert [job.attempts for job in jobs_of(source)] == [0]


def test_a_warning_is_kept_with_what_was_sent(pacs_archive: Archives, web: WebNode) -> None:
    """Coercion of data elements (B000H): it has the instance."""

    def answer(uid: str) -> tuple[int, dict[str, Any]]:
        status, told = stored(uid)
        told["00081199"]["Value"][0]["00081196"] = {"vr": "US", "Value": [0xB000]}
        return status, told

    web.answer = answer
    source = sending(pacs_archive, web.url)
    source.take_in(make_instance())
    settled(source, 1)
    (job,) = jobs_of(source, JobState.DONE)
    assert job.result["remark"] == "status B000H (Warning Reason)"


def test_a_stop_does_not_wait_for_a_server_that_says_nothing(
    pacs_archive: Archives, web: WebNode
) -> None:
    """What it had in hand goes again at the next start, and no attempt is counted."""
    answered, storage = threading.Event(), MemoryStorage()

    def answer(uid: str) -> tuple[int, dict[str, Any]]:
        answered.wait(10 * PATIENCE)
        return stored(uid)

    web.answer = answer
    silent = {"timeout": 10 * PATIENCE, "attempts": 1, "storage": storage}
    first = sending(pacs_archive, web.url, **silent)
    first.take_in(make_instance())
    until(lambda: len(web.arrived) == 1)
    data = first.data
    try:
        first.stop()
    finally:
        answered.set()
    second = sending(pacs_archive, web.url, **silent, folder=data)
    settled(second, 1)
    assert [job.attempts for job in jobs_of(second)] == [0]


def test_a_server_that_is_not_there_is_away(pacs_archive: Archives) -> None:
    """Nothing listens: `echo` says so."""
    source = sending(pacs_archive, f"http://127.0.0.1:{free_port()}/dicom-web")
    with pytest.raises(Away, match="cannot be used"):
        place_at(source).check()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "ftp://host"}, "is no address"),
        ({"url": "https://user:secret@host/dicom-web"}, "no passwords in addresses"),
        ({"url": "https://host", "user": "u"}, "needs a password"),
        ({"url": "https://host", "peer": "PACS"}, "one of peer, url"),
        ({}, "one of peer, url"),
        ({"peer": "PACS", "user": "u"}, "user is for one with a url"),
    ],
)
def test_a_server_that_cannot_be_reached_so_stops_the_start(
    wrong: dict[str, str], said: str
) -> None:
    """Before anything waits for it."""
    with pytest.raises(ValidationError, match=said):
        RoutingSettings(destination=[{"name": "web", **wrong}])
