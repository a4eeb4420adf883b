"""UPS-RS: transport and statuses (PS3.18 chapter 11), over a worklist of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx
import pytest
from pydicom import Dataset
from websockets.exceptions import InvalidStatus

import pacs_dicomweb.plugin
from pacs_framework import hookimpl
from pacs_framework.errors import PacsError, PluginError
from pacs_http.testing import WebArchive, serve_http

_ITEMS = "/dicom-web/workitems"
_JSON = {"Content-Type": "application/dicom+json"}


class _Refused(PacsError):
    http_status = HTTPStatus.CONFLICT


@dataclass
class _Done:
    code: int = 0


@dataclass
class _Report:
    uid: str
    type: int
    information: Dataset


@dataclass
class _Reports:
    """Reports as they are put in, and whether anybody waits for more."""

    ring: Callable[[], None]
    batches: list[list[_Report]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def waiting(self) -> list[_Report]:
        return self.batches.pop(0) if self.batches else []

    def close(self) -> None:
        self.closed.set()


@dataclass
class _Worklist:
    """Notes what it is asked for; ``code`` is what it answers, ``refuses`` what it raises."""

    code: int = 0
    refuses: bool = False
    asked: list[tuple] = field(default_factory=list)
    channels: dict[str, _Reports] = field(default_factory=dict)

    def _note(self, *asked: object) -> _Done:
        self.asked.append(asked)
        if self.refuses:
            raise _Refused("the step is over", status=0xC300)
        return _Done(self.code)

    def create(self, uid, dataset):
        return self._note("create", uid, dataset)

    def retrieve(self, uid):
        self._note("retrieve", uid)
        return self.search(None)[0]

    def update(self, uid, modifications):
        return self._note("update", uid, modifications)

    def change_state(self, uid, state, transaction_uid):
        return self._note("state", uid, state, transaction_uid)

    def request_cancel(self, uid, requester, reasons):
        return self._note("cancel", uid, requester, reasons)

    def search(self, keys):
        self._note("search", keys)
        found = []
        for number in range(3):
            dataset = Dataset()
            dataset.SOPInstanceUID = f"1.2.{number}"
            found.append(dataset)
        return found

    def subscribe(self, uid, aet, *, lock, keys):
        return self._note("subscribe", uid, aet, lock, keys)

    def unsubscribe(self, uid, aet):
        return self._note("unsubscribe", uid, aet)

    def suspend(self, uid, aet):
        return self._note("suspend", uid, aet)

    def open_channel(self, aet, ring):
        self.channels[aet] = _Reports(ring)
        return self.channels[aet]


class _Keeper:
    """A plugin that keeps workitems."""

    def __init__(self, worklist: _Worklist) -> None:
        self._worklist = worklist

    @hookimpl
    def workitems(self) -> _Worklist:
        return self._worklist


@pytest.fixture
def worklist() -> _Worklist:
    """A worklist that agrees to everything."""
    return _Worklist()


@pytest.fixture
def web(pacs_archive, worklist) -> WebArchive:
    """An archive with it."""
    return serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin, "keeper": _Keeper(worklist)})


def _body(**attributes: str) -> str:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return json.dumps([dataset.to_json_dict()])


def _ask(web: WebArchive, method: str, path: str, **more) -> httpx.Response:
    with web.client() as client:
        return client.request(method, _ITEMS + path, **more)


@pytest.mark.parametrize("query", ["?workitem=1.2.3", "?AffectedSOPInstanceUID=1.2.3", "?1.2.3"])
def test_a_workitem_is_created_at_an_address(web, worklist, query) -> None:
    """201 with where it is; its UID is in the query, under its name or alone."""
    body = _body(ProcedureStepState="SCHEDULED")
    answered = _ask(web, "POST", query, content=body, headers=_JSON)
    assert answered.status_code == 201
    assert answered.headers["content-location"] == f"{web.url}{_ITEMS}/1.2.3"
    ((what, uid, dataset),) = worklist.asked
    assert (what, uid, dataset.ProcedureStepState) == ("create", "1.2.3", "SCHEDULED")


def test_a_workitem_without_a_uid_gets_one(web, worklist) -> None:
    """Or that of its data set."""
    _ask(web, "POST", "", content=_body(SOPInstanceUID="1.2.9"), headers=_JSON)
    _ask(web, "POST", "", content=_body(ProcedureStepLabel="x"), headers=_JSON)
    uids = [uid for _, uid, _ in worklist.asked]
    assert uids[0] == "1.2.9"
    assert uids[1].startswith("1.2.826.")


def test_xml_is_as_good_as_json(web, worklist) -> None:
    """In and out."""
    body = _ask(web, "GET", "/1.2.3", headers={"Accept": "application/dicom+xml"})
    assert body.headers["content-type"].startswith("multipart/related")
    document = body.content[body.content.index(b"<?xml") :].partition(b"\r\n--")[0]
    headers = {"Content-Type": "application/dicom+xml"}
    assert _ask(web, "POST", "/1.2.3", content=document, headers=headers).status_code == 200
    assert worklist.asked[-1][2].SOPInstanceUID == "1.2.0"


def test_an_update_has_its_lock_in_the_query_or_the_body(web, worklist) -> None:
    """As the Transaction UID of the data set, which is where the state looks."""
    for path, body in (
        ("/1.2.3?transaction=1.2.7", _body(ProcedureStepLabel="x")),
        ("/1.2.3?1.2.7", _body(ProcedureStepLabel="x")),
        ("/1.2.3", _body(TransactionUID="1.2.7")),
    ):
        assert _ask(web, "POST", path, content=body, headers=_JSON).status_code == 200
        assert worklist.asked[-1][2].TransactionUID == "1.2.7"


def test_a_state_needs_a_transaction_uid(web, worklist) -> None:
    """400 without, before the state is asked."""
    body = _body(ProcedureStepState="IN PROGRESS", TransactionUID="1.2.7")
    assert _ask(web, "PUT", "/1.2.3/state", content=body, headers=_JSON).status_code == 200
    assert worklist.asked == [("state", "1.2.3", "IN PROGRESS", "1.2.7")]
    lacking = _body(ProcedureStepState="IN PROGRESS")
    assert _ask(web, "PUT", "/1.2.3/state", content=lacking, headers=_JSON).status_code == 400
    assert len(worklist.asked) == 1


def test_a_request_to_cancel_may_be_empty(web, worklist) -> None:
    """202, with or without reasons."""
    assert _ask(web, "POST", "/1.2.3/cancelrequest").status_code == 202
    body = _body(ReasonForCancellation="no")
    answered = _ask(web, "POST", "/1.2.3/cancelrequest", content=body, headers=_JSON)
    assert answered.status_code == 202
    assert worklist.asked[-1][3].ReasonForCancellation == "no"


def test_a_search_pages_and_says_what_is_left(web, worklist) -> None:
    """With a Warning; 204 behind the end; keys by keyword and in sequences."""
    query = {"PatientID": "1", "ScheduledStationNameCodeSequence.CodeValue": "CT1", "limit": "2"}
    answered = _ask(web, "GET", "", params=query)
    assert [each["00080018"]["Value"] for each in answered.json()] == [["1.2.0"], ["1.2.1"]]
    assert "1 additional" in answered.headers["warning"]
    keys = worklist.asked[-1][1]
    assert keys.PatientID == "1"
    assert keys.ScheduledStationNameCodeSequence[0].CodeValue == "CT1"
    assert _ask(web, "GET", "", params={"offset": "3"}).status_code == 204
    assert _ask(web, "GET", "", params={"Nonsense": "1"}).status_code == 400
    unsupported = {"fuzzymatching": "true", "emptyvaluematching": "true"}
    warned = _ask(web, "GET", "", params=unsupported).headers["warning"]
    assert all(f"The {name} parameter is not supported" in warned for name in unsupported)


def test_subscriptions_are_made_ended_and_suspended(web, worklist) -> None:
    """With a deletion lock and keys; the answer says where the event channel is."""
    path = "/1.2.840.10008.5.1.4.34.5.1/subscribers/WATCHER"
    query = {"deletionlock": "true", "filter": "PatientID=1,WorklistLabel=A"}
    answered = _ask(web, "POST", path, params=query)
    assert answered.status_code == 201
    channel = web.url.replace("http", "ws") + "/dicom-web/subscribers/WATCHER"
    assert answered.headers["content-location"] == channel
    _, _, aet, lock, keys = worklist.asked[-1]
    assert (aet, lock, keys.PatientID, keys.WorklistLabel) == ("WATCHER", True, "1", "A")
    assert _ask(web, "DELETE", path).status_code == 200
    assert _ask(web, "POST", path + "/suspend").status_code == 200
    assert [each[0] for each in worklist.asked] == ["subscribe", "unsubscribe", "suspend"]


def test_reports_are_messages_on_a_channel(web, worklist) -> None:
    """As DICOM JSON with the parameters of N-EVENT-REPORT (PS3.18 8.10.5), counted."""
    information = Dataset()
    information.ProcedureStepState = "SCHEDULED"
    with web.websocket("/dicom-web/subscribers/MY%20VIEWER") as line:
        reports = worklist.channels["MY VIEWER"]
        reports.batches.append([_Report("1.2.3", 1, information), _Report("1.2.4", 5, Dataset())])
        reports.ring()
        first, second = (json.loads(line.recv(30)) for _ in range(2))
    assert first == {
        "00000002": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.34.6.1"]},
        "00000100": {"vr": "US", "Value": [256]},
        "00000110": {"vr": "US", "Value": [1]},
        "00000800": {"vr": "US", "Value": [0]},
        "00001000": {"vr": "UI", "Value": ["1.2.3"]},
        "00001002": {"vr": "US", "Value": [1]},
        "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
    }
    assert (second["00000110"]["Value"], second["00001002"]["Value"]) == ([2], [5])
    assert reports.closed.wait(30)


def test_a_channel_is_for_an_ae_title(web, worklist) -> None:
    """400 for what is none; 426 for one who does not ask for a WebSocket."""
    with web.client() as client:
        assert client.get("/dicom-web/subscribers/VIEWER").status_code == 426
    with (
        pytest.raises(InvalidStatus) as caught,
        web.websocket("/dicom-web/subscribers/MUCH-TOO-LONG-FOR-ONE"),
    ):
        pass
    assert caught.value.response.status_code == 400
    assert worklist.channels == {}


def test_what_the_state_refuses_has_its_code_and_a_warning(web, worklist) -> None:
    """A problem with the status of HTTP and of DIMSE; warnings of the state are Warnings."""
    worklist.refuses = True
    answered = _ask(web, "POST", "/1.2.3", content=_body(ProcedureStepLabel="x"), headers=_JSON)
    assert (answered.status_code, answered.json()["code"]) == (409, "C300")
    assert answered.headers["warning"] == '299 - "the step is over"'
    worklist.refuses, worklist.code = False, 0xB304
    done = _ask(web, "POST", "/1.2.3/cancelrequest")
    assert "canceled already" in done.headers["warning"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "?workitem=x", "[{}]"),
        ("POST", "", "[{}, {}]"),
        ("POST", "", "[1]"),
        ("POST", "", "{"),
        ("GET", "/x", None),
        ("GET", "/1..2", None),
        ("POST", "/1.2.3/subscribers/MUCH-TOO-LONG-FOR-ONE", None),
        ("POST", "/1.2.3/subscribers/A?deletionlock=perhaps", None),
    ],
)
def test_what_cannot_be_understood_is_400(web, worklist, method, path, body) -> None:
    """And never comes to the state."""
    answered = _ask(web, method, path, content=body, headers=_JSON if body else {})
    assert answered.status_code == 400
    assert worklist.asked == []


def test_without_a_plugin_that_keeps_them_there_are_no_workitems(pacs_archive) -> None:
    """404; with two, the archive does not start and names them."""
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin})
    assert _ask(web, "GET", "").status_code == 404
    two = {"dicomweb": pacs_dicomweb.plugin, "a": _Keeper(_Worklist()), "b": _Keeper(_Worklist())}
    with pytest.raises(PluginError, match="plugins 'a' and 'b' both keep workitems"):
        serve_http(pacs_archive, two)
