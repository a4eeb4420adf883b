"""Who may see a part of the archive cannot tell it from an archive that holds nothing else.

Every route of the service is asked by the same limited principal, for everything that is there, of
two archives: one that holds all, and one that holds only what is in scope. The answers are alike to
the byte, so there is nothing left to leak: no instance, no count, no name, no difference between
what is kept back and what is not there.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage

import pacs_dicomweb.plugin
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.deletions import Target
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.marks import Subject
from pacs_framework.testing.instances import make_instance
from pacs_http.access.accounts import Accounts
from pacs_http.access.links import Links
from pacs_http.api import Limit, Route
from pacs_http.testing import WebArchive, serve_http

_ACCEPTS = ("*/*", "application/zip", 'multipart/related; type="application/dicom"')
_QUERIES = (
    "",
    "?includefield=all",
    "?PatientID=B",
    "?ModalitiesInStudy=MR",
    "?Modality=MR&includefield=NumberOfPatientRelatedInstances,NumberOfPatientRelatedStudies",
    "?StudyInstanceUID=1.2.2&includefield=SOPClassesInStudy",
    "?NumberOfStudyRelatedInstances=4",
    "?limit=1",
    "?offset=1",
)
_VOLATILE = re.compile(
    rb"http://127\.0\.0\.1:\d+|urn:request:\w+|boundary=\"?[\w.-]+|--[\w.-]{16,}|<[^>]*uuid[^>]*>"
)


def content() -> list[Dataset]:
    """A has CT and MR in one study. B has a study of his own, and an instance that somebody has
    put into the study and series UIDs of A.
    """
    made = []
    for number, (patient, study, series, modality) in enumerate(
        [
            ("A", "1.2.1", "1.2.1.1", "CT"),
            ("A", "1.2.1", "1.2.1.1", "CT"),
            ("A", "1.2.1", "1.2.1.2", "MR"),
            ("B", "1.2.2", "1.2.2.1", "CT"),
            ("B", "1.2.2", "1.2.2.2", "MR"),
            ("B", "1.2.1", "1.2.1.1", "CT"),
        ],
        1,
    ):
        made.append(
            make_instance(
                PatientID=patient,
                PatientName=f"Name^{patient}",
                StudyInstanceUID=study,
                SeriesInstanceUID=series,
                SOPInstanceUID=f"1.2.9.{number}",
                SOPClassUID=CTImageStorage if modality == "CT" else MRImageStorage,
                Modality=modality,
                InstanceNumber=str(number),
                StationName=f"{patient}{modality}",
                StudyDescription=f"study of {patient}",
            )
        )
    return made


# By InstanceNumber. The first two are in one series, of which each sender has a part.
_SENDERS = ("CT1", "WS1", "MR1", "CT1", "WS1", "CT1")


def sender_of(dataset: Dataset) -> str:
    return _SENDERS[int(dataset.InstanceNumber) - 1]


_LIMITS: dict[str, tuple[tuple[Limit, ...], Callable[[Dataset], bool]]] = {
    "one patient": ((Limit(patients=("A",)),), lambda d: d.PatientID == "A"),
    "one modality": ((Limit(modalities=("CT",)),), lambda d: d.Modality == "CT"),
    "one study": ((Limit(studies=("1.2.2",)),), lambda d: d.StudyInstanceUID == "1.2.2"),
    "a label": ((Limit(labels=("study-x",)),), lambda d: d.StudyInstanceUID == "1.2.2"),
    "one sender": ((Limit(ae_titles=("CT1",)),), lambda d: sender_of(d) == "CT1"),
    "a sender's part of a patient": (
        (Limit(ae_titles=("WS?",), patients=("A",)),),
        lambda d: sender_of(d) == "WS1" and d.PatientID == "A",
    ),
    "a sender or a modality": (
        (Limit(ae_titles=("WS1",)), Limit(modalities=("MR",), labels=("study-x",))),
        lambda d: sender_of(d) == "WS1" or (d.Modality == "MR" and d.PatientID == "B"),
    ),
    "nothing": ((Limit(patients=("C",)),), lambda _: False),
}


@pytest.fixture
def serve(pacs_archive: Any) -> Callable[[list[Dataset]], WebArchive]:
    """An archive that everybody has to log in to."""

    def make(stored: list[Dataset], **settings: Any) -> WebArchive:
        web = serve_http(
            pacs_archive,
            {"dicomweb": pacs_dicomweb.plugin},
            http={"login": "required", "access_log": False},
            settings={"plugin": {"dicomweb": settings}},
        )
        for each in stored:
            web.running.take_in(each, calling_aet=sender_of(each))
        if any(each.StudyInstanceUID == "1.2.2" for each in stored):
            web.running.archive.marks.label(Subject(study="1.2.2"), "study-x", by="test")
        return web

    return make


def token_of(web: WebArchive, *limits: Limit, name: str = "t") -> dict[str, str]:
    accounts = Accounts(web.running.archive.tables("http"))
    made = accounts.create_token(name, ["admin"], limits=limits)
    return {"Authorization": f"Bearer {made}"}


def requests_of(web: WebArchive) -> Iterator[tuple[Route, str]]:
    """Each route of the service that reads, for every resource that there is, right and wrong."""
    (door,) = web.running.app.entrances.doors
    for route in door.router.routes:
        if route.method not in {"GET", "OPTIONS"} or route.public:
            continue
        yield from ((route, target) for target in _targets(route))


def _named() -> Iterator[tuple[str, str, str]]:
    """Study, series and instance: of each instance its own, and those of the others."""
    own = [(d.StudyInstanceUID, d.SeriesInstanceUID, d.SOPInstanceUID) for d in content()]
    yield from own
    for (study, series, _), (_, _, instance) in zip(own, own[3:] + own[:3], strict=True):
        yield study, series, instance


def _targets(route: Route) -> Iterator[str]:
    names = [each for each in ("study", "series", "instance") if f"{{{each}}}" in route.path]
    for chosen in sorted({each[: len(names)] for each in _named()}):
        path = route.path
        for name, value in zip(names, chosen, strict=True):
            path = path.replace(f"{{{name}}}", value)
        path = re.sub(r"\{frames\}|\{frame\}", "1", path)
        path = re.sub(r"\{path(:path)?\}", "7FE00010", path)
        path = re.sub(r"\{[a-z_]+(:path)?\}", "x", path)
        if route.action == "search":
            yield from (path + query for query in _QUERIES)
        elif not names:
            yield path
            for study, series, instance in _named():
                yield (
                    f"{path}?requestType=WADO&contentType=application/dicom&studyUID={study}"
                    f"&seriesUID={series}&objectUID={instance}"
                )
        else:
            yield path


def told(client: Any, target: str, headers: dict[str, str]) -> tuple[object, ...]:
    """All of an answer but what differs between any two."""
    answer = client.get(target, headers=headers)
    kept = {
        name: answer.headers.get(name)
        for name in ("warning", "content-length", "content-range", "www-authenticate")
    }
    if answer.headers.get("content-type", "").startswith(("multipart", "application/zip")):
        kept.pop("content-length")  # boundaries, and addresses that are compressed with the rest
    kept["etag"] = "etag" in answer.headers  # it is of the stored object, which is another one
    return answer.status_code, _plain(answer), {} if "/openapi" in target else kept


def _plain(answer: Any) -> object:
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return {name: _VOLATILE.sub(b"", archive.read(name)) for name in archive.namelist()}
    text = _VOLATILE.sub(b"", answer.content)
    return json.loads(text) if media_type.endswith("json") and text else text


@pytest.mark.parametrize("name", _LIMITS)
def test_a_part_is_all_that_there_is(
    serve: Callable[[list[Dataset]], WebArchive], name: str
) -> None:
    limits, is_in_scope = _LIMITS[name]
    everything = content()
    rest = [each for each in everything if is_in_scope(each)]
    whole, alone = serve(everything), serve(rest)
    asked = answered = 0
    with whole.client() as one, alone.client() as other:
        mine, others = token_of(whole, *limits), token_of(alone, *limits)
        for route, target in requests_of(whole):
            accepts = _ACCEPTS if route.action == "read" and "instances" not in target else ("*/*",)
            for accept in accepts:
                seen = told(one, target, mine | {"Accept": accept})
                assert seen == told(other, target, others | {"Accept": accept}), (target, accept)
                assert seen[0] != 500, target
                asked += 1
                answered += seen[0] == 200
    assert asked > 200  # it does walk them
    assert answered > (20 if rest else 0)


def test_who_may_store_for_one_patient_gets_nowhere_by_it(
    serve: Callable[[list[Dataset]], WebArchive],
) -> None:
    """Not by putting an instance of his own patient into the study and the series of another, and
    not by storing one over another's.
    """
    web = serve(content())
    mine = token_of(web, Limit(patients=("A",)))
    planted = make_instance(
        PatientID="A",
        StudyInstanceUID="1.2.2",
        SeriesInstanceUID="1.2.2.1",
        SOPInstanceUID="1.2.9.77",
    )
    over = make_instance(PatientID="A", SOPInstanceUID="1.2.9.4")
    with web.client() as client:
        assert _store(client, planted, mine) == 200
        assert _store(client, over, mine) == 409
        found = client.get("/dicom-web/instances?StudyInstanceUID=1.2.2", headers=mine).json()
        assert [each["00080018"]["Value"] for each in found] == [["1.2.9.77"]]
        (study,) = client.get("/dicom-web/studies?StudyInstanceUID=1.2.2", headers=mine).json()
        assert study["00201208"]["Value"] == [1]
        assert study["00100010"]["Value"] == [{"Alphabetic": "Name^A"}]
        metadata = client.get("/dicom-web/studies/1.2.2/metadata", headers=mine).json()
        assert [each["00080018"]["Value"] for each in metadata] == [["1.2.9.77"]]
        path = "/dicom-web/studies/1.2.2/series/1.2.2.1/instances/1.2.9.4"
        for tail in ("", "/metadata", "/frames/1", "/bulkdata/7FE00010"):
            assert client.get(path + tail, headers=mine).status_code == 404


def test_who_is_limited_to_a_sender_stores_as_that_sender(
    serve: Callable[[list[Dataset]], WebArchive],
) -> None:
    """By its own name: what its file says of Source Application Entity Title counts for nothing."""
    web = serve(content())
    ct1 = token_of(web, Limit(ae_titles=("CT1",)), name="CT1")
    other = token_of(web, Limit(ae_titles=("CT1",)), name="gateway")
    endless = token_of(web, Limit(ae_titles=("CT1*",)), name="CT1-and-much-more-than-a-title")
    new = make_instance(SOPInstanceUID="1.2.9.77", StudyInstanceUID="1.2.7")
    new.file_meta.SourceApplicationEntityTitle = "CT1"
    of_another = make_instance(SOPInstanceUID="1.2.9.2", PatientID="A")
    with web.client() as client:
        for headers in (other, endless):
            assert _store(client, new, headers) == 409
        assert _store(client, of_another, ct1) == 409
        assert _store(client, new, ct1) == 200
        for headers in (ct1, other):
            found = client.get("/dicom-web/instances?StudyInstanceUID=1.2.7", headers=headers)
            assert [each["00080018"]["Value"] for each in found.json()] == [["1.2.9.77"]]
        mine = token_of(web, Limit(ae_titles=("WS1",)))
        assert client.get("/dicom-web/studies/1.2.7/metadata", headers=mine).status_code == 404


def test_who_sees_a_part_of_a_series_deletes_no_more_than_that(
    serve: Callable[..., WebArchive],
) -> None:
    """A series with instances of somebody else is refused, and theirs are not there."""
    web = serve(content(), delete=True)
    mine = token_of(web, Limit(ae_titles=("WS1",), patients=("A",)))
    series = "/dicom-web/studies/1.2.1/series/1.2.1.1"
    with web.client() as client:
        assert client.delete("/dicom-web/studies/1.2.1", headers=mine).status_code == 403
        assert client.delete(series, headers=mine).status_code == 403
        assert client.delete(f"{series}/instances/1.2.9.1", headers=mine).status_code == 404
        assert client.delete(f"{series}/instances/1.2.9.2", headers=mine).status_code == 204
        assert client.delete(series, headers=mine).status_code == 404
    left = web.running.archive.lookup
    assert left.instance("1.2.9.1") is not None
    assert left.instance("1.2.9.2") is None


_KEPT_BACK = "/dicom-web/studies/1.2.2/series/1.2.2.1/instances/1.2.9.4"
_NOWHERE = "/dicom-web/studies/1.2.3/series/1.2.3.1/instances/1.2.9.8"


@pytest.mark.parametrize("tail", ["", "/metadata", "/frames/1", "/rendered", "/bulkdata/7FE00010"])
@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": "*"},
        {"If-Match": "*"},
        {"Range": "bytes=0-9"},
        {"Range": "bytes=9-0", "If-Range": '"x"'},
        {"Accept": "nonsense/none"},
        {"If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
    ],
    ids=str,
)
def test_no_header_tells_what_is_kept_back_from_what_is_not_there(
    shared_web: WebArchive, tail: str, headers: dict[str, str]
) -> None:
    mine = token_of(shared_web, Limit(patients=("A",))) | headers
    with shared_web.client() as client:
        for method in ("GET", "HEAD"):
            seen = [
                client.request(method, path + tail, headers=mine) for path in (_KEPT_BACK, _NOWHERE)
            ]
            told = [(each.status_code, _without_ids(each)) for each in seen]
            assert told[0] == told[1]
            assert told[0][0] == 404


def _without_ids(answer: Any) -> object:
    names = ("etag", "content-type", "accept-ranges", "allow", "warning")
    kept = {name: answer.headers.get(name) for name in names}
    return _VOLATILE.sub(b"", answer.content), kept


@pytest.fixture
def shared_web(serve: Callable[..., WebArchive]) -> WebArchive:
    """All of it."""
    return serve(content())


def test_a_query_of_two_names_names_nothing(shared_web: WebArchive) -> None:
    """What is judged is what is given: WADO-URI takes each parameter once."""
    mine = token_of(shared_web, Limit(patients=("A",)))
    own = "studyUID=1.2.1&seriesUID=1.2.1.1&objectUID=1.2.9.1"
    with shared_web.client() as client:

        def status(query: str) -> int:
            asked = f"/wado?requestType=WADO&contentType=application/dicom&{query}"
            return int(client.get(asked, headers=mine).status_code)

        assert status(own) == 200
        assert status(f"{own}&objectUID=1.2.9.4") == 400
        assert status(f"objectUID=1.2.9.1&{own.replace('2.9.1', '2.9.4')}") == 400
        assert status(f"{own}&ObjectUID=1.2.9.4") == 400
        assert status(own.replace("1.2.9.1", "1.2.9.4")) == 404
        # What names nothing is refused for who may not ask for everything.
        assert status(own.replace("1.2.9.1", "1.2.9.1\\1.2.9.4")) == 403
        assert status(own.replace("1.2.9.1", "*")) == 403


def test_a_link_goes_with_its_study(shared_web: WebArchive) -> None:
    """It shows a study under the patient whom it is of by now, and nothing once that is gone."""
    links = Links(shared_web.running.archive.tables("http"))
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    link = f"/shared/{links.create('1.2.2', expires=tomorrow)}/dicom-web/studies"
    archive = shared_web.running.archive
    with shared_web.client() as client:

        def patients() -> list[str]:
            found = client.get(link)
            return [each["00100020"]["Value"][0] for each in found.json() if found.content]

        assert patients() == ["B"]
        key = partial(PatientKey, issuer="")
        merge = archive.patients.merge
        merge(key(patient_id="B"), key(patient_id="A"), by="test", reason="one person")
        assert patients() == ["A"]  # and not the other study of that patient
        assert client.get(f"{link}/1.2.2/metadata").status_code == 200
        assert client.get(f"{link}/1.2.1/metadata").status_code == 404
        archive.deleting.delete(
            Target(study="1.2.2"), by="test", reason="a test", origin=Origin(door="test")
        )
        assert client.get(link).status_code == 204
        assert client.get(f"{link}/1.2.2/metadata").status_code == 404


def _store(client: Any, dataset: Dataset, headers: dict[str, str]) -> int:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    sent = headers | {"Content-Type": "application/dicom"}
    answer = client.post("/dicom-web/studies", content=buffer.getvalue(), headers=sent)
    return int(answer.status_code)
