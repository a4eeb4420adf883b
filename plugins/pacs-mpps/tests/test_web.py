"""The same steps by HTTP as by DIMSE: PS3.18 chapter 15, through pacs-dicomweb."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

import pacs_dicomweb.plugin
from pacs_framework.errors import IndexUnavailable
from pacs_framework.index.lookup import Lookup
from pacs_framework.testing.instances import make_instance
from pacs_http.access.accounts import Accounts
from pacs_http.api import Limit
from pacs_http.testing import WebArchive, open_signal_pipe, serve_http
from pacs_mpps import plugin
from pacs_mpps.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import Listener, Modality, begun, ended

_STEPS = "/dicom-web/modality-performed-procedure-steps"
_UID = "1.2.3.4"
_JSON = {"Content-Type": "application/dicom+json"}


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """What libuv opens once in a process is not left behind by the test that came first."""
    open_signal_pipe()


@pytest.fixture
def heard() -> Listener:
    return Listener()


@pytest.fixture
def web(pacs_archive, pacs_index_url: str, heard) -> WebArchive:
    """An archive with this plugin, once on each database, and one that listens."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, NAME: plugin, "listener": heard}
    return serve_http(pacs_archive, plugins, settings={"index": {"url": pacs_index_url}})


def _post(
    web: WebArchive, dataset: Dataset, target: str = _UID, login: Mapping[str, str] | None = None
) -> httpx.Response:
    with web.client() as client:
        return client.post(
            f"{_STEPS}/{target}", content=dataset.to_json(), headers={**_JSON, **(login or {})}
        )


def _get(web: WebArchive, target: str = _UID, **headers: str) -> httpx.Response:
    with web.client() as client:
        return client.get(f"{_STEPS}/{target}", headers=headers)


def _step(answer: httpx.Response) -> Dataset:
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()
    return Dataset.from_json(found)


def _without(dataset: Dataset, keyword: str) -> Dataset:
    del dataset[keyword]
    return dataset


def test_a_step_begins_changes_and_ends(web, heard) -> None:
    """Created, changed, completed with what is stored; and a modality sees the same by N-GET."""
    study = str(generate_uid())
    made = make_instance(StudyInstanceUID=study)
    created = _post(web, begun(study, PatientName="Müller^Jörg"))
    assert created.status_code == 201
    assert created.headers["location"] == f"{web.url}{_STEPS}/{_UID}"
    assert heard.step().status == "IN PROGRESS"
    on_the_way = Dataset()
    on_the_way.PerformedProcedureStepDescription = "CT of the thorax"
    assert _post(web, on_the_way, f"{_UID}?update").status_code == 200
    web.running.take_in(made)
    assert _post(web, ended(str(made.SOPInstanceUID)), f"{_UID}?update").status_code == 200
    assert heard.step().status == "COMPLETED"
    assert heard.study().study_instance_uid == study
    found = _step(_get(web))
    with Modality(web.running) as modality:
        status, got = modality.get(_UID)
    assert status.Status == 0
    got.pop("SpecificCharacterSet", None)
    found.pop("SpecificCharacterSet", None)
    assert found.to_json_dict() == got.to_json_dict()
    assert str(found.PatientName) == "Müller^Jörg"
    assert found.PerformedProcedureStepDescription == "CT of the thorax"


def test_instances_that_come_later_complete_the_study(web, heard) -> None:
    study = str(generate_uid())
    made = make_instance(StudyInstanceUID=study)
    _post(web, begun(study))
    _post(web, ended(str(made.SOPInstanceUID)), f"{_UID}?update")
    assert heard.hears_no_study(0.1)
    web.running.take_in(made)
    assert heard.study().study_instance_uid == study


def test_what_came_in_while_nobody_could_look_is_looked_for(
    pacs_archive, pacs_index_url, heard, monkeypatch
) -> None:
    """The second look fails when the step is committed: the crew of the listener has another."""
    looks: list[list[str]] = []
    really = Lookup.present

    def look(lookup: Lookup, wanted: list[str]) -> set[str]:
        looks.append(list(wanted))
        if len(looks) == 1:
            return set()  # as if it came in between this look and the commit
        if len(looks) == 2:
            raise IndexUnavailable("the database is away")
        return really(lookup, wanted)

    monkeypatch.setattr(Lookup, "present", look)
    plugins = {"dicomweb": pacs_dicomweb.plugin, NAME: plugin, "listener": heard}
    web = serve_http(pacs_archive, plugins, settings={"index": {"url": pacs_index_url}})
    study = str(generate_uid())
    made = make_instance(StudyInstanceUID=study)
    uid = str(made.SOPInstanceUID)
    _post(web, begun(study))
    web.running.take_in(made)
    assert not looks  # nobody awaits it yet
    assert _post(web, ended(uid), f"{_UID}?update").status_code == 200
    assert heard.study().study_instance_uid == study
    assert looks[:2] == [[uid], [uid]]


def _part(query: str) -> str:
    return f"{_UID}?includefield={query}"


def test_includefield_names_what_is_returned(web) -> None:
    """By keyword or tag, in sequences; all, and nothing, are all of it."""
    _post(web, begun("1.2.9", AccessionNumber="A1"))
    assert set(_step(_get(web, _part("PatientID,00080060"))).dir()) == {"PatientID", "Modality"}
    (item,) = _step(
        _get(web, _part("ScheduledStepAttributesSequence.AccessionNumber"))
    ).ScheduledStepAttributesSequence
    assert item.dir() == ["AccessionNumber"]
    assert _step(_get(web, _part("all"))) == _step(_get(web))


@pytest.mark.parametrize(
    ("dataset", "target", "status", "code"),
    [
        (begun(Modality=None), "1.2.5", 400, "0120"),
        (begun(Modality=""), "1.2.5", 400, "0121"),
        (begun(PerformedProcedureStepStatus="COMPLETED"), "1.2.5", 400, "0106"),
        (begun(), _UID, 409, "0111"),
        (ended("1.2"), "1.2.99?update", 404, "0112"),
        (begun(PatientID="P2"), f"{_UID}?update", 409, "0105"),
        (_without(ended("1.2"), "PerformedSeriesSequence"), f"{_UID}?update", 400, "0120"),
        (begun(), "no-uid", 400, None),
        (begun(), "1.2.5?updates", 400, None),
        (begun(), "1.2.5?update=no", 400, None),
        (begun(), "1.2.5?limit=1", 400, None),
    ],
)
def test_what_is_refused_changes_nothing(web, dataset, target, status, code) -> None:
    """Statuses of Tables 15.4.3-1 and 15.5.3-1, with that of DIMSE beside."""
    _post(web, begun())
    before = _step(_get(web))
    refused = _post(web, dataset, target)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json().get("code") == code
    assert _step(_get(web)) == before
    assert _get(web, "1.2.5").status_code == 404


def test_a_step_that_has_ended_stays_as_it_is(web) -> None:
    _post(web, begun())
    _post(web, ended("1.2"), f"{_UID}?update")
    again = _post(web, ended("1.3"), f"{_UID}?update")
    assert (again.status_code, again.json()["code"]) == (409, "0110")


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"[{}, {}]", b'"x"', b"\xff\xfe"])
def test_a_body_that_is_no_step_is_refused(web, body: bytes) -> None:
    with web.client() as client:
        answer = client.post(f"{_STEPS}/{_UID}", content=body, headers=_JSON)
    assert answer.status_code == 400, answer.text
    assert _get(web).status_code == 404


@pytest.mark.parametrize("query", ["includefield=all,PatientID", "limit=1", "includefield=Nothing"])
def test_a_retrieval_that_cannot_be_understood_is_refused(web, query: str) -> None:
    _post(web, begun())
    assert _get(web, f"{_UID}?{query}").status_code == 400


def test_attributes_that_no_dictionary_has_are_not_kept_which_is_told(web) -> None:
    dataset = json.loads(begun().to_json())
    dataset["00089999"] = {"vr": "LO", "Value": ["x"]}
    with web.client() as client:
        answer = client.post(f"{_STEPS}/{_UID}", content=json.dumps(dataset), headers=_JSON)
    assert answer.status_code == 201
    assert "no dictionary" in answer.headers["warning"]
    assert "00089999" not in _get(web).json()[0]


def _login(web: WebArchive, *limits: Limit) -> dict[str, str]:
    accounts = Accounts(web.running.archive.tables("http"))
    return {"Authorization": f"Bearer {accounts.create_token('t', ['admin'], limits=limits)}"}


@pytest.mark.parametrize(
    ("limit", "admitted"),
    [
        (Limit(patients=("P1",)), True),
        (Limit(studies=("1.2.7", "1.2.8")), True),
        (Limit(studies=("1.2.7",)), False),  # the step is for another study, too
        (Limit(patients=("P2",)), False),
        (Limit(modalities=("CT",)), False),
    ],
)
def test_a_limited_login_works_on_the_steps_within_its_limits(
    pacs_archive, limit: Limit, admitted: bool
) -> None:
    plugins: dict[str, Any] = {"dicomweb": pacs_dicomweb.plugin, NAME: plugin}
    web = serve_http(pacs_archive, plugins, http={"login": "required"})
    step = begun("1.2.7")
    other = Dataset()
    other.StudyInstanceUID = "1.2.8"
    step.ScheduledStepAttributesSequence.append(other)
    assert _post(web, step, login=_login(web)).status_code == 201
    limited = _login(web, limit)
    assert _post(web, step, "1.2.5", limited).status_code == (201 if admitted else 403)
    assert _get(web, **limited).status_code == (200 if admitted else 404)
    changed = _post(web, ended("1.2"), f"{_UID}?update", limited)
    assert changed.status_code == (200 if admitted else 404)
