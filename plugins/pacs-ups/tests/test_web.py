"""The same steps by HTTP as by DIMSE: UPS-RS through pacs-dicomweb (PS3.18 chapter 11)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import httpx
import pytest
from pydicom import Dataset
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

import pacs_dicomweb.plugin
import pacs_ups.plugin
from pacs_http.access.accounts import Accounts
from pacs_http.api import Limit
from pacs_http.testing import WebArchive, open_signal_pipe, serve_http
from pacs_ups.bells import ring_all
from pacs_ups.state.making import new_step
from pacs_ups.state.model import GLOBAL
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


def _ask(
    web: WebArchive, method: str, path: str, *datasets: Dataset, login: Mapping[str, str] = {}
) -> httpx.Response:
    content = json.dumps([each.to_json_dict() for each in datasets]) if datasets else None
    headers = {**(_JSON if datasets else {}), **login}
    with web.client() as client:
        return client.request(method, _ITEMS + path, content=content, headers=headers)


def _of(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def _channel(web: WebArchive, aet: str) -> ClientConnection:
    return web.websocket(f"/dicom-web/subscribers/{aet}")


def _told(line: ClientConnection) -> tuple[str, int, str]:
    """UID, event type and state of the next report."""
    report = Dataset.from_json(line.recv(30))
    state = str(report.get("ProcedureStepState", ""))
    return report.AffectedSOPInstanceUID, report.EventTypeID, state


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
    """Its events wait for it in the same outbox, while it has no event channel."""
    _ask(web, "POST", f"?workitem={_UID}", new_step("Read it"))
    done = _ask(web, "POST", f"/{_UID}/subscribers/WATCHER?deletionlock=true")
    assert done.status_code == 201
    store = web.running.archive.tables(NAME)
    (listed,) = Subscriptions(store).listed()
    assert (listed.aet, listed.uid, listed.locked) == ("WATCHER", _UID, True)
    assert [each.event.uid for each in Outbox(store).waiting("WATCHER", 10)] == [_UID]
    assert _ask(web, "DELETE", f"/{_UID}/subscribers/WATCHER").status_code == 200
    assert list(Subscriptions(store).listed()) == []


# --- event channels -------------------------------------------------------------------------------


def test_who_is_no_peer_is_told_on_its_channel(web) -> None:
    """Of every step that it subscribed to, at once, on each channel that it has open."""
    with _channel(web, "VIEWER") as one, _channel(web, "VIEWER") as other:
        done = _ask(web, "POST", f"/{GLOBAL}/subscribers/VIEWER")
        assert done.status_code == 201
        assert done.headers["content-location"] == _channel_url(web, "VIEWER")
        _ask(web, "POST", f"?workitem={_UID}", new_step("Read it"))
        _ask(web, "PUT", f"/{_UID}/state", _claimed())
        for line in (one, other):
            assert _told(line) == (_UID, 1, "SCHEDULED")
            assert _told(line) == (_UID, 1, "IN PROGRESS")


def test_what_happens_by_dimse_is_told_on_a_channel(web, state) -> None:
    """By whatever way a step changes; here in another process, that rings."""
    with _channel(web, "VIEWER") as line:
        _ask(web, "POST", f"/{GLOBAL}/subscribers/VIEWER")
        state.create(_UID, new_step("Read it"))
        ring_all(web.running.archive.data)
        assert _told(line) == (_UID, 1, "SCHEDULED")


def test_a_channel_that_was_lost_has_missed_nothing(web) -> None:
    """What happened in between comes first when it is opened again; what came last comes again when
    the line ended before it was noted.
    """
    _ask(web, "POST", f"/{GLOBAL}/subscribers/VIEWER")
    with _channel(web, "VIEWER"):
        pass
    _ask(web, "POST", f"?workitem={_UID}", new_step("Read it"))
    with _channel(web, "VIEWER") as line:
        assert _told(line) == (_UID, 1, "SCHEDULED")
    with _channel(web, "VIEWER") as line:
        _ask(web, "PUT", f"/{_UID}/state", _claimed())
        first = _told(line)
        told = _told(line) if first == (_UID, 1, "SCHEDULED") else first
        assert told == (_UID, 1, "IN PROGRESS")


def test_an_ae_without_a_subscription_is_told_nothing(web) -> None:
    """Whatever it listens for; nor is one that ended it."""
    with _channel(web, "VIEWER") as line:
        _ask(web, "POST", f"/{GLOBAL}/subscribers/VIEWER")
        _ask(web, "POST", f"?workitem={_UID}", new_step("Read it"))
        _told(line)
        assert _ask(web, "DELETE", f"/{GLOBAL}/subscribers/VIEWER").status_code == 200
        _ask(web, "PUT", f"/{_UID}/state", _claimed())
        _ask(web, "POST", "?workitem=1.2.5", new_step("Read it"))
        _ask(web, "POST", "/1.2.5/subscribers/VIEWER")
        assert _told(line) == ("1.2.5", 1, "SCHEDULED")


def _channel_url(web: WebArchive, aet: str) -> str:
    return web.url.replace("http", "ws") + f"/dicom-web/subscribers/{aet}"


# --- who sees which steps -------------------------------------------------------------------------


def test_includefield_all_is_all_of_a_step(web, state) -> None:
    """As a retrieval gives it: without the key of its lock."""
    state.create(_UID, new_step("Read it", PatientID="A", ScheduledProcedureStepID="S1"))
    state.change_state(_UID, "IN PROGRESS", _LOCK)
    (short,) = _ask(web, "GET", "").json()
    (whole,) = _ask(web, "GET", "?includefield=all").json()
    assert whole == _ask(web, "GET", f"/{_UID}").json()[0]
    assert set(short) < set(whole)


@pytest.fixture
def guarded(pacs_archive) -> Iterator[WebArchive]:
    """An archive where everybody has to log in, with a step of patient A and one of B."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, "ups": pacs_ups.plugin}
    web = serve_http(pacs_archive, plugins, http={"login": "required"})
    steps = Steps(web.running.archive.tables(NAME))
    for patient in "AB":
        made = new_step("Read it", PatientID=patient, StudyInstanceUID=f"1.2.{ord(patient)}")
        steps.create(f"1.9.{ord(patient)}", made)
    return web


_A, _B = "1.9.65", "1.9.66"


def _login(web: WebArchive, *limits: Limit) -> dict[str, str]:
    accounts = Accounts(web.running.archive.tables("http"))
    return {"Authorization": f"Bearer {accounts.create_token('t', ['admin'], limits=limits)}"}


@pytest.mark.parametrize(
    ("limits", "seen"),
    [
        ((Limit(patients=("A",)),), [_A]),
        ((Limit(patients=("?",)),), [_A, _B]),
        ((Limit(studies=("1.2.66",)),), [_B]),
        ((Limit(patients=("A",), studies=("1.2.66",)),), []),
        ((Limit(patients=("A",)), Limit(studies=("1.2.66",))), [_A, _B]),
        ((Limit(modalities=("CT",)),), []),
        ((Limit(patients=("A",), labels=("x",)),), []),
        ((Limit(ae_titles=("*",)),), []),
        ((), [_A, _B]),
    ],
)
def test_a_limited_login_sees_the_steps_within_its_limits(guarded, limits, seen) -> None:
    """By patient and study; a limit that a step does not decide admits none."""
    login = _login(guarded, *limits)
    found = _ask(guarded, "GET", "", login=login)
    listed = [each["00080018"]["Value"][0] for each in found.json()] if found.content else []
    assert listed == seen
    for uid in (_A, _B):
        wanted = 200 if uid in seen else 404
        assert _ask(guarded, "GET", f"/{uid}", login=login).status_code == wanted


def test_a_search_finds_no_step_whose_input_is_out_of_reach(guarded) -> None:
    """Whatever it asks to be returned: what may not be read is not listed either."""
    of_other, image = Dataset(), Dataset()
    of_other.StudyInstanceUID, of_other.SeriesInstanceUID = "1.2.66", "1.2.66.1"
    of_other.TypeOfInstances, of_other.ReferencedSOPSequence = "DICOM", [image]
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.3"
    made = new_step("Compare", PatientID="A", StudyInstanceUID="1.2.65")
    made.InputInformationSequence = [of_other]
    Steps(guarded.running.archive.tables(NAME)).create("1.9.1", made)
    own = _login(guarded, Limit(studies=("1.2.65",)))
    both = _login(guarded, Limit(studies=("1.2.65", "1.2.66")))
    inputs = "InputInformationSequence"
    for query in (
        "",
        "?includefield=all",
        f"?includefield={inputs}",
        f"?includefield={inputs}.SeriesInstanceUID",
        f"?{inputs}.SeriesInstanceUID=1.2.66.1",
        f"?{inputs}.StudyInstanceUID=1.2.66",
    ):
        seen = _ask(guarded, "GET", query, login=own)
        listed = seen.json() if seen.content else []
        assert "1.9.1" not in {each["00080018"]["Value"][0] for each in listed}, query
        found = _ask(guarded, "GET", query, login=both).json()
        (whole,) = (each for each in found if each["00080018"]["Value"] == ["1.9.1"])
        assert ("00404021" in whole) == bool(query), query
    (part,) = _ask(guarded, "GET", f"?{inputs}.SeriesInstanceUID=1.2.66.1", login=both).json()
    assert list(part["00404021"]["Value"][0]) == ["0020000E"]  # no more than was asked for


def test_a_limited_login_changes_nothing_else(guarded) -> None:
    """What it may not see is as if it were not there; and nothing is moved out of its reach."""
    login = _login(guarded, Limit(patients=("A",)))
    label, moved = _of(ProcedureStepLabel="x"), _of(PatientID="B")
    for method, path, *body in (
        ("POST", "", label),
        ("PUT", "/state", _claimed()),
        ("POST", "/cancelrequest"),
        ("POST", "/subscribers/WATCHER"),
        ("DELETE", "/subscribers/WATCHER"),
    ):
        assert _ask(guarded, method, f"/{_B}{path}", *body, login=login).status_code == 404
    assert _ask(guarded, "POST", f"/{_A}", moved, login=login).status_code == 403
    other = new_step("x", PatientID="B")
    assert _ask(guarded, "POST", "?workitem=1.9.1", other, login=login).status_code == 403
    assert _ask(guarded, "POST", f"/{GLOBAL}/subscribers/VIEWER", login=login).status_code == 403
    assert _ask(guarded, "POST", f"/{_A}", label, login=login).status_code == 200
    steps = Steps(guarded.running.archive.tables(NAME))
    assert steps.get(_B).dataset.ProcedureStepLabel == "Read it"
    assert steps.get(_A).dataset.PatientID == "A"


def test_a_limited_login_opens_no_channel(guarded) -> None:
    """What an AE is told may be of any patient."""
    login = _login(guarded, Limit(patients=("A",)))
    with (
        pytest.raises(InvalidStatus) as caught,
        guarded.websocket("/dicom-web/subscribers/VIEWER", additional_headers=login),
    ):
        pass
    assert caught.value.response.status_code == 403
    with guarded.websocket("/dicom-web/subscribers/VIEWER", additional_headers=_login(guarded)):
        pass
