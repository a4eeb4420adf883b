"""WADO-RS over HTTP: instances, packings, transfer syntaxes, ranges, ETags."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pydicom.data
import pytest
from pydicom import dcmread

import pacs_codecs_pylibjpeg.plugin
import pacs_dicomweb.plugin
from pacs_framework.archive.incoming import Origin
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.testing.instances import make_instance
from pacs_http.testing import serve_http

_ALL = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_RLE, _EXPLICIT = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1"
_J2K, _IMPLICIT = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2"
_FILES = Path(pydicom.data.__file__).parent / "test_files"


def _parts(syntax: str) -> str:
    return f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'


@pytest.fixture
def series(web, make_series):
    """Three instances that are in the archive."""
    made = make_series(3)
    web.running.take_in(*made)
    return made


def _file(web, instance) -> bytes:
    with web.running.archive.open_file(str(instance.SOPInstanceUID)) as source:
        return source.read()


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_every_level_gives_the_files_as_they_are_kept(
    web, series, path_of, parts_of, level
) -> None:
    """Byte for byte, with the header that each came with."""
    with web.client() as client:
        answer = client.get(path_of(series[0], level), headers={"Accept": _ALL})
    wanted = [_file(web, each) for each in (series[:1] if level == "instance" else series)]
    parts = parts_of(answer)
    assert [body for _, body in parts] == wanted
    assert all("transfer-syntax=" + _EXPLICIT in head["Content-Type"] for head, _ in parts)


def test_pydicoms_files_come_out_byte_for_byte(web, path_of) -> None:
    """Each as the archive keeps it, with every byte of its data set."""
    kept: set[str] = set()
    for path in sorted(_FILES.glob("*.dcm"))[::5]:
        try:
            dataset = dcmread(path, stop_before_pixels=True)
            if str(dataset.SOPInstanceUID) in kept:
                continue  # another version of the same instance
            web.running.archive.import_file(path, Origin(door="test"))
        except Exception:  # noqa: BLE001 - some are damaged on purpose
            continue
        accept = {"Accept": "application/dicom; transfer-syntax=*"}
        with web.client() as client:
            answer = client.get(path_of(dataset), headers=accept)
        data = path.read_bytes()
        assert answer.content == _file(web, dataset), path.name
        assert answer.content.endswith(data[read_prefix(data).dataset_offset :]), path.name
        assert int(answer.headers["content-length"]) == len(answer.content)
        kept.add(str(dataset.SOPInstanceUID))
    assert len(kept) > 5


def test_a_single_part_has_ranges_and_an_etag(web, series, path_of) -> None:
    """RFC 9110: a part of it, not modified, and a head without body."""
    whole = _file(web, series[0])
    accept = {"Accept": "application/dicom"}
    with web.client() as client:
        answer = client.get(path_of(series[0]), headers=accept)
        etag = answer.headers["etag"]
        assert answer.content == whole
        part = client.get(path_of(series[0]), headers={**accept, "Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, whole[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
        beyond = client.get(path_of(series[0]), headers={**accept, "Range": "bytes=99999999-"})
        assert beyond.status_code == 416
        again = client.get(path_of(series[0]), headers={**accept, "If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        for shown, status in ((etag, 200), (f'"x", {etag}', 200), ('"x"', 412), (f"W/{etag}", 412)):
            only = client.get(path_of(series[0]), headers={**accept, "If-Match": shown})
            assert only.status_code == status
            assert (only.content == whole) is (status == 200)
        head = client.head(path_of(series[0]), headers=accept)
        assert int(head.headers["content-length"]) == len(whole)


def test_a_zip_archive_has_all_files(web, series, path_of) -> None:
    """PS3.18 Supplement 211, read by Python's own zipfile."""
    with web.client() as client:
        answer = client.get(path_of(series[0], "study"), headers={"Accept": "application/zip"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held == {f"{each.SOPInstanceUID}.dcm": _file(web, each) for each in series}


def test_what_is_not_there_is_404(web, series, path_of) -> None:
    """A study, and a series or an instance that is in another one."""
    other = make_instance()
    web.running.take_in(other)
    mixed = path_of(series[0]).replace(str(series[0].StudyInstanceUID), str(other.StudyInstanceUID))
    with web.client() as client:
        for path in ("/dicom-web/studies/1.2.3", mixed, mixed + "/metadata", mixed + "/frames/1"):
            assert client.get(path).status_code == 404, path
        assert client.get("/dicom-web/studies/x").status_code == 400


@pytest.mark.parametrize("accept", [_ALL, "application/zip"])
def test_a_study_is_never_told_whole_without_an_instance_of_it(
    web, series, path_of, accept
) -> None:
    """Its object is missing, or was deleted between the look into the index and its turn."""
    archive = web.running.archive
    facts = archive.lookup.instance(str(series[-1].SOPInstanceUID))
    archive.storage.delete(facts.storage_key)
    with web.client() as client:
        answer = client.get(path_of(series[0], "study"), headers={"Accept": accept})
    assert answer.status_code == 503
    assert series[-1].SOPInstanceUID in answer.json()["detail"]


def test_without_a_codec_406_names_what_is_stored(web, path_of) -> None:
    """And * gives it."""
    compressed = make_instance(transfer_syntax=_J2K)
    web.running.take_in(compressed)
    explicit = f'multipart/related; type="application/dicom"; transfer-syntax={_EXPLICIT}'
    with web.client() as client:
        answer = client.get(path_of(compressed), headers={"Accept": explicit})
        assert (answer.status_code, answer.json()["stored"]) == (406, [_J2K])
        assert client.get(path_of(compressed), headers={"Accept": _ALL}).status_code == 200
        assert client.get(path_of(compressed)).status_code == 200
        assert client.get(path_of(compressed), headers={"Accept": "image/png"}).status_code == 406


def test_a_study_of_which_some_cannot_be_had_is_206(web, make_series, path_of, parts_of) -> None:
    """With a warning that counts them."""
    first, second = make_series(2)
    shared = {k: str(first[k].value) for k in ("StudyInstanceUID", "SeriesInstanceUID")}
    web.running.take_in(first, second, make_instance(transfer_syntax=_J2K, **shared))
    explicit = f'multipart/related; type="application/dicom"; transfer-syntax={_EXPLICIT}'
    with web.client() as client:
        answer = client.get(path_of(first, "study"), headers={"Accept": explicit})
    assert answer.status_code == 206
    assert "1 are in no transfer syntax" in answer.headers["warning"]
    assert len(parts_of(answer)) == 2


@pytest.mark.parametrize(
    ("stored", "accept", "sent"),
    [
        (_IMPLICIT, 'multipart/related; type="application/dicom"', _EXPLICIT),
        (_IMPLICIT, _ALL, _IMPLICIT),
        (_RLE, 'multipart/related; type="application/dicom"', _EXPLICIT),
        (_RLE, "*/*", _EXPLICIT),
        (_RLE, f"multipart/related; type=application/dicom; transfer-syntax={_RLE}", _RLE),
        (
            _EXPLICIT,
            f"{_parts(_IMPLICIT)};q=0.4, {_parts(_RLE)};q=0.5",
            _RLE,
        ),
    ],
)
def test_transfer_syntaxes_are_negotiated(
    pacs_archive, path_of, parts_of, stored, accept, sent
) -> None:
    """With codecs: by the client's order, Explicit VR Little Endian where it says nothing."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, "codecs": pacs_codecs_pylibjpeg.plugin}
    web = serve_http(pacs_archive, plugins)
    instance = make_instance(transfer_syntax=stored)
    web.running.take_in(instance)
    with web.client() as client:
        ((head, body),) = parts_of(client.get(path_of(instance), headers={"Accept": accept}))
    found = dcmread(io.BytesIO(body))
    assert found.file_meta.TransferSyntaxUID == sent
    assert head["Content-Type"] == f"application/dicom; transfer-syntax={sent}"
    assert (found.pixel_array == dcmread(io.BytesIO(_file(web, instance))).pixel_array).all()


def test_accept_may_stand_in_the_query(web, series, path_of) -> None:
    """PS3.18 8.3.3.1: it goes before the header."""
    with web.client() as client:
        query = {"accept": "application/dicom"}
        answer = client.get(path_of(series[0]), params=query, headers={"Accept": "text/html"})
    assert answer.headers["content-type"].startswith("application/dicom;")
