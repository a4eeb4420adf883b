"""Reports and encapsulated documents over the web."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from pacs_framework.archive.incoming import Origin
from pacs_framework.testing.instances import make_instance

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"
_PDF, _CDA = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.104.2"


def _item(**attributes: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def _report(*below: Dataset, **more: Any) -> Dataset:
    made = make_instance(SOPClassUID=_COMPREHENSIVE, Modality="SR", **more)
    made.ValueType = "CONTAINER"
    made.ConceptNameCodeSequence = Sequence(
        [_item(CodeValue="1", CodingSchemeDesignator="99T", CodeMeaning="Chest report")]
    )
    made.ContentSequence = Sequence(below)
    return made


def _text(words: str) -> Dataset:
    return _item(RelationshipType="CONTAINS", ValueType="TEXT", TextValue=words)


def _nested(depth: int) -> Dataset:
    made = _text("bottom")
    for _ in range(depth):
        above = _item(RelationshipType="CONTAINS", ValueType="CONTAINER")
        above.ContentSequence = Sequence([made])
        made = above
    return made


@pytest.fixture
def real(web) -> Dataset:
    """A report with items of every kind."""
    web.running.archive.import_file(_FILES / "test-SR.dcm", Origin(door="test"))
    return dcmread(_FILES / "test-SR.dcm")


def test_a_report_is_a_page_plain_text_or_xml(web, real, path_of) -> None:
    """HTML where nobody says, as browsers ask too; never a picture (PS3.18 Table 8.7.4-1)."""
    path = path_of(real) + "/rendered"
    browser = "text/html,application/xhtml+xml,image/avif,*/*;q=0.8"
    with web.client() as client:
        for accept in ("*/*", "text/html", browser):
            page = client.get(path, headers={"Accept": accept})
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert "Jörg Riesmeier" in page.text
        text = client.get(path, params={"accept": "text/plain"})
        assert text.headers["content-type"] == "text/plain; charset=utf-8"
        assert "Diameter: 3 cm" in text.text
        xml = client.get(path, headers={"Accept": "text/xml"})
        root = ET.fromstring(xml.content)
        assert root.tag.endswith("NativeDicomModel")
        titles = [each.text for each in root.iter() if each.tag.endswith("}Value")]
        assert "Diagnosis" in titles
        parts = client.get(path, headers={"Accept": "multipart/related; type=text/html"})
        assert parts.headers["content-type"].startswith("multipart/related")
        assert "Jörg Riesmeier".encode() in parts.content
        assert client.get(path, headers={"Accept": "image/png"}).status_code == 406
        assert client.get(path + "?viewport=1,1").status_code == 400
        etag = page.headers["etag"]
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
        other = {"If-None-Match": etag, "Accept": "text/plain"}
        assert client.get(path, headers=other).status_code == 200


def test_a_report_by_uri(web, real) -> None:
    """A page where nobody says, the instance where it is asked for."""
    asked = {
        "requestType": "WADO",
        "studyUID": real.StudyInstanceUID,
        "seriesUID": real.SeriesInstanceUID,
        "objectUID": real.SOPInstanceUID,
    }
    with web.client() as client:
        for content_type, expected in (
            (None, "text/html; charset=utf-8"),
            ("text/plain", "text/plain; charset=utf-8"),
            ("application/dicom", "application/dicom"),
        ):
            said = asked | ({"contentType": content_type} if content_type else {})
            answer = client.get("/wado", params=said)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(expected)
        assert client.get("/wado", params={**asked, "rows": "3"}).status_code == 400
        jpeg = {**asked, "contentType": "image/jpeg"}
        assert client.get("/wado", params=jpeg).status_code == 406


def test_links_lead_to_what_the_report_refers_to(web, path_of) -> None:
    """To the image as it is seen, and only where the evidence tells its study and series."""
    image = make_instance()
    reference = _item(
        ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
    )
    series = _item(
        SeriesInstanceUID=image.SeriesInstanceUID, ReferencedSOPSequence=Sequence([reference])
    )
    evidence = _item(
        StudyInstanceUID=image.StudyInstanceUID, ReferencedSeriesSequence=Sequence([series])
    )
    stranger = _item(ReferencedSOPClassUID="1.2", ReferencedSOPInstanceUID="1.2/../../x")
    made = _report(
        _item(
            RelationshipType="CONTAINS",
            ValueType="IMAGE",
            ReferencedSOPSequence=Sequence([reference]),
        ),
        _item(
            RelationshipType="CONTAINS",
            ValueType="COMPOSITE",
            ReferencedSOPSequence=Sequence([stranger]),
        ),
        CurrentRequestedProcedureEvidenceSequence=Sequence([evidence]),
    )
    web.running.take_in(image, made)
    with web.client() as client:
        page = client.get(path_of(made) + "/rendered").text
        (link,) = re.findall('href="([^"]*)"', page)
        assert link == f"{web.url}{path_of(image)}/rendered"
        assert client.get(link).headers["content-type"] == "image/jpeg"


def test_hostile_reports_are_harmless(web, path_of) -> None:
    """Text is text; what is nested without end is refused, wherever it comes to light."""
    evil = _report(_text("<script>alert(1)</script>"), PatientID="<img src=x>")
    deep = _report(_nested(50))
    too_deep = _report(_nested(200))
    web.running.take_in(evil, deep, too_deep)
    with web.client() as client:
        page = client.get(path_of(evil) + "/rendered").text
        assert "<script" not in page
        assert "<img" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "bottom" in client.get(path_of(deep) + "/rendered?accept=text/plain").text
        refused = client.get(path_of(too_deep) + "/rendered")
        assert refused.status_code == 406
        assert "nested" in refused.json()["detail"]


def _endless(depth: int) -> tuple[Dataset, bytes]:
    """A report with so many levels, which nobody's writer makes, and its file."""
    made = _report()
    del made.ContentSequence
    start = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return made, buffer.getvalue() + start * depth + end * depth


def test_a_report_without_bottom_is_refused(web, path_of) -> None:
    """At the door or when it is to be seen, at once, and never by an exhausted stack."""
    made, file = _endless(10_000)
    with web.client() as client:
        sent = {"Content-Type": "application/dicom"}
        stored = client.post("/dicom-web/studies", content=file, headers=sent).status_code
        assert stored in (200, 409)
        for tail in ("rendered", "thumbnail"):
            answer = client.get(f"{path_of(made)}/{tail}")
            assert answer.status_code == (406 if stored == 200 else 404)
            assert answer.headers["content-type"] == "application/problem+json"


def _document(sop_class: str, mime_type: str, data: bytes, **more: Any) -> Dataset:
    made = make_instance(SOPClassUID=sop_class, Modality="DOC", **more)
    made.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    made.EncapsulatedDocumentLength = len(data)
    made.MIMETypeOfEncapsulatedDocument = mime_type
    return made


def test_documents_are_given_as_they_are_and_run_nothing(web, path_of) -> None:
    """In a sandbox, unless they are PDF, which browsers show with something of their own."""
    cda = _document(_CDA, "text/XML", b"<ClinicalDocument/>")
    odd = _document(_CDA, "text/html\r\nSet-Cookie: a=b", b"<script>alert(1)</script>")
    pdf = _document(_PDF, "application/pdf", b"%PDF-1.7")
    web.running.take_in(cda, odd, pdf)
    with web.client() as client:
        xml = client.get(path_of(cda) + "/rendered")
        assert xml.headers["content-type"] == "text/xml"
        assert xml.content == b"<ClinicalDocument/>"
        assert xml.headers["content-security-policy"].startswith("sandbox")
        other = client.get(path_of(odd) + "/rendered")
        assert other.headers["content-type"] == "application/octet-stream"
        assert "set-cookie" not in other.headers
        assert "content-security-policy" not in client.get(path_of(pdf) + "/rendered").headers


def test_a_series_of_reports_or_documents_comes_in_parts(web, path_of, parts_of) -> None:
    """In the media type that is accepted; what is not to be had in it is left out, and told."""
    first = _report(_text("one"))
    shared = {"StudyInstanceUID": str(first.StudyInstanceUID)}
    second = _report(_text("two"), SeriesInstanceUID=str(first.SeriesInstanceUID), **shared)
    pdf = _document(_PDF, "application/pdf", b"%PDF-1.7", **shared)
    web.running.take_in(first, second, pdf)
    with web.client() as client:
        texts = client.get(
            path_of(first, "series") + "/rendered",
            headers={"Accept": "multipart/related; type=text/plain"},
        )
        assert texts.status_code == 200
        bodies = {head["Content-Location"]: body for head, body in parts_of(texts)}
        assert {url.removeprefix(web.url) for url in bodies} == {
            path_of(each) + "/rendered" for each in (first, second)
        }
        assert any(b"one" in body for body in bodies.values())
        study = client.get(path_of(first, "study") + "/rendered")
        assert study.status_code == 206
        assert "1 instances are not rendered" in study.headers["warning"]
        documents = client.get(
            path_of(first, "study") + "/rendered",
            headers={"Accept": "multipart/related; type=application/pdf"},
        )
        assert documents.status_code == 206
        assert [body for _, body in parts_of(documents)] == [b"%PDF-1.7"]
        pictures = {"Accept": "multipart/related; type=image/jpeg"}
        nothing = client.get(path_of(first, "study") + "/rendered", headers=pictures)
        assert nothing.status_code == 406
        assert "text/html" in nothing.json()["detail"]


def test_a_thumbnail_is_a_page_with_what_it_is(web, path_of) -> None:
    """Of a report and of a document; another title is another page."""
    made = [
        _report(_text("one")),
        _document(_PDF, "application/pdf", b"%PDF-1.7", DocumentTitle="Consent"),
        _document(_PDF, "application/pdf", b"%PDF-1.7", DocumentTitle="Referral"),
    ]
    web.running.take_in(*made)
    pages = []
    with web.client() as client:
        for each in made:
            for level in ("instance", "series", "study"):
                answer = client.get(
                    path_of(each, level) + "/thumbnail?viewport=200,100&accept=image/png"
                )
                assert answer.status_code == 200
                pages.append(np.asarray(Image.open(io.BytesIO(answer.content))))
    assert {page.shape for page in pages} == {(100, 75)}
    assert len({page.tobytes() for page in pages}) == 3
