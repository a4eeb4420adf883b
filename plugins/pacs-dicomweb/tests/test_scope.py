"""Who may see a part of the archive cannot tell it from an archive that holds nothing else.

Every route of the service is asked by the same limited principal, for everything that is there, of
two archives: one that holds all, and one that holds only what is in scope. The answers are alike to
the byte, so there is nothing left to leak: no instance, no count, no name, no difference between
what is kept back and what is not there.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage

import pacs_dicomweb.plugin
from pacs_framework.archive.marks import Subject
from pacs_framework.testing.instances import make_instance
from pacs_http.access.accounts import Accounts
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


_LIMITS: dict[str, tuple[Limit, Callable[[Dataset], bool]]] = {
    "one patient": (Limit(patients=("A",)), lambda d: d.PatientID == "A"),
    "one modality": (Limit(modalities=("CT",)), lambda d: d.Modality == "CT"),
    "one study": (Limit(studies=("1.2.2",)), lambda d: d.StudyInstanceUID == "1.2.2"),
    "a label": (Limit(labels=("study-x",)), lambda d: d.StudyInstanceUID == "1.2.2"),
    "nothing": (Limit(patients=("C",)), lambda _: False),
}


@pytest.fixture
def serve(pacs_archive: Any) -> Callable[[list[Dataset]], WebArchive]:
    """An archive that everybody has to log in to."""

    def make(stored: list[Dataset]) -> WebArchive:
        web = serve_http(
            pacs_archive,
            {"dicomweb": pacs_dicomweb.plugin},
            http={"login": "required", "access_log": False},
        )
        web.running.take_in(*stored)
        if any(each.StudyInstanceUID == "1.2.2" for each in stored):
            web.running.archive.marks.label(Subject(study="1.2.2"), "study-x", by="test")
        return web

    return make


def token_of(web: WebArchive, *limits: Limit) -> dict[str, str]:
    made = Accounts(web.running.archive.tables("http")).create_token("t", ["admin"], limits=limits)
    return {"Authorization": f"Bearer {made}"}


def requests_of(web: WebArchive) -> Iterator[tuple[Route, str]]:
    """Each route of the service that reads, for every resource that there is, right and wrong."""
    (door,) = web.running.app.doors
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
    if answer.headers.get("content-type", "").startswith("multipart"):
        kept.pop("content-length")
    kept["etag"] = "etag" in answer.headers  # it is of the stored object, which is another one
    return answer.status_code, _plain(answer), {} if "/openapi" in target else kept


def _plain(answer: Any) -> object:
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    text = _VOLATILE.sub(b"", answer.content)
    return json.loads(text) if media_type.endswith("json") and text else text


@pytest.mark.parametrize("name", _LIMITS)
def test_a_part_is_all_that_there_is(
    serve: Callable[[list[Dataset]], WebArchive], name: str
) -> None:
    limit, is_in_scope = _LIMITS[name]
    everything = content()
    rest = [each for each in everything if is_in_scope(each)]
    whole, alone = serve(everything), serve(rest)
    asked = answered = 0
    with whole.client() as one, alone.client() as other:
        mine, others = token_of(whole, limit), token_of(alone, limit)
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


def _store(client: Any, dataset: Dataset, headers: dict[str, str]) -> int:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    sent = headers | {"Content-Type": "application/dicom"}
    answer = client.post("/dicom-web/studies", content=buffer.getvalue(), headers=sent)
    return int(answer.status_code)
