"""Instances of no patient by HTTP: transport and statuses (PS3.18 chapter 12), over a test's own.

What a plugin does that keeps them is tested there (pacs-non-patient).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydicom import Dataset

import pacs_dicomweb.plugin
from pacs_framework import hookimpl
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.errors import (
    IndexUnavailable,
    MismatchedInstance,
    ObjectNotFound,
    PacsError,
    PluginError,
)
from pacs_http.access.links import Links
from pacs_http.testing import WebArchive, serve_http

_PATH = "/dicom-web/color-palettes"
_CLASS = "1.2.840.10008.5.1.4.39.1"
_EXPLICIT = "1.2.840.10008.1.2.1"
_DICOM = {"Content-Type": "application/dicom"}


@dataclass(frozen=True)
class _Kept:
    """An instance, which is its own facts; or what became of one."""

    sop_class_uid: str = _CLASS
    sop_instance_uid: str = "1.2.3"
    transfer_syntax_uid: str = _EXPLICIT
    digest: bytes = b"digest"
    dataset: bytes = b""
    status: int = 0

    @property
    def facts(self) -> _Kept:
        return self


def palette(label: str = "HOT", uid: str = "1.2.3") -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.ContentLabel = _CLASS, uid, label
    dataset.PaletteColorLookupTableUID = "1.2.3.4"
    return dataset


def file_of(dataset: Dataset) -> bytes:
    meta = FileMeta(
        sop_class_uid=_CLASS,
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=_EXPLICIT,
    )
    return make_prefix(meta) + encode_identifier(dataset, _EXPLICIT)


@dataclass
class _Instances:
    """Notes what it is asked; finds ``found``, or raises ``refuses``."""

    categories: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"color-palettes": ("SOPInstanceUID", "ContentLabel")}
    )
    found: list[Dataset] = field(default_factory=list)
    refuses: list[PacsError | None] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    def search(self, category: str, keys: Dataset, rules: Any) -> Iterator[Dataset]:
        self.asked.append((category, keys, rules))
        self._refuse()
        yield from self.found

    def open(self, category: str, uid: str) -> _Kept:
        self.asked.append((category, uid))
        self._refuse()
        return _Kept(dataset=encode_identifier(palette(), _EXPLICIT))

    def store(self, category: str, meta: FileMeta, pieces: Iterable[bytes], sender: str) -> _Kept:
        self.asked.append((category, meta.sop_instance_uid, b"".join(pieces), sender))
        self._refuse()
        return _Kept()

    def _refuse(self) -> None:
        error = self.refuses.pop(0) if self.refuses else None
        if error is not None:
            raise error


class _Plugin:
    def __init__(self, kept: _Instances) -> None:
        self._kept = kept

    @hookimpl
    def non_patient_instances(self) -> _Instances:
        return self._kept


@pytest.fixture
def kept() -> _Instances:
    return _Instances(found=[palette("HOT"), palette("PET", "1.2.4")])


@pytest.fixture
def site(pacs_archive, kept) -> WebArchive:
    return serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin, "kept": _Plugin(kept)})


@pytest.fixture
def client(site):
    with site.client() as client:
        yield client


def test_a_search_hands_its_keys_on_and_returns_what_the_category_has(client, kept):
    answer = client.get(f"{_PATH}?ContentDescription=x&includefield=PaletteColorLookupTableUID")
    (category, keys, _), *_ = kept.asked
    assert (category, keys.ContentDescription, keys.ContentLabel) == ("color-palettes", "x", "")
    first = answer.json()[0]
    assert first["00700080"]["Value"] == ["HOT"]
    assert "00281199" in first
    assert "00080016" not in first


def test_limits_are_those_of_the_settings_and_the_query(pacs_archive, kept):
    web = serve_http(
        pacs_archive,
        {"dicomweb": pacs_dicomweb.plugin, "kept": _Plugin(kept)},
        settings={"plugin": {"dicomweb": {"max_answers": 1}}},
    )
    with web.client() as client:
        answer = client.get(_PATH)
        assert len(answer.json()) == 1
        assert "additional results" in answer.headers["warning"]
        assert client.get(f"{_PATH}?offset=2").status_code == 204
        assert "warning" not in client.get(f"{_PATH}?offset=1").headers


def test_what_is_stored_is_handed_on_as_it_came(client, kept):
    dataset = palette()
    answer = client.post(_PATH, content=file_of(dataset), headers=_DICOM)
    assert answer.status_code == 200
    ((category, uid, data, _),) = kept.asked
    assert (category, uid, data) == (
        "color-palettes",
        "1.2.3",
        encode_identifier(dataset, _EXPLICIT),
    )


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([MismatchedInstance("another"), MismatchedInstance("another")], 409),
        ([IndexUnavailable("away"), IndexUnavailable("away")], 503),
        ([MismatchedInstance("another"), IndexUnavailable("away")], 409),
        ([MismatchedInstance("another"), None], 200),
    ],
)
def test_the_status_is_that_of_all_or_of_one_that_is_kept(client, kept, errors, status):
    kept.refuses = list(errors)
    head = b"--BB\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(head + file_of(palette(uid=uid)) + b"\r\n" for uid in ("1.2.3", "1.2.4"))
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=BB'}
    answer = client.post(_PATH, content=body + b"--BB--", headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()["00081198"]["Value"]) == 1
    else:
        assert [each["detail"] for each in answer.json()["failures"]] == [*map(str, errors)]


@pytest.mark.parametrize("path", ["", "/1.2.3"])
def test_what_is_refused_behind_it_is_a_problem_with_its_status(client, kept, path):
    kept.refuses = [ObjectNotFound("no such instance") if path else IndexUnavailable("away")]
    answer = client.get(_PATH + path)
    assert answer.status_code == (404 if path else 503)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["warning"].startswith("299")


def test_links_get_nothing_of_it(pacs_archive, kept):
    """Whoever has a link to a study has it to look at that."""
    web = serve_http(
        pacs_archive,
        {"dicomweb": pacs_dicomweb.plugin, "kept": _Plugin(kept)},
        http={"login": "required"},
    )
    links = Links(web.running.archive.tables("http"))
    secret = links.create("1.2.3", expires=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    with web.client() as client:
        for path in (_PATH, f"{_PATH}/1.2.3"):
            assert client.get(f"/shared/{secret}{path}").status_code == 403
    assert kept.asked == []


def test_of_two_plugins_none_is_asked(pacs_archive, kept):
    with pytest.raises(PluginError, match="both keep non-patient instances"):
        serve_http(
            pacs_archive,
            {"dicomweb": pacs_dicomweb.plugin, "a": _Plugin(kept), "b": _Plugin(kept)},
        )
