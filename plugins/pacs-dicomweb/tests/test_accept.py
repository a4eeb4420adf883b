"""What a client accepts, in all the ways that it may say so (RFC 9110 12.4.2, 12.5.1)."""

from __future__ import annotations

import pytest

from pacs_dicomweb.accept import parse_accept
from pacs_framework.testing.instances import make_instance
from pacs_http.api import Problem

_JSON = "application/dicom+json"
_XML = 'multipart/related; type="application/dicom+xml"'


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("*/*", _JSON),
        ("", _JSON),
        (", ,", _JSON),
        (f",{_JSON},,", _JSON),
        (f"*/*, {_JSON};q=0", "application/json"),
        (f"*/*;q=0.5, {_JSON};q=0, application/json;Q=0", "multipart/related"),
        (f"*/*, {_XML};q=0", _JSON),
        (f"{_XML};q=0.9, {_JSON};q=0.1", "multipart/related"),
        (f"{_XML};q=0, multipart/related, {_JSON};q=0.001", _JSON),
        (f"*/*;q=0, {_JSON}", _JSON),
        (f"{_JSON};q=0, {_JSON};q=0.1", _JSON),
        ("*/*;q=0", ""),
        (f"application/*, application/json;q=0.000, {_JSON};q=0.000", ""),
    ],
)
def test_what_is_refused_is_not_answered(web, path_of, accept: str, answered: str) -> None:
    """However broad the other ranges are; empty elements of the list say nothing."""
    instance = make_instance()
    web.running.take_in(instance)
    with web.client() as client:
        answer = client.get(path_of(instance) + "/metadata", headers={"Accept": accept})
    found = answer.headers["content-type"].partition(";")[0] if answer.status_code == 200 else ""
    assert found == answered, answer.text
    assert answer.status_code in {200, 406}


def test_frames_that_are_accepted_otherwise_are_other_ones(web, path_of) -> None:
    """A client that has the parts does not have the octets alone."""
    instance = make_instance()
    web.running.take_in(instance)
    path = path_of(instance) + "/frames/1"
    with web.client() as client:
        parts = client.get(path, headers={"Accept": "*/*"})
        assert parts.headers["content-type"].startswith("multipart/related")
        accept = "*/*, multipart/related;q=0"
        alone = client.get(path, headers={"Accept": accept, "If-None-Match": parts.headers["etag"]})
        assert alone.status_code == 200
        assert alone.content == instance.PixelData


@pytest.mark.parametrize(
    "accept",
    [
        "application/json;q=1.5",
        "application/json;q=",
        "application/json;q=0.0001",
        "application/json;q=-1",
        "application",
        'a/b;c="',
        "a/b c/d",
        ",".join(["a/b"] * 65),
        "a/b;c=" + "x" * 9000,
    ],
)
def test_what_cannot_be_read_is_told(accept: str) -> None:
    """400, whatever else is in it."""
    with pytest.raises(Problem, match="Accept cannot be read"):
        parse_accept(accept)
