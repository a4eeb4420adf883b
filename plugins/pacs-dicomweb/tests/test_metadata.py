"""Metadata: what they say, what they refer to, and that they are never stale nor told to others."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import generate_uid

import pacs_dicomweb.plugin
from pacs_dicomweb.tables import run
from pacs_dicomweb.wado import metadata, prepared
from pacs_dicomweb.wado.metadata import MetadataService
from pacs_framework import hookimpl
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.deletions import Target
from pacs_framework.archive.incoming import Coercion, Origin, Refusal
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.testing.instances import make_instance
from pacs_http.testing import serve_http

_PATIENT_ID, _INSTANCE_UID, _COMMENT = "00100020", "00080018", "00204000"
_ONE_THREAD = {"threads": 1}


def _metadata(web, path: str) -> list[dict]:
    with web.client() as client:
        answer = client.get(path + "/metadata")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def web(pacs_archive):
    """An archive that answers one request after the other (see `_kept`)."""
    return serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, http=_ONE_THREAD)


def _kept(web) -> int:
    """How many runs are kept. That happens when an answer has gone out; the only thread of the
    server takes no other request before.
    """
    with web.client() as client:
        client.get("/health/live").raise_for_status()
    with web.running.archive.tables("dicomweb").reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(run))


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_metadata_are_all_but_bulk_data(web, make_series, path_of, level) -> None:
    """The first time and again, from what was prepared."""
    series = make_series(3, ImageComments="first\nsecond")
    web.running.take_in(*series)
    wanted = {str(each.SOPInstanceUID) for each in (series[:1] if level == "instance" else series)}
    for _ in range(2):
        found = _metadata(web, path_of(series[0], level))
        assert {each[_INSTANCE_UID]["Value"][0] for each in found} == wanted
        for each in found:
            assert set(each) == {f"{e.tag:08X}" for e in series[0]}
            assert each[_COMMENT]["Value"] == ["first\nsecond"]


def _watch(web, monkeypatch) -> tuple[list[str], list[list[str]]]:
    """The keys of objects that are read, and of those that are announced together."""
    storage = web.running.archive.storage
    opened: list[str] = []
    announced: list[list[str]] = []
    real = storage.open

    def watched(key, **rest):
        opened.append(key)
        return real(key, **rest)

    monkeypatch.setattr(storage, "open", watched)
    monkeypatch.setattr(
        storage, "expect", lambda ranges: announced.append([each.key for each in ranges])
    )
    return opened, announced


def test_headers_of_a_series_are_read_together(web, make_series, path_of, monkeypatch) -> None:
    """The first tells how long headers are, and all others are announced, each once.

    No object is read twice, and none where it is asked again.
    """
    monkeypatch.setattr(metadata, "RUN", 4)
    series = make_series(11)
    web.running.take_in(*series)
    opened, announced = _watch(web, monkeypatch)
    for _ in range(2):
        assert len(_metadata(web, path_of(series[0], "series"))) == len(series)
        assert _kept(web) == 3
    assert len(opened) == len(set(opened)) == len(series)
    assert [len(keys) for keys in announced] == [3, 4, 3]
    assert [key for keys in announced for key in keys] == opened[1:]


def test_headers_longer_than_the_others_are_whole(web, make_series, path_of) -> None:
    """Though less was read of them at first, and though the pixel data begin elsewhere."""
    series = make_series(9, ImageComments="short")
    for number, each in enumerate(series):
        each.ImageComments = "x" * (9000 * (number % 3))
    web.running.take_in(*series)
    found = _metadata(web, path_of(series[0], "series"))
    comments = {each[_INSTANCE_UID]["Value"][0]: each[_COMMENT].get("Value") for each in found}
    assert comments == {
        str(each.SOPInstanceUID): [each.ImageComments] if each.ImageComments else None
        for each in series
    }


def test_what_is_gone_is_left_out(web, make_series, path_of) -> None:
    """An object that is missing takes no other instance along."""
    series = make_series(5)
    web.running.take_in(*series)
    archive = web.running.archive
    gone = str(series[3].SOPInstanceUID)
    identifier = Dataset()
    identifier.StudyInstanceUID = series[0].StudyInstanceUID
    for stored in archive.retrieve.locate(Level.STUDY, Root.STUDY, identifier):
        if stored.sop_instance_uid == gone:
            archive.storage.delete(stored.storage_key)
    found = {
        each[_INSTANCE_UID]["Value"][0] for each in _metadata(web, path_of(series[0], "series"))
    }
    assert found == {str(each.SOPInstanceUID) for each in series} - {gone}


def test_references_resolve(web, path_of) -> None:
    """Each BulkDataURI, at the address that was asked, gives the bytes; by ranges too."""
    item = Dataset()
    item.add_new(0x00287FE0, "UR", "http://x")
    item.add_new(0x54001010, "OW", bytes(range(256)) * 8)
    table = bytes(range(256)) * 16
    instance = make_instance(WaveformSequence=[item])
    instance.add_new(0x00281201, "OW", table)
    web.running.take_in(instance)
    for level in ("instance", "study"):
        (found,) = _metadata(web, path_of(instance, level))
        uris = [
            (found["00281201"]["BulkDataURI"], table),
            (found["54000100"]["Value"][0]["54001010"]["BulkDataURI"], bytes(range(256)) * 8),
        ]
        with web.client() as client:
            for uri, value in uris:
                assert uri.startswith(web.url)
                answer = client.get(uri)
                assert answer.content == value
                part = client.get(uri, headers={"Range": "bytes=-4"})
                assert (part.status_code, part.content) == (206, value[-4:])
                again = client.get(uri, headers={"If-None-Match": answer.headers["etag"]})
                assert again.status_code == 304
            pixels = client.get(
                found["7FE00010"]["BulkDataURI"], headers={"Accept": "application/octet-stream"}
            )
            assert pixels.content == instance.PixelData


def test_no_text_of_an_instance_is_taken_for_a_reference(web, make_series, path_of) -> None:
    """Not even one with the character that stands for the address of the service; nor when it was
    prepared.
    """
    series = make_series(3, ImageComments='\x1a"BulkDataURI":"\x1a')
    web.running.take_in(*series)
    for _ in range(2):
        for each in _metadata(web, path_of(series[0], "series")):
            assert each[_COMMENT]["Value"] == ['\x1a"BulkDataURI":"\x1a']
            instance = each[_INSTANCE_UID]["Value"][0]
            there = f"{web.url}{path_of(series[0], 'series')}/instances/{instance}/bulkdata/"
            assert each["7FE00010"]["BulkDataURI"] == f"{there}7FE00010"


@pytest.mark.parametrize(
    "path", ["00280010/1", "0028", "00080018", "../x", "99999999", "54000100/9/54001010"]
)
def test_a_value_that_is_not_there_is_404(web, path_of, path) -> None:
    """And so is a path that is none; a value that is there is given, long or short."""
    instance = make_instance()
    web.running.take_in(instance)
    with web.client() as client:
        answer = client.get(f"{path_of(instance)}/bulkdata/{path}")
    assert answer.status_code in ({200} if path == "00080018" else {400, 404})


def test_xml_says_the_same(web, make_series, path_of, parts_of) -> None:
    """One part for each instance."""
    series = make_series(2)
    web.running.take_in(*series)
    with web.client() as client:
        accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
        parts = parts_of(client.get(path_of(series[0], "series") + "/metadata", headers=accept))
    for each, (head, body) in zip(series, parts, strict=True):
        assert head["Content-Type"].startswith("application/dicom+xml")
        assert str(each.SOPInstanceUID).encode() in body
        assert b"/bulkdata/7FE00010" in body


def test_a_zip_archive_has_them_as_files(web, make_series, path_of, parts_of) -> None:
    """One of all JSON, or one of XML for each instance; Supplement 211, by Python's zipfile."""
    series = make_series(3)
    web.running.take_in(*series)
    path = path_of(series[0], "study") + "/metadata"
    with web.client() as client:
        plain = client.get(path)
        packed = client.get(path, headers={"Accept": "application/zip"})
        assert packed.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            assert archive.namelist() == ["metadata.json"]
            assert archive.read("metadata.json") == plain.content
        assert len(packed.content) < len(plain.content)
        assert packed.headers["etag"] != plain.headers["etag"]
        accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
        parts = [body for _, body in parts_of(client.get(path, headers=accept))]
        accept = {"Accept": 'application/zip; type="application/dicom+xml"'}
        packed = client.get(path, headers=accept)
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            assert archive.namelist() == [f"{each.SOPInstanceUID}.xml" for each in series]
            assert [archive.read(name) for name in archive.namelist()] == parts
        refused = client.get(path, headers={"Accept": 'application/zip; type="text/html"'})
        assert refused.status_code == 406
        searched = client.get("/dicom-web/studies", headers={"Accept": "application/zip"})
        assert searched.status_code == 406


def test_what_was_prepared_needs_no_object(web, make_series, path_of) -> None:
    """A viewer that comes later opens none of them."""
    series = make_series(5)
    web.running.take_in(*series)
    first = _metadata(web, path_of(series[0], "series"))
    assert _kept(web) == 1
    opened = []
    storage = web.running.archive.storage
    really = storage.open
    storage.open = lambda *args, **more: opened.append(args) or really(*args, **more)
    assert _metadata(web, path_of(series[0], "series")) == first
    assert _metadata(web, path_of(series[0], "study")) == first
    assert opened == []


def test_an_instance_that_arrives_later_is_in_it(web, make_series, path_of) -> None:
    """Only the new one is opened."""
    series = make_series(4)
    web.running.take_in(*series[:3])
    path = path_of(series[0], "series")
    assert len(_metadata(web, path)) == 3
    web.running.take_in(series[3])
    opened = []
    storage = web.running.archive.storage
    really = storage.open
    storage.open = lambda key, **more: opened.append(key) or really(key, **more)
    assert len(_metadata(web, path)) == 4
    assert len(set(opened)) == 1


def test_what_was_replaced_or_deleted_is_not_told(pacs_archive, make_series, path_of) -> None:
    """Also in the middle of a series."""
    settings = {"archive": {"duplicates": "replace"}}
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, settings=settings)
    series = make_series(3, ImageComments="old")
    web.running.take_in(*series)
    path = path_of(series[0], "series")
    etags = set()
    with web.client() as client:
        etags.add(client.get(path + "/metadata").headers["etag"])
        series[1].ImageComments = "new"
        web.running.take_in(series[1])
        found = _metadata(web, path)
        assert sorted(each[_COMMENT]["Value"][0] for each in found) == ["new", "old", "old"]
        etags.add(client.get(path + "/metadata").headers["etag"])
        target = Target(instance=str(series[0].SOPInstanceUID))
        web.running.archive.deleting.delete(target, by="t", reason="t", origin=Origin(door="test"))
        uids = {each[_INSTANCE_UID]["Value"][0] for each in _metadata(web, path)}
        assert uids == {str(each.SOPInstanceUID) for each in series[1:]}
        etags.add(client.get(path + "/metadata").headers["etag"])
    assert len(etags) == 3


@pytest.mark.parametrize("level", ["patient", "study", "series", "instance"])
def test_what_was_prepared_of_the_deleted_is_gone_after_the_next_request(
    web, make_series, path_of, level
) -> None:
    """Whatever is asked for then: the table does not name a patient that the archive no longer has.

    What was prepared of other studies stays, unless whole patients were deleted.
    """
    gone, stays = make_series(2, PatientID="GONE"), make_series(2, PatientID="STAYS")
    web.running.take_in(*gone, *stays)
    for each in (gone, stays):
        _metadata(web, path_of(each[0], "series"))
    assert _kept(web) == 2
    first = gone[0]
    target = {
        "patient": Target(patient=PatientKey(patient_id="GONE", issuer="")),
        "study": Target(study=str(first.StudyInstanceUID)),
        "series": Target(study=str(first.StudyInstanceUID), series=str(first.SeriesInstanceUID)),
        "instance": Target(study=str(first.StudyInstanceUID), instance=str(first.SOPInstanceUID)),
    }[level]
    web.running.archive.deleting.delete(target, by="t", reason="t", origin=Origin(door="test"))
    (found,) = _metadata(web, path_of(stays[0], "instance"))
    assert found[_PATIENT_ID]["Value"] == ["STAYS"]
    assert _kept(web) == (0 if level == "patient" else 1)


def test_what_a_deletion_has_overtaken_is_not_kept(web, make_series, path_of, monkeypatch) -> None:
    """The instances were looked up, then deleted, then rendered: nothing of it stays behind."""
    series = make_series(2)
    web.running.take_in(*series)
    render = MetadataService._stored_text
    rendered = []

    def late(self, *given):
        rendered.append(render(self, *given))
        if len(rendered) == len(series):
            target = Target(study=str(series[0].StudyInstanceUID))
            origin = Origin(door="test")
            web.running.archive.deleting.delete(target, by="t", reason="t", origin=origin)
        return rendered[-1]

    monkeypatch.setattr(MetadataService, "_stored_text", late)
    assert len(_metadata(web, path_of(series[0], "series"))) == len(series)
    assert all(rendered)
    assert _kept(web) == 0


def test_a_corrected_patient_is_told_at_once(web, make_series, path_of) -> None:
    """Though the series was prepared before."""
    series = make_series(2, PatientID="WRONG")
    web.running.take_in(*series)
    path = path_of(series[0], "series")
    assert _metadata(web, path)[0][_PATIENT_ID]["Value"] == ["WRONG"]
    key = PatientKey(patient_id="WRONG")
    web.running.archive.patients.update(key, {"PatientName": "Right^Name"}, by="t", reason="t")
    for each in _metadata(web, path):
        assert each["00100010"]["Value"] == [{"Alphabetic": "Right^Name"}]


class _Pseudonyms:
    """Gives everybody but one recipient another patient and other UIDs."""

    def __init__(self) -> None:
        self.uid = generate_uid()

    @hookimpl
    def on_retrieve(self, instance):
        dataset = instance.dataset()
        dataset.PatientID = "PSEUDONYM"
        dataset.PatientName = "P^P"
        dataset.SOPInstanceUID = self.uid
        return Coercion(dataset=dataset)


def test_a_view_is_never_kept_and_tells_nothing_of_what_is_behind_it(pacs_archive, path_of) -> None:
    """Metadata, instance, frames and bulk data are those of the view."""
    hooks = {"dicomweb": pacs_dicomweb.plugin, "views": _Pseudonyms()}
    web = serve_http(pacs_archive, hooks, http=_ONE_THREAD)
    instance = make_instance(PatientID="REAL", PatientName="Doe^Jane")
    web.running.take_in(instance)
    with web.client() as client:
        for level in ("instance", "series", "study"):
            answer = client.get(path_of(instance, level) + "/metadata")
            (found,) = answer.json()
            assert found[_PATIENT_ID]["Value"] == ["PSEUDONYM"]
            assert "etag" not in answer.headers
            for secret in ("REAL", "Jane", str(instance.SOPInstanceUID)):
                assert secret not in answer.text
        whole = client.get(path_of(instance), headers={"Accept": "application/dicom"})
        assert b"PSEUDONYM" in whole.content
        assert b"Jane" not in whole.content
        name = client.get(path_of(instance) + "/bulkdata/00100010")
        assert name.content.strip() == b"P^P"
        everything = client.get("/dicom-web/instances?includefield=all").json()
        assert everything[0][_INSTANCE_UID]["Value"] == [str(instance.SOPInstanceUID)]
    assert _kept(web) == 0


class _Refusing:
    """Keeps back what has a comment."""

    @hookimpl
    def on_retrieve(self, instance):
        if "ImageComments" in instance.dataset():
            return Refusal(reason="not for you")
        return None


def test_what_is_kept_back_is_nowhere(pacs_archive, make_series, path_of, parts_of) -> None:
    """206 for the rest of a study, 403 where nothing is left."""
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin, "refusing": _Refusing()})
    series = make_series(3)
    series[1].ImageComments = "secret"
    web.running.take_in(*series)
    with web.client() as client:
        answer = client.get(path_of(series[0], "study"))
        assert answer.status_code == 206
        assert "1 are kept back" in answer.headers["warning"]
        assert len(parts_of(answer)) == 2
        for path in ("", "/frames/1", "/bulkdata/00100010"):
            refused = client.get(path_of(series[1]) + path)
            assert refused.status_code == 403, path
        assert len(_metadata(web, path_of(series[0], "series"))) == 2


def test_room_is_bounded(pacs_archive, make_series, path_of) -> None:
    """What was prepared first goes first; none is kept where there is to be no room."""
    settings = {"plugin": {"dicomweb": {"metadata_mebibytes": 0}}}
    plugins = {"dicomweb": pacs_dicomweb.plugin}
    web = serve_http(pacs_archive, plugins, settings=settings, http=_ONE_THREAD)
    series = make_series(2)
    web.running.take_in(*series)
    assert len(_metadata(web, path_of(series[0], "series"))) == 2
    assert _kept(web) == 0


def test_what_is_much_is_kept_before_the_end(web, make_series, path_of, monkeypatch) -> None:
    """A study of any size: what waits for the end of its answer is bounded, and all of it kept."""
    monkeypatch.setattr(prepared, "_MOST_HELD", 1)
    written = []
    write = prepared.PreparedMetadata.write

    def noted(self, made, moment):
        written.append(len(made))
        write(self, made, moment)

    monkeypatch.setattr(prepared.PreparedMetadata, "write", noted)
    one, other = make_series(2), make_series(3)
    for each in other:
        each.StudyInstanceUID = one[0].StudyInstanceUID
    web.running.take_in(*one, *other)
    assert len(_metadata(web, path_of(one[0], "study"))) == 5
    assert _kept(web) == 2
    assert written == [1, 1]


def test_nothing_in_a_value_is_taken_for_a_reference(web, path_of) -> None:
    """A comment that looks like one comes back as it is."""
    comment = '"BulkDataURI":"\\u001a'
    instance = make_instance(ImageComments=comment)
    web.running.take_in(instance)
    (found,) = _metadata(web, path_of(instance, "series"))
    assert found[_COMMENT]["Value"] == [comment]
    assert json.dumps(found).count("/bulkdata/") == 1
