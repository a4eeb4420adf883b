"""WADO-URI with anonymize=yes: de-identified, or nothing at all."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom.data
import pytest
from pydicom import Dataset, dcmread

import pacs_codecs_pylibjpeg.plugin
import pacs_dicomweb.plugin
from pacs_framework import hookimpl
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet, PixelWork, Region
from pacs_framework.archive.incoming import Origin
from pacs_framework.errors import NotAnonymized, PluginError
from pacs_http.testing import serve_http

_FILE = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
_RLE = "1.2.840.10008.1.2.5"
_EXPLICIT = "1.2.840.10008.1.2.1"


class _Plain(Anonymizer):
    """Takes the name, and gives another UID."""

    def anonymize(self, dataset: Dataset) -> Dataset:
        dataset.PatientName = dataset.PatientID = "Anonymous"
        dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.1"
        dataset.PatientIdentityRemoved, dataset.DeidentificationMethod = "YES", "test"
        return dataset


class _Blanking(_Plain):
    """Blanks a corner too."""

    def anonymize(self, dataset: Dataset) -> AnonymousDataSet:
        corner = Region(left=0, top=0, width=16, height=16)
        made = super().anonymize(dataset)
        return AnonymousDataSet(dataset=made, pixels=PixelWork(regions=(corner,)))


class _Refusing(_Plain):
    def anonymize(self, dataset: Dataset) -> Dataset:
        raise NotAnonymized("this kind is not de-identified")


class _Forgetful(_Plain):
    """Says nothing of what it did, so that nobody can rely on it."""

    def anonymize(self, dataset: Dataset) -> Dataset:
        return dataset


class _Broken(_Plain):
    def anonymize(self, dataset: Dataset) -> Dataset:
        raise ValueError(f"what is {dataset.PatientName}?")


class _Plugin:
    @hookimpl
    def anonymizers(self):
        kinds = (_Plain, _Blanking, _Refusing, _Forgetful, _Broken)
        return {kind.__name__.strip("_").lower(): kind() for kind in kinds}


@pytest.fixture
def ask(pacs_archive):
    """GET of a CT with ``anonymize=yes`` from an archive with the anonymizer of this name."""

    def get(anonymizer: str, **more: str):
        plugins = {
            "dicomweb": pacs_dicomweb.plugin,
            "codecs": pacs_codecs_pylibjpeg.plugin,
            "them": _Plugin(),
        }
        settings = {"plugin": {"dicomweb": {"anonymizer": anonymizer}}}
        web = serve_http(pacs_archive, plugins, settings=settings)
        web.running.archive.import_file(_FILE, Origin(door="test"))
        image = dcmread(_FILE)
        params = {
            "requestType": "WADO",
            "studyUID": image.StudyInstanceUID,
            "seriesUID": image.SeriesInstanceUID,
            "objectUID": image.SOPInstanceUID,
            "anonymize": "yes",
            **more,
        }
        with web.client() as client:
            return client.get("/wado", params=params)

    return get


@pytest.mark.parametrize(
    ("asked", "sent"),
    [({}, _EXPLICIT), ({"transferSyntax": "*"}, _EXPLICIT), ({"transferSyntax": _RLE}, _RLE)],
)
def test_the_instance_is_as_the_anonymizer_makes_it(ask, asked, sent) -> None:
    """application/dicom though an image is a JPEG by default; nothing tells who it was."""
    answer = ask("plain", **asked)
    assert answer.status_code == 200, answer.text
    found = dcmread(io.BytesIO(answer.content))
    original = dcmread(_FILE)
    assert found.PatientName == "Anonymous"
    assert found.SOPInstanceUID == f"{original.SOPInstanceUID}.1"
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert found.file_meta.TransferSyntaxUID == sent
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={sent}"
    assert (found.pixel_array == original.pixel_array).all()
    assert str(original.PatientName).encode() not in answer.content
    assert "etag" not in answer.headers


def test_what_is_to_be_done_to_the_pixels_is_done(ask) -> None:
    answer = ask("blanking")
    assert answer.status_code == 200, answer.text
    found = dcmread(io.BytesIO(answer.content)).pixel_array
    original = dcmread(_FILE).pixel_array
    assert len(set(found[:16, :16].ravel().tolist())) == 1
    assert (found[16:] == original[16:]).all()


@pytest.mark.parametrize(
    ("anonymizer", "status"), [("", 501), ("refusing", 422), ("forgetful", 422), ("broken", 422)]
)
def test_what_fails_is_told_and_nothing_is_sent(ask, anonymizer, status) -> None:
    """Not a word of the patient, whatever the anonymizer says."""
    answer = ask(anonymizer)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(dcmread(_FILE).PatientName) not in answer.text


def test_a_name_that_nobody_provides_stops_the_start(ask) -> None:
    with pytest.raises(PluginError, match="no anonymizer is called 'plane'"):
        ask("plane")
