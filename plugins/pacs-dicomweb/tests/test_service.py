"""What the service tells of itself, and deletion, which has to be switched on."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

import pacs_dicomweb.plugin
from pacs_framework.archive.marks import Subject
from pacs_http.testing import WebArchive, serve_http

_NAMESPACE = "{http://wadl.dev.java.net/2009/02}"


@pytest.fixture
def deleting(pacs_archive) -> WebArchive:
    """An archive that answers DELETE."""
    settings = {"plugin": {"dicomweb": {"delete": True}}}
    return serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, settings=settings)


def _methods(wadl: bytes) -> set[tuple[str, str]]:
    root = ET.fromstring(wadl)
    (resources,) = root
    return {
        (resource.get("path"), method.get("name"))
        for resource in resources
        for method in resource.iter(_NAMESPACE + "method")
    }


def test_capabilities_are_told_as_wadl_and_json(web) -> None:
    """The same of both: resources, methods, media types (PS3.18 8.9)."""
    with web.client() as client:
        told = client.options("/dicom-web")
        assert told.headers["content-type"] == "application/vnd.sun.wadl+xml"
        methods = _methods(told.content)
        as_json = client.options("/dicom-web", headers={"Accept": "application/json"}).json()
        other = client.options("/dicom-web", headers={"Accept": "image/png"})
    assert ("studies", "POST") in methods
    assert ("studies/{study}/series/{series}/metadata", "GET") in methods
    assert not any(method == "DELETE" for _, method in methods)
    resources = as_json["application"]["resources"]
    assert resources["base"] == web.url + "/dicom-web/"
    assert methods == {
        (each["path"], method["name"])
        for each in resources["resource"]
        for method in each["methods"]
    }
    assert other.status_code == 406


def test_nothing_is_deleted_unless_it_is_switched_on(web, make_series, path_of) -> None:
    """405, and the study stays."""
    made = make_series(2)
    web.running.take_in(*made)
    with web.client() as client:
        assert client.delete(path_of(made[0], "study")).status_code == 405
        assert client.get(path_of(made[0], "study")).status_code == 200


@pytest.mark.parametrize(("level", "left"), [("instance", 2), ("series", 0), ("study", 0)])
def test_each_level_can_be_deleted(deleting, make_series, path_of, level, left) -> None:
    """204, once; nothing of it is found afterwards, and what is beside it stays."""
    made, other = make_series(3), make_series(1)
    deleting.running.take_in(*made, *other)
    with deleting.client() as client:
        assert client.get(path_of(made[0], "series") + "/metadata").status_code == 200
        assert client.delete(path_of(made[0], level)).status_code == 204
        assert client.delete(path_of(made[0], level)).status_code == 404
        assert client.get(path_of(made[0])).status_code == 404
        told = client.get(path_of(made[0], "series") + "/metadata")
        assert (len(told.json()) if left else told.status_code) == (left or 404)
        assert client.get(path_of(other[0])).status_code == 200
    (record,) = deleting.running.archive.deleting.history(10)
    assert record.by == "http/anonymous"


def test_what_is_protected_or_not_named_rightly_stays(deleting, make_series, path_of) -> None:
    """409; 404 for a series in another study; 400 for what is no UID."""
    made, other = make_series(1), make_series(1)
    deleting.running.take_in(*made, *other)
    study = str(made[0].StudyInstanceUID)
    deleting.running.archive.marks.protect(Subject(study=study), by="test", reason="a test")
    crossed = path_of(made[0], "series").replace(study, str(other[0].StudyInstanceUID))
    with deleting.client() as client:
        assert client.delete(path_of(made[0], "study")).status_code == 409
        assert client.delete(crossed).status_code == 404
        assert client.delete("/dicom-web/studies/1..2").status_code == 400
        assert client.get(path_of(made[0])).status_code == 200
