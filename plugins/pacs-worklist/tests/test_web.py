"""The same worklist by HTTP as by DIMSE: PS3.18 chapter 14, through pacs-dicomweb."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

import pacs_dicomweb.plugin
import pacs_worklist.plugin
from pacs_framework import hookimpl
from pacs_http.access.accounts import Accounts
from pacs_http.api import Limit
from pacs_http.testing import WebArchive, open_signal_pipe, serve_http
from pacs_worklist.api import Worklist

_PATH = "/dicom-web/modality-scheduled-procedure-steps"
_STEP = "ScheduledProcedureStepSequence"
_XML = 'multipart/related; type="application/dicom+xml"'


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """What libuv opens once in a process is not left behind by the test that came first."""
    open_signal_pipe()


def _serve(archives: Any, item: Any, **more: Any) -> WebArchive:
    """Three steps: of patient P1 at CT1, of Müller at CT2, of P3 at CT1 a day later."""
    plugins = {
        "dicomweb": pacs_dicomweb.plugin,
        "worklist": pacs_worklist.plugin,
        **more.pop("plugins", {}),
    }
    web = serve_http(archives, plugins, **more)
    worklist = Worklist(web.running.archive.tables("worklist"))
    worklist.put(item(MedicalAlerts="Pacemaker", PatientComments="Deaf"))
    worklist.put(
        item(
            PatientID="P2",
            PatientName="Müller^Jörg",
            StudyInstanceUID="1.2.4",
            ScheduledProcedureStepID="S2",
            ScheduledStationAETitle="CT2",
            ScheduledProcedureStepStartTime="1130",
        )
    )
    worklist.put(
        item(
            PatientID="P3",
            StudyInstanceUID="1.2.5",
            ScheduledProcedureStepID="S3",
            ScheduledProcedureStepStartDate="20261122",
        )
    )
    return web


@pytest.fixture
def web(pacs_archive, item) -> WebArchive:
    return _serve(pacs_archive, item)


def _search(
    web: WebArchive, query: str = "", login: Mapping[str, str] | None = None
) -> list[Dataset]:
    with web.client() as client:
        answer = client.get(f"{_PATH}{query}", headers=dict(login or {}))
    assert answer.status_code in (200, 204), answer.text
    return [Dataset.from_json(each) for each in answer.json()] if answer.content else []


def _patients(found: list[Dataset]) -> list[str]:
    return [str(each.PatientID) for each in found]


@pytest.mark.parametrize(
    ("query", "patients"),
    [
        ("", ["P1", "P2", "P3"]),
        (f"?{_STEP}.ScheduledStationAETitle=CT1", ["P1", "P3"]),
        ("?00400100.00400001=CT2", ["P2"]),
        (f"?{_STEP}.ScheduledProcedureStepStartDate=20261122-", ["P3"]),
        (
            (
                f"?{_STEP}.ScheduledProcedureStepStartDate=20261121"
                f"&{_STEP}.ScheduledProcedureStepStartTime=1100-1200"
            ),
            ["P2"],
        ),
        ("?PatientName=M%C3%BCller*", ["P2"]),
        ("?PatientID=P9", []),
        ("?offset=1&limit=1", ["P2"]),
        ("?offset=3", []),
    ],
)
def test_steps_are_found_by_the_keys_of_the_worklist(web, query: str, patients: list[str]) -> None:
    """Earliest first; keys of the step are in its sequence, by keyword or by tag."""
    assert _patients(_search(web, query)) == patients


def test_an_answer_has_what_modalities_need_and_what_is_asked_for(web) -> None:
    """Table K.6-1, Type 1 and 2; the rest by includefield, or all of it."""
    (found,) = _search(web, f"?PatientID=P1&{_STEP}.ScheduledStationAETitle=CT1")
    (step,) = found.ScheduledProcedureStepSequence
    assert (step.Modality, step.ScheduledProcedureStepID) == ("CT", "S1")
    assert (found.MedicalAlerts, found.StudyInstanceUID) == ("Pacemaker", "1.2.3")
    assert "PatientComments" not in found
    (more,) = _search(web, "?PatientID=P1&includefield=PatientComments")
    (whole,) = _search(web, "?PatientID=P1&includefield=all")
    assert more.PatientComments == whole.PatientComments == "Deaf"


def test_text_is_utf_8_and_xml_says_the_same(web) -> None:
    with web.client() as client:
        as_json = client.get(f"{_PATH}?PatientID=P2")
        as_xml = client.get(f"{_PATH}?PatientID=P2", headers={"Accept": _XML})
    assert "Müller".encode() in as_json.content
    assert as_xml.headers["content-type"].startswith("multipart/related")
    assert "<FamilyName>Müller</FamilyName>".encode() in as_xml.content


def test_what_is_left_and_what_is_not_supported_is_a_warning(web) -> None:
    with web.client() as client:
        answer = client.get(f"{_PATH}?limit=1&fuzzymatching=true")
    assert answer.headers.get_list("warning", split_commas=False) == [
        '299 - "There are 2 additional results"',
        '299 - "The fuzzymatching parameter is not supported for scheduled procedure steps"',
    ]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?NoSuchKeyword=1", 400),
        ("?ScheduledStationAETitle.Modality=CT", 400),
        ("?limit=x", 400),
    ],
)
def test_what_cannot_be_understood_is_refused(web, query: str, status: int) -> None:
    with web.client() as client:
        answer = client.get(_PATH + query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_more_than_is_given_out_at_once_is_too_much(pacs_archive, item) -> None:
    settings = {"plugin": {"worklist": {"max_answers": 2}}}
    web = _serve(pacs_archive, item, settings=settings)
    with web.client() as client:
        assert client.get(_PATH).status_code == 413
        assert client.get(f"{_PATH}?PatientID=P1").status_code == 200


class _Broken:
    @hookimpl
    def worklist_items(self) -> list[Dataset]:
        raise OSError("its database is away")


def test_a_list_that_is_not_whole_is_no_answer(pacs_archive, item) -> None:
    web = _serve(pacs_archive, item, plugins={"broken": _Broken()})
    with web.client() as client:
        answer = client.get(_PATH)
    assert answer.status_code == 500
    assert "database is away" not in answer.text


@pytest.mark.parametrize(
    ("limits", "patients"),
    [
        ((), ["P1", "P2", "P3"]),
        ((Limit(patients=("P1",)),), ["P1"]),
        ((Limit(studies=("1.2.4",)),), ["P2"]),
        ((Limit(modalities=("CT",)),), []),
    ],
)
def test_a_limited_login_sees_the_steps_within_its_limits(
    pacs_archive, item, limits, patients
) -> None:
    """By patient and study; a limit that a step does not decide admits none."""
    web = _serve(pacs_archive, item, http={"login": "required"})
    accounts = Accounts(web.running.archive.tables("http"))
    token = accounts.create_token("t", ["admin"], limits=limits)
    login = {"Authorization": f"Bearer {token}"}
    assert _patients(_search(web, login=login)) == patients


@pytest.mark.interop
@pytest.mark.skipif(
    not Path("/usr/bin/findscu").exists(), reason="DCMTK is not installed: apt-get install dcmtk"
)
def test_findscu_gets_the_same_steps(web, tmp_path) -> None:
    """DCMTK asks the same archive by DIMSE."""
    keys = (f"{_STEP}[0].ScheduledStationAETitle=CT1", "PatientID", "PatientName")
    answers = tmp_path / "answers"
    answers.mkdir()
    command = ["/usr/bin/findscu", "-W", "-X", "-od", str(answers), "-aec", "PACS"]
    wanted = [argument for key in keys for argument in ("-k", key)]
    running = web.running
    done = subprocess.run(
        [*command, running.host, str(running.port), *wanted],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = [dcmread(path, force=True) for path in answers.iterdir()]
    ours = _search(web, f"?{_STEP}.ScheduledStationAETitle=CT1")
    assert _patients(ours) == sorted(_patients(theirs)) == ["P1", "P3"]
