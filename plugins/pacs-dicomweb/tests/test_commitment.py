"""Storage commitment by HTTP: transport and statuses (PS3.18 chapter 13), over a test's answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from pydicom import Dataset

import pacs_dicomweb.plugin
from pacs_framework import hookimpl
from pacs_framework.errors import PacsError, PluginError
from pacs_http.testing import WebArchive, serve_http

_PATH = "/dicom-web/commitment-requests/1.2.3"
_CT = "1.2.840.10008.5.1.4.1.1.2"
_JSON = {"Content-Type": "application/dicom+json"}
_XML = 'multipart/related; type="application/dicom+xml"'


class _InUse(PacsError):
    http_status = HTTPStatus.CONFLICT


@dataclass
class _Commitments:
    """Notes what it is asked; answers ``results``, or raises ``refuses``."""

    results: dict[tuple[str, str], int] | None = None
    refuses: PacsError | None = None
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def request(self, uid: str, requester: str, instances: list[tuple[str, str]]) -> Any:
        return self._answer("request", uid, requester, list(instances))

    def result(self, uid: str, requester: str) -> Any:
        return self._answer("result", uid, requester)

    def _answer(self, *asked: Any) -> Any:
        self.asked.append(asked)
        if self.refuses is not None:
            raise self.refuses
        return self.results


class _Plugin:
    def __init__(self, kept: _Commitments) -> None:
        self._kept = kept

    @hookimpl
    def commitments(self) -> _Commitments:
        return self._kept


@pytest.fixture
def kept() -> _Commitments:
    return _Commitments()


@pytest.fixture
def web(pacs_archive, kept) -> WebArchive:
    return serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin, "kept": _Plugin(kept)})


def _request(*instances: tuple[str, str]) -> str:
    items = [
        {
            "00081150": {"vr": "UI", "Value": [sop_class]},
            "00081155": {"vr": "UI", "Value": [instance]},
        }
        for sop_class, instance in instances
    ]
    return json.dumps({"00081199": {"vr": "SQ", "Value": items}})


def test_results_are_a_storage_commitment_response_module(web, kept) -> None:
    """Table J.2-1: what is committed, and what is not with the reason; for either transaction."""
    kept.results = {(_CT, "1.1"): 0, (_CT, "1.2"): 0x0112}
    body = _request((_CT, "1.1"), (_CT, "1.2"))
    with web.client() as client:
        posted = client.post(_PATH, content=body, headers=_JSON)
        fetched = client.get(_PATH)
    assert kept.asked == [
        ("request", "1.2.3", "anonymous", [(_CT, "1.1"), (_CT, "1.2")]),
        ("result", "1.2.3", "anonymous"),
    ]
    for answer in (posted, fetched):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/dicom+json"
        found = Dataset.from_json(answer.json()[0])
        (committed,), (failed,) = found.ReferencedSOPSequence, found.FailedSOPSequence
        assert committed.ReferencedSOPInstanceUID == "1.1"
        assert "FailureReason" not in committed
        assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2", 0x0112)
        assert failed.ReferencedSOPClassUID == _CT
        assert "TransactionUID" not in found


def test_a_sequence_that_would_be_empty_is_left_out(web, kept) -> None:
    """Both are of type 1C."""
    kept.results = {(_CT, "1.1"): 0}
    with web.client() as client:
        assert set(client.get(_PATH).json()[0]) == {"00081199"}
        kept.results = {(_CT, "1.1"): 0x0110}
        assert set(client.get(_PATH).json()[0]) == {"00081198"}


def test_xml_is_read_and_answered(web, kept, parts_of) -> None:
    """The Native DICOM Model."""
    kept.results = {(_CT, "1.1"): 0}
    body = (
        '<NativeDicomModel><DicomAttribute tag="00081199" vr="SQ"><Item number="1">'
        f'<DicomAttribute tag="00081150" vr="UI"><Value number="1">{_CT}</Value></DicomAttribute>'
        '<DicomAttribute tag="00081155" vr="UI"><Value number="1">1.1</Value></DicomAttribute>'
        "</Item></DicomAttribute></NativeDicomModel>"
    )
    headers = {"Content-Type": "application/dicom+xml", "Accept": _XML}
    with web.client() as client:
        ((_, part),) = parts_of(client.post(_PATH, content=body, headers=headers))
    assert b'keyword="ReferencedSOPInstanceUID"' in part
    assert kept.asked[0][-1] == [(_CT, "1.1")]


def test_what_is_under_way_is_202_with_a_time_to_come_back(web, kept) -> None:
    with web.client() as client:
        for answer in (
            client.post(_PATH, content=_request((_CT, "1.1")), headers=_JSON),
            client.get(_PATH),
        ):
            assert (answer.status_code, answer.content) == (202, b"")
            assert int(answer.headers["retry-after"]) > 0


def test_what_is_refused_is_told_with_a_warning(web, kept) -> None:
    """PS3.18 13.4.3.2."""
    kept.refuses = _InUse('in use: "1.2.3"')
    with web.client() as client:
        answer = client.post(_PATH, content=_request((_CT, "1.1")), headers=_JSON)
    assert answer.status_code == 409
    assert answer.headers["warning"] == "299 - \"in use: '1.2.3'\""
    assert answer.json()["detail"] == 'in use: "1.2.3"'


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (_PATH, "{}", 400),
        (_PATH, "no JSON", 400),
        (_PATH, _request(), 400),
        (_PATH, _request((_CT, "x")), 400),
        (_PATH, _request(("", "1.1")), 400),
        (_PATH, '{"00081110": {"vr": "SQ", "Value": [{}]}}', 400),
        ("/dicom-web/commitment-requests/none", _request((_CT, "1.1")), 400),
        ("/dicom-web/commitment-requests", _request((_CT, "1.1")), 404),
    ],
)
def test_what_cannot_be_understood_is_refused_and_nobody_is_asked(
    web, kept, path, body, status
) -> None:
    with web.client() as client:
        answer = client.post(path, content=body, headers=_JSON)
        assert answer.status_code == status, answer.text
        media = client.post(path, content=body, headers={"Content-Type": "text/html"})
        assert media.status_code == (404 if status == 404 else 415)
    assert kept.asked == []


def test_without_such_a_plugin_there_are_no_such_resources(pacs_archive) -> None:
    """Nor are they told of; with two nothing starts."""
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin})
    with web.client() as client:
        assert client.get(_PATH).status_code == 404
        assert b"commitment-requests" not in client.options("/dicom-web").content
    two = {"a": _Plugin(_Commitments()), "b": _Plugin(_Commitments())}
    with pytest.raises(PluginError, match="both answer for storage"):
        serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin, **two})


def test_it_is_told_among_the_capabilities(web) -> None:
    with web.client() as client:
        assert b"commitment-requests/{transaction}" in client.options("/dicom-web").content
