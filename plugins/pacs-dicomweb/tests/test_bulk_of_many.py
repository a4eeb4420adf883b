"""All bulk data of a study, series or instance: what metadata refer to, and nothing else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames

import pacs_codecs_pylibjpeg.plugin
import pacs_dicomweb.plugin
from pacs_framework import hookimpl
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.outgoing import Coercion, Refusal
from pacs_framework.testing.instances import make_instance
from pacs_http.testing import WebArchive, serve_http

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_OCTETS = {"Accept": 'multipart/related; type="application/octet-stream"'}
_AS_STORED = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


@pytest.fixture
def web(pacs_archive) -> WebArchive:
    """With codecs."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, "codecs": pacs_codecs_pylibjpeg.plugin}
    return serve_http(pacs_archive, plugins)


@pytest.fixture
def values_of(parts_of):
    """Each part of an answer by its place."""

    def values(answer) -> dict[str, bytes]:
        assert answer.status_code in {200, 206}, answer.text
        found = [(head["Content-Location"], body) for head, body in parts_of(answer)]
        assert len(dict(found)) == len(found)
        return dict(found)

    return values


def _with_values(instance: Dataset) -> Dataset:
    """With bulk data besides its pixels: at the top, and in an item."""
    instance.ICCProfile = bytes(range(256)) * 8
    item = Dataset()
    item.WaveformData = b"\1\2" * 2000
    item["WaveformData"].VR = "OW"
    instance.WaveformSequence = [item]
    return instance


def _references(attributes: Any) -> list[str]:
    """Every BulkDataURI in metadata."""
    if isinstance(attributes, list):
        return [each for item in attributes for each in _references(item)]
    if not isinstance(attributes, dict):
        return []
    own = [attributes["BulkDataURI"]] if "BulkDataURI" in attributes else []
    return own + [each for value in attributes.values() for each in _references(value)]


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_what_metadata_refer_to_is_given(web, make_series, path_of, values_of, level) -> None:
    """Under its reference, and as the reference itself answers."""
    series = [_with_values(each) for each in make_series(3)]
    web.running.take_in(*series)
    path = path_of(series[0], level)
    with web.client() as client:
        found = values_of(client.get(f"{path}/bulkdata", headers=_OCTETS))
        metadata = client.get(f"{path}/metadata").json()
        assert list(found) == _references(metadata)
        assert len(found) == (3 if level == "instance" else 9)
        for place, value in found.items():
            alone = client.get(place, headers={"Accept": "application/octet-stream"})
            assert (alone.status_code, alone.content) == (200, value)


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_pixel_data_are_given_without_the_rest(web, make_series, path_of, values_of, level) -> None:
    """Of the top level alone, whatever else is asked for as octets."""
    series = [_with_values(each) for each in make_series(2)]
    web.running.take_in(*series)
    with web.client() as client:
        answer = client.get(f"{path_of(series[0], level)}/pixeldata", headers=_OCTETS)
        found = values_of(answer)
    wanted = {
        f"{web.url}{path_of(each)}/bulkdata/7FE00010": each.PixelData
        for each in (series[:1] if level == "instance" else series)
    }
    assert (answer.status_code, found) == (200, wanted)


def test_native_frames_are_one_value(web, path_of, values_of) -> None:
    """As the pixel data element has them."""
    instance = make_instance(SOPClassUID=_ENHANCED_CT)
    web.running.take_in(instance)
    assert int(instance.NumberOfFrames) > 1
    with web.client() as client:
        (value,) = values_of(client.get(f"{path_of(instance)}/pixeldata", headers=_OCTETS)).values()
    assert value == instance.PixelData


def test_compressed_frames_are_parts_that_can_be_asked_for(web, path_of, values_of) -> None:
    """Each at its own place below the reference; decoded they are one value again."""
    web.running.archive.import_file(_FILES / "SC_rgb_rle_2frame.dcm", Origin(door="test"))
    dataset = dcmread(_FILES / "SC_rgb_rle_2frame.dcm")
    stored = list(generate_frames(dataset.PixelData, number_of_frames=2))
    reference = f"{web.url}{path_of(dataset)}/bulkdata/7FE00010"
    with web.client() as client:
        path = f"{path_of(dataset)}/pixeldata"
        found = values_of(client.get(path, headers=_AS_STORED))
        assert found == {f"{reference}/frames/{n}": each for n, each in enumerate(stored, 1)}
        as_it_is = {"Accept": "application/octet-stream; transfer-syntax=*"}
        for place, value in found.items():
            assert client.get(place, headers=as_it_is).content == value
        decoded = values_of(client.get(path, headers=_OCTETS))
    assert list(decoded) == [reference]
    assert len(decoded[reference]) == 2 * dataset.Rows * dataset.Columns * 3


def test_what_fits_no_media_type_is_left_out_and_said(web, path_of, values_of) -> None:
    """206 where something may be missing, 406 where nothing is left."""
    instance = _with_values(make_instance())
    web.running.take_in(instance)
    path = path_of(instance)
    with web.client() as client:
        rle = {"Accept": 'multipart/related; type="image/dicom-rle"'}
        answer = client.get(f"{path}/bulkdata", headers=rle)
        assert (answer.status_code, "Not all values" in answer.headers["warning"]) == (206, True)
        assert list(values_of(answer)) == [f"{web.url}{path}/bulkdata/7FE00010"]
        assert client.get(f"{path}/pixeldata", headers=rle).status_code == 200
        for accept in ("image/png", "application/octet-stream", "application/dicom+json"):
            refused = client.get(f"{path}/bulkdata", headers={"Accept": accept})
            assert refused.status_code == 406


def test_what_has_no_such_values_is_404(web, path_of) -> None:
    """A report without pixels; a study that is not there."""
    report = make_instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    web.running.take_in(report)
    with web.client() as client:
        for path in (path_of(report), path_of(report, "study"), "/dicom-web/studies/1.2.3"):
            assert client.get(f"{path}/pixeldata").status_code == 404
            assert client.get(f"{path}/bulkdata").status_code == 404


def test_instances_asked_for_as_octets_are_their_bulk_data(
    web, make_series, path_of, values_of
) -> None:
    """As it was once said, and still holds (PS3.18 Table 10.4.4-1)."""
    series = make_series(2)
    web.running.take_in(*series)
    with web.client() as client:
        for level in ("study", "series", "instance"):
            path = path_of(series[0], level)
            old = values_of(client.get(path, headers=_OCTETS))
            assert old == values_of(client.get(f"{path}/bulkdata", headers=_OCTETS))
        either = _OCTETS["Accept"] + ', multipart/related; type="application/dicom"'
        answer = client.get(path_of(series[0]), headers={"Accept": either})
        assert "application/dicom" in answer.headers["content-type"]


class _Refusing:
    """Keeps back what has a comment."""

    @hookimpl
    def on_retrieve(self, instance):
        if "ImageComments" in instance.dataset():
            return Refusal(reason="not for you")
        return None


def test_what_is_kept_back_is_in_none_of_it(pacs_archive, make_series, path_of, values_of) -> None:
    """206 for the rest, 403 where nothing is left."""
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin, "refusing": _Refusing()})
    series = make_series(2)
    series[1].ImageComments = "secret"
    web.running.take_in(*series)
    with web.client() as client:
        for tail in ("bulkdata", "pixeldata"):
            answer = client.get(f"{path_of(series[0], 'study')}/{tail}")
            assert answer.status_code == 206
            assert list(values_of(answer)) == [
                f"{web.url}{path_of(series[0])}/bulkdata/7FE00010",
            ]
            assert client.get(f"{path_of(series[1])}/{tail}").status_code == 403


class _Pseudonyms:
    """Gives everybody another instance UID."""

    @hookimpl
    def on_retrieve(self, instance):
        dataset = instance.dataset()
        dataset.SOPInstanceUID = "1.2.3.4.5"
        return Coercion(dataset=dataset)


def test_no_reference_tells_whose_pseudonym_it_is(pacs_archive, path_of) -> None:
    """The metadata of such a view have none, so nothing is given under one."""
    hooks = {"dicomweb": pacs_dicomweb.plugin, "views": _Pseudonyms()}
    web = serve_http(pacs_archive, hooks)
    instance = make_instance()
    web.running.take_in(instance)
    with web.client() as client:
        for tail in ("bulkdata", "pixeldata"):
            for level in ("study", "instance"):
                answer = client.get(f"{path_of(instance, level)}/{tail}")
                assert answer.status_code == 404
                assert str(instance.SOPInstanceUID) not in answer.text


def test_a_zip_archive_has_each_value_under_its_reference(
    web, make_series, path_of, values_of
) -> None:
    """With the suffix of its media type (Supplement 211)."""
    series = [_with_values(each) for each in make_series(2)]
    web.running.take_in(*series)
    path = path_of(series[0], "study")
    with web.client() as client:
        values = values_of(client.get(path + "/bulkdata", headers=_OCTETS))
        packed = client.get(path + "/bulkdata", headers={"Accept": "application/zip"})
        assert packed.status_code == 200
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            held = {name: archive.read(name) for name in archive.namelist()}
        beside = f"{web.url}{path}/series/"
        assert held == {f"{place.removeprefix(beside)}.raw": each for place, each in values.items()}
        assert any("WaveformSequence" in name or "54000100" in name for name in held)


def test_a_zip_archive_has_compressed_frames_as_they_are(web, path_of) -> None:
    file = _FILES / "MR_small_jpeg_ls_lossless.dcm"
    web.running.archive.import_file(file, Origin(door="test"))
    compressed = dcmread(file)
    accept = {"Accept": 'application/zip; type="image/jls"'}
    with web.client() as client:
        packed = client.get(path_of(compressed) + "/pixeldata", headers=accept)
        assert packed.status_code == 200, packed.text
        refused = client.get(
            path_of(compressed) + "/pixeldata", headers={"Accept": 'application/zip; type="a/b"'}
        )
        assert refused.status_code == 406
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        (name,) = archive.namelist()
        assert name.endswith("/bulkdata/7FE00010.jls")
        assert archive.read(name) == next(generate_frames(compressed.PixelData, number_of_frames=1))
