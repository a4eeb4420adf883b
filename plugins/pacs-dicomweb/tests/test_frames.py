"""Frames over HTTP: by number, in every order, native, compressed and decoded."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pydicom.data
import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames

import pacs_codecs_pylibjpeg.plugin
import pacs_dicomweb.plugin
from pacs_dicomweb.wado.frames import frame_numbers
from pacs_framework.archive.incoming import Origin
from pacs_framework.testing.instances import make_instance
from pacs_http.api import Problem
from pacs_http.testing import serve_http

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_OCTETS = 'multipart/related; type="application/octet-stream"'
_RLE = "1.2.840.10008.1.2.5"
_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


@pytest.fixture
def web(pacs_archive):
    """With codecs."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, "codecs": pacs_codecs_pylibjpeg.plugin}
    return serve_http(pacs_archive, plugins)


def _taken_in(web, name: str):
    web.running.archive.import_file(_FILES / name, Origin(door="test"))
    return dcmread(_FILES / name)


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
        _RLE,
    ],
)
def test_native_frames_in_any_order(web, path_of, parts_of, syntax) -> None:
    """As the pixels are in Explicit VR Little Endian, wherever they are stored."""
    instance = make_instance(transfer_syntax=syntax, SOPClassUID=_ENHANCED_CT)
    web.running.take_in(instance)
    plain = instance.pixel_array
    with web.client() as client:
        for numbers in ([1], [2], [2, 1], [1, 2, 1]):
            listed = ",".join(map(str, numbers))
            answer = client.get(f"{path_of(instance)}/frames/{listed}", headers={"Accept": _OCTETS})
            parts = parts_of(answer)
            assert [head["Content-Location"].rpartition("/")[2] for head, _ in parts] == [
                str(number) for number in numbers
            ]
            for number, (_, body) in zip(numbers, parts, strict=True):
                found = np.frombuffer(body, plain.dtype.newbyteorder("<"))
                assert (found == plain[number - 1].ravel()).all()


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("SC_rgb_rle_2frame.dcm", "image/dicom-rle"),
        ("examples_ybr_color.dcm", "image/jpeg"),
        ("examples_jpeg2k.dcm", "image/jp2"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
    ],
)
def test_compressed_frames_as_they_are_stored(web, path_of, parts_of, name, media_type) -> None:
    """By their media type, by * and by octets that viewers ask for; pydicom takes them apart."""
    dataset = _taken_in(web, name)
    count = int(dataset.get("NumberOfFrames", 1))
    stored = list(generate_frames(dataset.PixelData, number_of_frames=count))
    accepts = (
        f'multipart/related; type="{media_type}"',
        f'multipart/related; type="{media_type}"; transfer-syntax=*',
        f"{_OCTETS}; transfer-syntax=*",
    )
    with web.client() as client:
        for accept in accepts:
            for number in (1, count):
                path = f"{path_of(dataset)}/frames/{number}"
                ((head, body),) = parts_of(client.get(path, headers={"Accept": accept}))
                assert body == stored[number - 1]
                assert head["Content-Type"].endswith(str(dataset.file_meta.TransferSyntaxUID))


def test_what_a_codec_makes_nothing_of_comes_as_it_is_stored(web, path_of, parts_of) -> None:
    """Though it knows the kind: a client that has named no transfer syntax gets it, and all of the
    study; one that has named another is told with 406, and not to try again later.
    """
    name = "JPEG2000-embedded-sequence-delimiter.dcm"
    dataset = _taken_in(web, name)
    other = make_instance(StudyInstanceUID=dataset.StudyInstanceUID)
    web.running.take_in(other)
    stored = (_FILES / name).read_bytes()
    explicit = "; transfer-syntax=1.2.840.10008.1.2.1"
    with web.client() as client:
        for accept in ("application/dicom", "application/dicom; transfer-syntax=*"):
            whole = client.get(path_of(dataset), headers={"Accept": accept})
            assert (whole.status_code, whole.content) == (200, stored)
            assert dataset.file_meta.TransferSyntaxUID in whole.headers["content-type"]
        study = parts_of(client.get(path_of(dataset, "study")))
        assert stored in [body for _, body in study]
        assert len(study) == 2
        refused = client.get(path_of(dataset), headers={"Accept": "application/dicom" + explicit})
        assert refused.status_code == 406
        assert "transfer-syntax=*" in refused.json()["detail"]


def test_a_single_frame_may_come_alone(web, path_of) -> None:
    """Several may not."""
    instance = make_instance(SOPClassUID=_ENHANCED_CT)
    web.running.take_in(instance)
    accept = {"Accept": "application/octet-stream"}
    with web.client() as client:
        alone = client.get(path_of(instance) + "/frames/2", headers=accept)
        assert alone.content == instance.PixelData[len(instance.PixelData) // 2 :]
        assert client.get(path_of(instance) + "/frames/1,2", headers=accept).status_code == 406


_NATIVE = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)


@pytest.mark.parametrize("syntax", _NATIVE)
def test_native_pixel_data_are_one_value_with_ranges(web, path_of, syntax) -> None:
    """All frames together where single octets are asked for; any part of them, as a download goes
    on that broke off. In little endian, wherever they are stored.
    """
    instance = make_instance(transfer_syntax=syntax, SOPClassUID=_ENHANCED_CT)
    web.running.take_in(instance)
    plain = instance.pixel_array
    value = plain.astype(plain.dtype.newbyteorder("<")).tobytes()
    half = len(value) // 2
    with web.client() as client:

        def get(**headers: str) -> httpx.Response:
            asked = {"Accept": "application/octet-stream"} | headers
            return client.get(f"{path_of(instance)}/bulkdata/7FE00010", headers=asked)

        whole = get()
        assert (whole.status_code, whole.content) == (200, value)
        assert whole.headers["accept-ranges"] == "bytes"
        for start, end in (
            (0, 9),
            (half - 3, half + 2),
            (half, half),
            (half - 1, half - 1),
            (1, len(value) - 1),
        ):
            part = get(Range=f"bytes={start}-{end}")
            assert part.status_code == 206
            assert part.headers["content-range"] == f"bytes {start}-{end}/{len(value)}"
            assert part.content == value[start : end + 1]
        assert get(Range="bytes=-5").content == value[-5:]
        assert get(Range=f"bytes={len(value)}-").status_code == 416
        etag = whole.headers["etag"]
        assert get(**{"Range": "bytes=0-3", "If-Range": etag}).status_code == 206
        assert get(**{"Range": "bytes=0-3", "If-Range": '"other"'}).content == value
        assert get(**{"If-None-Match": etag}).status_code == 304


def test_a_range_of_a_frame_is_of_what_is_sent(web, path_of) -> None:
    """Of a compressed one of its own bytes. What a codec makes may come out otherwise another time,
    so its ETag is a weak one, and an If-Range with it gets everything.
    """
    dataset = _taken_in(web, "SC_rgb_rle_2frame.dcm")
    stored = next(generate_frames(dataset.PixelData, number_of_frames=2))
    path = f"{path_of(dataset)}/frames/1"
    with web.client() as client:
        part = client.get(path, headers={"Accept": "image/dicom-rle", "Range": "bytes=2-7"})
        assert (part.status_code, part.content) == (206, stored[2:8])
        made = client.get(path, headers={"Accept": "application/octet-stream"})
        assert made.headers["etag"].startswith("W/")
        again = {"Accept": "application/octet-stream", "Range": "bytes=2-7"}
        assert client.get(path, headers=again).content == made.content[2:8]
        again["If-Range"] = made.headers["etag"]
        assert client.get(path, headers=again).content == made.content
        # Several compressed frames are no one value.
        every = f"{path_of(dataset)}/bulkdata/7FE00010"
        assert client.get(every, headers={"Accept": "application/octet-stream"}).status_code == 406


def test_native_frames_are_encoded_where_somebody_can(web, path_of) -> None:
    """By a codec that loses nothing; a syntax that loses something is 406."""
    instance = make_instance()
    web.running.take_in(instance)
    with web.client() as client:
        rle = client.get(path_of(instance) + "/frames/1", headers={"Accept": "image/dicom-rle"})
        assert rle.headers["content-type"] == f"image/dicom-rle; transfer-syntax={_RLE}"
        lossy = {"Accept": "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"}
        assert client.get(path_of(instance) + "/frames/1", headers=lossy).status_code == 406


def test_what_is_no_frame_is_said(web, path_of) -> None:
    """400 for what is no list, 404 for a frame or pixels that are not there."""
    instance = make_instance()
    report = make_instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11")
    web.running.take_in(instance, report)
    with web.client() as client:
        for frames, status in (("0", 400), ("x", 400), ("1,", 400), ("-1", 400), ("2", 404)):
            assert client.get(f"{path_of(instance)}/frames/{frames}").status_code == status, frames
        assert client.get(path_of(report) + "/frames/1").status_code == 404


def test_more_frames_than_anybody_asks_for_are_refused() -> None:
    """Before any is looked for."""
    with pytest.raises(Problem):
        frame_numbers(",".join(["1"] * 5000))


def test_a_frame_is_found_without_reading_those_before_it(web, path_of) -> None:
    """Native, or compressed with an offset table."""
    frame = bytes(range(256)) * 2048
    instance = make_instance(SOPClassUID=_ENHANCED_CT)
    instance.Rows = instance.Columns = 512
    instance.BitsAllocated = instance.BitsStored = 16
    instance.HighBit = 15
    instance.NumberOfFrames, instance.PixelData = 8, frame * 8
    web.running.take_in(instance)
    read = []
    storage = web.running.archive.storage
    really = storage.open

    def counted(key, *, offset=0, length=None):
        read.append(length)
        return really(key, offset=offset, length=length)

    storage.open = counted
    accept = {"Accept": "application/octet-stream"}
    with web.client() as client:
        answer = client.get(path_of(instance) + "/frames/8", headers=accept)
    assert answer.content == frame
    # The first opening is of the whole object, of which nothing is read.
    assert sum(read[1:]) < 2 * len(frame)
