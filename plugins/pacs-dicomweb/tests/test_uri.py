"""WADO-URI: one instance by a query, as it is, or as a picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom import dcmread

import pacs_codecs_pylibjpeg.plugin
import pacs_dicomweb.plugin
from pacs_framework.archive.incoming import Origin
from pacs_framework.testing.instances import make_instance
from pacs_http.testing import serve_http

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_RLE = "1.2.840.10008.1.2.5"
_PLAN = "1.2.840.10008.5.1.4.1.1.481.5"


@pytest.fixture
def web(pacs_archive):
    """With codecs."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, "codecs": pacs_codecs_pylibjpeg.plugin}
    return serve_http(pacs_archive, plugins)


@pytest.fixture
def ask(web):
    """GET of an instance with parameters; those of None are left out."""

    def get(instance, **parameters: object):
        named = {
            "requestType": "WADO",
            "studyUID": instance.StudyInstanceUID,
            "seriesUID": instance.SeriesInstanceUID,
            "objectUID": instance.SOPInstanceUID,
            **parameters,
        }
        params = {name: str(value) for name, value in named.items() if value is not None}
        with web.client() as client:
            return client.get("/wado", params=params)

    return get


@pytest.fixture
def image(web):
    """A real CT image."""
    web.running.archive.import_file(_FILES / "CT_small.dcm", Origin(door="test"))
    return dcmread(_FILES / "CT_small.dcm")


def _pixels(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_an_image_is_a_jpeg_unless_told(ask, image) -> None:
    """By contentType it is anything else that there is, in the order of the client."""
    assert ask(image).headers["content-type"] == "image/jpeg"
    assert ask(image, contentType="image/png").headers["content-type"] == "image/png"
    listed = "text/html, image/gif, image/png"
    assert ask(image, contentType=listed).headers["content-type"] == "image/gif"
    assert ask(image, contentType="text/html").status_code == 406


def test_a_dicom_file_is_the_instance(web, ask, image) -> None:
    """As it is stored byte for byte, or in the transfer syntax that is asked for."""
    stored = ask(image, contentType="application/dicom", transferSyntax="*")
    assert stored.content == (_FILES / "CT_small.dcm").read_bytes()
    for asked, sent in ((None, _EXPLICIT), (_RLE, _RLE)):
        answer = ask(image, contentType="application/dicom", transferSyntax=asked)
        found = dcmread(io.BytesIO(answer.content))
        assert found.file_meta.TransferSyntaxUID == sent
        assert (found.pixel_array == image.pixel_array).all()
    unknown = ask(image, contentType="application/dicom", transferSyntax="1.2.3")
    assert unknown.status_code == 406


def test_what_is_no_single_picture_is_the_instance(web, ask) -> None:
    """Plans, and images of several frames."""
    plan = make_instance(SOPClassUID=_PLAN, Modality="RTPLAN")
    several = make_instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1")
    half = len(several.PixelData) // 2
    several.PixelData = bytes(half) + b"\x01\x02" * (half // 2)
    web.running.take_in(plan, several)
    for instance in (plan, several):
        assert ask(instance).headers["content-type"].startswith("application/dicom")
        assert ask(instance).content[128:132] == b"DICM"
    assert ask(plan, contentType="image/jpeg").status_code == 406
    window = {"windowCenter": 256, "windowWidth": 512, "contentType": "image/png"}
    first, second = (ask(several, frameNumber=n, **window) for n in (1, 2))
    assert (_pixels(first) != _pixels(second)).any()
    assert ask(several, frameNumber=3).status_code == 404


def test_rows_and_columns_bound_the_picture(ask, image) -> None:
    """Both, or one of them; the aspect ratio stays."""
    for said, shape in (
        ({"rows": 64}, (64, 64)),
        ({"columns": 32}, (32, 32)),
        ({"rows": 256, "columns": 200}, (200, 200)),
    ):
        assert _pixels(ask(image, contentType="image/png", **said)).shape == shape


def test_a_region_is_in_shares_of_the_image(ask, image) -> None:
    """From its left and top edge."""
    whole = _pixels(ask(image, contentType="image/png"))
    part = _pixels(ask(image, contentType="image/png", region="0.5,0,1,0.25"))
    assert (part == whole[:32, 64:]).all()


def test_window_annotation_and_quality_are_heeded(ask, image) -> None:
    """Each changes the picture."""
    plain = ask(image)
    for said in (
        {"windowCenter": 40, "windowWidth": 400},
        {"annotation": "patient"},
        {"annotation": "technique,patient"},
        {"imageQuality": 10},
    ):
        changed = ask(image, **said)
        assert changed.status_code == 200
        assert changed.content != plain.content, said


_REFUSED: tuple[tuple[dict[str, str | None], int], ...] = (
    ({"requestType": None}, 400),
    ({"requestType": "XDS"}, 400),
    ({"studyUID": None}, 400),
    ({"objectUID": ""}, 400),
    ({"objectUID": "../../etc/passwd"}, 400),
    ({"objectUID": "1.2.3"}, 404),
    ({"studyUID": "1.2.3"}, 404),
    ({"rows": "0"}, 400),
    ({"rows": "ten"}, 400),
    ({"columns": "1000000"}, 400),
    ({"region": "0.5,0,0.5,1"}, 400),
    ({"region": "0,0,2,1"}, 400),
    ({"region": "0,0,1"}, 400),
    ({"windowCenter": "3"}, 400),
    ({"windowCenter": "3", "windowWidth": "0"}, 400),
    ({"imageQuality": "0"}, 400),
    ({"annotation": "everything"}, 400),
    ({"frameNumber": "0"}, 400),
    ({"frameNumber": "2"}, 404),
    ({"anonymize": "yes"}, 501),
    ({"anonymize": "maybe"}, 400),
    ({"anonymize": "yes", "contentType": "image/jpeg"}, 400),
    ({"anonymize": "yes", "rows": "3"}, 400),
    ({"presentationUID": "1.2.3"}, 400),
    ({"presentationSeriesUID": "1.2.3"}, 400),
    ({"presentationUID": "1.2.3", "presentationSeriesUID": "1.2"}, 404),
    ({"presentationUID": "1.2.3", "presentationSeriesUID": "1.2", "region": "0,0,1,1"}, 400),
    ({"charset": "koi8-r"}, 406),
    ({"colour": "red"}, 400),
    ({"transferSyntax": _RLE, "contentType": "image/jpeg"}, 400),
    ({"contentType": "application/dicom", "rows": "3"}, 400),
)


def test_what_cannot_be_understood_is_refused(ask, image) -> None:
    """As problem details."""
    for said, status in _REFUSED:
        answer = ask(image, **said)
        assert answer.status_code == status, said
        assert answer.headers["content-type"] == "application/problem+json"
