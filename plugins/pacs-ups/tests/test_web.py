"""The same steps by HTTP as by DIMSE: UPS-RS through pacs-dicomweb (PS3.18 chapter 11)."""

from __future__ import annotations

import json

import httpx
import pytest
from pydicom import Dataset

import pacs_dicomweb.plugin
import pacs_ups.plugin
from pacs_http.testing import WebArchive, open_signal_pipe, serve_http
from pacs_ups.state.making import new_step
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions
from pacs_ups.tables import NAME

_ITEMS = "/dicom-web/workitems"
_UID, _LOCK = "1.2.3.4", "1.2.3.99"
_JSON = {"Content-Type": "application/dicom+json"}


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """What libuv opens once in a process is not left behind by the test that came first."""
    open_signal_pipe()


@pytest.fixture
def web(pacs_archive) -> WebArchive:
    """An archive with both plugins, and WATCHER among its peers."""
    peers = {"peers": {"watcher": {"host": "127.0.0.1", "port": 9, "aet": "WATCHER"}}}
    plugins = {"dicomweb": pacs_dicomweb.plugin, "ups": pacs_ups.plugin}
    return serve_http(pacs_archive, plugins, settings=peers)


@pytest.fixture
def state(web) -> Steps:
    """The steps as the DIMSE services see them."""
    return Steps(web.running.archive.tables(NAME))


def _ask(web: WebArchive, method: str, path: str, *datasets: Dataset) -> httpx.Response:
    content = json.dumps([each.to_json_dict() for each in datasets]) if datasets else None
    with web.client() as client:
        return client.request(
            method, _ITEMS + path, content=content, headers=_JSON if datasets else {}
        )


def _of(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def _claimed() -> Dataset:
    return _of(ProcedureStepState="IN PROGRESS", TransactionUID=_LOCK)


def test_a_step_lives_its_life_by_http(web, state) -> None:
    """Created, found, claimed, worked on, completed; each seen in the state at once."""
    step = new_step("Read it", PatientID="4711")
    assert _ask(web, "POST", f"?workitem={_UID}", step).status_code == 201
    assert _ask(web, "POST", f"?workitem={_UID}", step).status_code == 409

    found = _ask(web, "GET", "?PatientID=4711&ProcedureStepState=SCHEDULED")
    assert [each["00080018"]["Value"] for each in found.json()] == [[_UID]]
    assert _ask(web, "GET", "?PatientID=4712").status_code == 204

    assert _ask(web, "PUT", f"/{_UID}/state", _claimed()).status_code == 200
    assert state.get(_UID).state == "IN PROGRESS"
    (whole,) = _ask(web, "GET", f"/{_UID}").json()
    assert whole["00741000"]["Value"] == ["IN PROGRESS"]
    assert "00081195" not in whole  # the key of the lock

    label = _of(ProcedureStepLabel="Read it twice")
    wrong = _ask(web, "POST", f"/{_UID}?transaction=1.2.3.98", label)
    assert (wrong.status_code, wrong.json()["code"]) == (409, "C301")
    assert _ask(web, "POST", f"/{_UID}?transaction={_LOCK}", label).status_code == 200
    assert state.get(_UID).dataset.ProcedureStepLabel == "Read it twice"

    canceled = _of(ProcedureStepState="CANCELED", TransactionUID=_LOCK)
    assert _ask(web, "PUT", f"/{_UID}/state", canceled).status_code == 200
    again = _ask(web, "PUT", f"/{_UID}/state", canceled)
    assert (again.status_code, "already" in again.headers["warning"]) == (200, True)


def test_what_the_state_refuses_has_a_status_of_http(web) -> None:
    """404 for what is not there, 400 for what lacks attributes, 409 for what is over."""
    assert _ask(web, "GET", "/1.9.9").status_code == 404
    assert _ask(web, "PUT", "/1.9.9/state", _claimed()).status_code == 404
    assert _ask(web, "POST", "?workitem=1.9.9", _of(PatientID="1")).status_code == 400
    _ask(web, "POST", f"?workitem={_UID}", new_step("Read it"))
    assert _ask(web, "POST", f"/{_UID}/cancelrequest").status_code == 202
    late = _ask(web, "POST", f"/{_UID}", _of(ProcedureStepLabel="late"))
    assert (late.status_code, late.json()["code"]) == (409, "C300")


def test_a_peer_is_subscribed_by_http_and_told_by_dimse(web) -> None:
    """Its events wait for it in the same outbox; nobody else can be subscribed."""
    _ask(web, "POST", f"?workitem={_UID}", new_step("Read it"))
    assert _ask(web, "POST", f"/{_UID}/subscribers/NOBODY").status_code == 404
    done = _ask(web, "POST", f"/{_UID}/subscribers/WATCHER?deletionlock=true")
    assert done.status_code == 201
    store = web.running.archive.tables(NAME)
    (listed,) = Subscriptions(store).listed()
    assert (listed.aet, listed.uid, listed.locked) == ("WATCHER", _UID, True)
    assert [each.event.uid for each in Outbox(store).waiting("WATCHER", 10)] == [_UID]
    assert _ask(web, "DELETE", f"/{_UID}/subscribers/WATCHER").status_code == 200
    assert list(Subscriptions(store).listed()) == []
