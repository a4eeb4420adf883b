"""QIDO-RS over HTTP: resources, keys, paging, hostile queries."""

from __future__ import annotations

import json
import random
from xml.etree import ElementTree as ET

import pytest
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_framework.testing.instances import make_instance

_ROOT = "/dicom-web"


def _tag(keyword: str) -> str:
    return f"{tag_for_keyword(keyword):08X}"


def _values(answer: dict, keyword: str) -> list:
    return answer[_tag(keyword)].get("Value", [])


def _found(web, path: str, **headers: str) -> list[dict]:
    with web.client() as client:
        answer = client.get(path, headers=headers)
    assert answer.status_code in {200, 204}, answer.text
    assert answer.status_code == 200 or not answer.content
    return answer.json() if answer.content else []


def _uids(answers: list[dict], keyword: str) -> set[str]:
    return {_values(answer, keyword)[0] for answer in answers}


@pytest.fixture
def two_studies(web, make_series) -> tuple[list[Dataset], list[Dataset]]:
    """One CT study of three instances, one MR study of two, of two patients."""
    request = Dataset()
    request.ScheduledProcedureStepID, request.RequestedProcedureID = "SPS1", "RP1"
    first = make_series(
        3,
        PatientID="P1",
        PatientName="Müller^Jörg",
        SpecificCharacterSet="ISO_IR 100",
        StudyDate="20260101",
        RequestAttributesSequence=[request],
        Rows=8,
    )
    second = make_series(
        2,
        PatientID="P2",
        PatientName="Doe^Jane",
        StudyDate="20260301",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.4",
    )
    web.running.take_in(*first, *second)
    return first, second


def test_each_resource_has_its_level_and_its_attributes(web, two_studies) -> None:
    """PS3.18 Tables 10.6.3-3 to 10.6.3-5, and URLs that answer."""
    first, _ = two_studies
    study, series = first[0].StudyInstanceUID, first[0].SeriesInstanceUID
    paths = {
        "/studies": (2, "NumberOfStudyRelatedInstances"),
        "/series": (2, "NumberOfSeriesRelatedInstances"),
        "/instances": (5, "SOPInstanceUID"),
        f"/studies/{study}/series": (1, "RequestAttributesSequence"),
        f"/studies/{study}/instances": (3, "Rows"),
        f"/studies/{study}/series/{series}/instances": (3, "BitsAllocated"),
    }
    for path, (count, keyword) in paths.items():
        answers = _found(web, _ROOT + path)
        assert len(answers) == count, path
        for answer in answers:
            assert keyword not in {"SOPInstanceUID", "Rows"} or _values(answer, keyword), path
            assert _values(answer, "InstanceAvailability") == ["ONLINE"]
            assert list(answer) == sorted(answer)
            url = _values(answer, "RetrieveURL")[0]
            with web.client() as client:
                assert client.get(url + "/metadata").status_code == 200


def test_text_is_utf_8_and_names_have_their_groups(web, two_studies) -> None:
    """Whatever character set it was stored in."""
    (answer,) = _found(web, f"{_ROOT}/studies?PatientName=m%C3%BCller*")
    assert _values(answer, "PatientName") == [{"Alphabetic": "Müller^Jörg"}]
    assert _values(answer, "NumberOfStudyRelatedInstances") == [3]


def test_keys_by_keyword_by_tag_and_in_sequences(web, two_studies) -> None:
    """Each finds the first study alone."""
    first, _ = two_studies
    for query in (
        "PatientID=P1",
        "00100020=P1",
        "PatientName=M?ller*",
        "StudyDate=20260101-20260131",
        "StudyDate=-20260201",
        "ModalitiesInStudy=CT",
        f"StudyInstanceUID={first[0].StudyInstanceUID},1.2.3",
        f"StudyInstanceUID=1.2.3&StudyInstanceUID={first[0].StudyInstanceUID}",
        f"StudyInstanceUID=1.2.3%5C{first[0].StudyInstanceUID}",
        "RequestAttributesSequence.ScheduledProcedureStepID=SPS1",
        "00400275.00401001=RP1",
        "PatientID=P1&NumberOfStudyRelatedInstances=3",
    ):
        answers = _found(web, f"{_ROOT}/studies?{query}")
        assert _uids(answers, "StudyInstanceUID") == {str(first[0].StudyInstanceUID)}, query


def test_numbers_are_matched_in_headers(web, two_studies) -> None:
    """Rows has no column in the index."""
    assert len(_found(web, f"{_ROOT}/instances?Rows=8")) == 5
    assert _found(web, f"{_ROOT}/instances?Rows=9") == []


def test_what_is_included_comes_back(web, two_studies) -> None:
    """By keyword, by tag, in a sequence, and everything."""
    path = f"{_ROOT}/studies?PatientID=P1&includefield="
    (plain,) = _found(web, f"{_ROOT}/studies?PatientID=P1")
    assert _tag("StudyDescription") not in plain
    for field in ("StudyDescription", "00081030", "PatientAge,StudyDescription", "all"):
        assert _tag("StudyDescription") in _found(web, path + field)[0], field
    nested = _found(web, path + "RequestAttributesSequence.RequestedProcedureID")[0]
    assert _values(nested, "RequestAttributesSequence") == [
        {_tag("RequestedProcedureID"): {"vr": "SH", "Value": ["RP1"]}}
    ]


def test_all_of_an_instance_is_its_header(web, two_studies) -> None:
    """Without its pixel data."""
    first, _ = two_studies
    answers = _found(
        web, f"{_ROOT}/instances?includefield=all&SOPInstanceUID={first[1].SOPInstanceUID}"
    )
    header = {f"{element.tag:08X}" for element in first[1]} - {"7FE00010"}
    assert header <= set(answers[0])


def test_pages_are_steady_and_say_that_there_is_more(web, two_studies) -> None:
    """Together they are the whole, each once."""
    seen = []
    with web.client() as client:
        for offset in range(0, 6, 2):
            answer = client.get(f"{_ROOT}/instances?limit=2&offset={offset}")
            seen += [_values(each, "SOPInstanceUID")[0] for each in answer.json()]
            assert ("299 " in answer.headers.get("warning", "")) == (offset < 4)
        assert client.get(f"{_ROOT}/instances?limit=0").status_code == 204
        assert client.get(f"{_ROOT}/instances?offset=9").status_code == 204
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientName=joerg%20muller&fuzzymatching=true", {"P1"}),
        ("fuzzymatching=true&PatientName=jan", {"P2"}),
        ("fuzzymatching=false&PatientName=jan", set()),
        ("emptyvaluematching=true&AccessionNumber=%22%22", {"P1", "P2"}),
        ("emptyvaluematching=true&StudyDate=%22%22", set()),
        ("emptyvaluematching=false&AccessionNumber=%22%22", set()),
        ("ModalitiesInStudy=MR%5CCT", {"P1", "P2"}),
        ("ModalitiesInStudy=MR%5CCT&multiplevaluematching=true", set()),
        ("ModalitiesInStudy=CT&multiplevaluematching=true", {"P1"}),
    ],
)
def test_what_extended_negotiation_is_elsewhere_are_parameters_here(
    web, two_studies, query, found
) -> None:
    """PS3.18 8.3.4.2, 8.3.4.5, 8.3.4.6: and there is nothing to warn of."""
    with web.client() as client:
        answer = client.get(f"{_ROOT}/studies?{query}")
    assert "warning" not in answer.headers
    assert _uids(answer.json() if answer.content else [], "PatientID") == found


def test_xml_is_one_part_for_each_match(web, two_studies, parts_of) -> None:
    """The Native DICOM Model."""
    with web.client() as client:
        accept = 'multipart/related; type="application/dicom+xml"'
        parts = parts_of(client.get(f"{_ROOT}/studies", headers={"Accept": accept}))
    assert len(parts) == 2
    names = [ET.fromstring(body).find(".//*[@keyword='PatientID']")[0].text for _, body in parts]
    assert sorted(names) == ["P1", "P2"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/dicom+json"),
        ("*/*", "application/dicom+json"),
        ("application/json", "application/json"),
        ("application/json;q=0.5, application/dicom+json", "application/dicom+json"),
        ("application/dicom+json; charset=utf-8", "application/dicom+json"),
    ],
)
def test_json_is_what_is_accepted(web, two_studies, accept, media_type) -> None:
    """Or the default."""
    with web.client() as client:
        answer = client.get(f"{_ROOT}/studies", headers={"Accept": accept} if accept else {})
    assert answer.headers["content-type"].partition(";")[0] == media_type


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("", "text/html", 406),
        ("", "application/dicom+json;q=0", 406),
        ("charset=latin1", "*/*", 406),
        ("", "a/b;c", 400),
        ("", "application/dicom+json;q=7", 400),
        ("PatientNmae=x", "*/*", 400),
        ("limit=-1", "*/*", 400),
        ("limit=x", "*/*", 400),
        ("limit=1&limit=2", "*/*", 400),
        ("offset=99999999999", "*/*", 400),
        ("fuzzymatching=maybe", "*/*", 400),
        ("emptyvaluematching=1", "*/*", 400),
        ("multiplevaluematching=true&multiplevaluematching=true", "*/*", 400),
        ("includefield=Nothing", "*/*", 400),
        ("PatientID=a&PatientID=b", "*/*", 400),
        ("00091001=x", "*/*", 400),
        ("PixelData=x", "*/*", 400),
        ("PatientName.PatientID=x", "*/*", 400),
        ("RequestAttributesSequence=x", "*/*", 400),
        ("Rows=many", "*/*", 400),
        ("NumberOfSeriesRelatedInstances=3", "*/*", 400),
        ("StudyDate=yesterday", "*/*", 400),
        ("StudyDate=2026*", "*/*", 400),
        ("StudyDate=2026-01-01", "*/*", 400),
        ("StudyDate=-", "*/*", 400),
        ("StudyDate=20260101\\x", "*/*", 400),
        ("StudyTime=noon", "*/*", 400),
        ("AcquisitionDateTime=x-y", "*/*", 400),
        ("00000000=1", "*/*", 400),
        ("00080000=1", "*/*", 400),
    ],
)
def test_what_cannot_be_answered_is_refused(web, query, accept, status) -> None:
    """With problem details; a filter that is not heeded would show too much."""
    with web.client() as client:
        answer = client.get(f"{_ROOT}/studies?{query}", headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_hostile_values_are_refused_or_match_nothing(web, two_studies) -> None:
    """Never a failure of the server, never everything."""
    chosen = random.Random(7)
    pieces = [
        "*",
        "?",
        "\\",
        "'",
        '"',
        "%",
        "_",
        "=",
        "^",
        "-",
        ",",
        ".",
        "[",
        "(",
        "ß",
        "\u202e",
        "\0",
        "\x1b$B",
        "1",
        "9" * 40,
        "a" * 500,
        "../",
        "{}",
        "\ud7ff",
        "\n",
    ]
    keys = [
        "PatientName",
        "PatientID",
        "StudyDate",
        "StudyTime",
        "StudyInstanceUID",
        "Rows",
        "SeriesNumber",
        "00080061",
        "NumberOfStudyRelatedSeries",
        "WindowCenter",
        "PatientAge",
    ]
    with web.client() as client:
        for _ in range(150):
            key = chosen.choice(keys)
            value = "".join(chosen.choices(pieces, k=chosen.randint(1, 6)))
            path = chosen.choice(("studies", "series", "instances"))
            answer = client.get(f"{_ROOT}/{path}", params={key: value})
            assert answer.status_code in {200, 204, 400}, (key, value, answer.text)
            if answer.status_code == 400:
                assert value not in json.dumps(answer.json(), ensure_ascii=False) or len(value) < 3


def test_a_large_search_goes_on_behind_the_first_page(web) -> None:
    """More matches than the index gives at once."""
    series = make_instance()
    shared = {k: str(series[k].value) for k in ("StudyInstanceUID", "SeriesInstanceUID")}
    web.running.take_in(*(make_instance(**shared) for _ in range(230)))
    answers = _found(web, f"{_ROOT}/instances")
    assert len(_uids(answers, "SOPInstanceUID")) == 230
