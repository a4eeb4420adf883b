"""What can be seen of instances: cut, flipped, annotated, and as the kernel draws it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from PIL import Image, ImageCms
from pydicom import dcmread
from pydicom.encaps import encapsulate

import pacs_codecs_pylibjpeg.plugin
import pacs_dicomweb.plugin
from pacs_framework.archive.incoming import Origin
from pacs_framework.rendering.drawing import View, pictures
from pacs_framework.rendering.opening import open_image
from pacs_framework.rendering.voi import VoiFunction, Window
from pacs_framework.testing.instances import make_instance
from pacs_http.testing import serve_http

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_REPORT = "1.2.840.10008.5.1.4.1.1.88.11"
_PNG = {"Accept": "image/png"}


@pytest.fixture
def web(pacs_archive):
    """With codecs; a few megapixels are the most."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, "codecs": pacs_codecs_pylibjpeg.plugin}
    settings = {"plugin": {"dicomweb": {"rendered_megapixels": 4}}}
    return serve_http(pacs_archive, plugins, settings=settings)


def _taken_in(web, name: str):
    web.running.archive.import_file(_FILES / name, Origin(door="test"))
    return dcmread(_FILES / name)


def _image(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def _drawn(web, name: str, view: View | None = None, frame: int = 1) -> np.ndarray:
    """As the kernel draws a file."""
    with (_FILES / name).open("rb") as file:
        image = open_image(file, web.running.archive.transcoding.decoder)
        ((_, picture),) = pictures(image, range(frame, frame + 1), view or View())
        return picture.pixels


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_RLE.dcm",
        "examples_jpeg2k.dcm",
        "examples_palette.dcm",
        "examples_ybr_color.dcm",
        "liver_1frame.dcm",
    ],
)
def test_a_picture_is_what_the_kernel_draws(web, path_of, name) -> None:
    """Greys, colours, palettes, single bits; native and compressed; the first frame of several."""
    dataset = _taken_in(web, name)
    with web.client() as client:
        found = _image(client.get(f"{path_of(dataset)}/frames/1/rendered", headers=_PNG))
    assert (found == _drawn(web, name)).all()


@pytest.mark.parametrize(
    ("media_type", "form"),
    [("image/jpeg", "JPEG"), ("image/png", "PNG"), ("image/gif", "GIF"), ("image/jp2", "JPEG2000")],
)
def test_every_media_type_is_what_it_says(web, path_of, media_type, form) -> None:
    """By the header, by the parameter, alone and in parts; JPEG where nobody says."""
    dataset = _taken_in(web, "CT_small.dcm")
    path = path_of(dataset) + "/rendered"
    with web.client() as client:
        alone = client.get(path, headers={"Accept": media_type})
        assert alone.headers["content-type"] == media_type
        assert Image.open(io.BytesIO(alone.content)).format == form
        assert client.get(path, params={"accept": media_type}).content == alone.content
        related = {"Accept": f'multipart/related; type="{media_type}"'}
        parts = client.get(path, headers=related)
        assert parts.headers["content-type"].startswith("multipart/related")
        assert alone.content in parts.content
        assert client.get(path).headers["content-type"] == "image/jpeg"
        browser = {"Accept": "text/html,image/avif,image/webp,image/*,*/*;q=0.8"}
        assert client.get(path, headers=browser).headers["content-type"] == "image/jpeg"
        assert client.get(path, headers={"Accept": "text/html"}).status_code == 406


def test_a_window_is_that_of_the_request(web, path_of) -> None:
    """Of every function, in modality values, and not the header's."""
    dataset = _taken_in(web, "CT_small.dcm")
    path = path_of(dataset) + "/rendered"
    with web.client() as client:
        for name, function in (
            ("linear", VoiFunction.LINEAR),
            ("LINEAR_EXACT", VoiFunction.LINEAR_EXACT),
            ("sigmoid", VoiFunction.SIGMOID),
        ):
            answer = client.get(path, params={"window": f"40,400,{name}"}, headers=_PNG)
            view = View(window=Window(40, 400, function))
            assert (_image(answer) == _drawn(web, "CT_small.dcm", view)).all(), name


def test_a_viewport_bounds_the_picture(web, path_of) -> None:
    """Its aspect ratio stays; larger ones enlarge."""
    instance = make_instance(Rows=40, Columns=80, PixelData=bytes(40 * 80), BitsAllocated=8)
    instance.BitsStored, instance.HighBit = 8, 7
    web.running.take_in(instance)
    path = path_of(instance) + "/rendered"
    with web.client() as client:
        for viewport, shape in (("20,20", (10, 20)), ("400,100", (100, 200)), ("80,40", (40, 80))):
            answer = client.get(path, params={"viewport": viewport}, headers=_PNG)
            assert _image(answer).shape == shape, viewport


def test_a_region_is_cut_out_and_flipped(web, path_of) -> None:
    """In pixels of the image; negative lengths flip; what is outside is 400."""
    dataset = _taken_in(web, "CT_small.dcm")
    whole = _drawn(web, "CT_small.dcm")
    path = path_of(dataset) + "/rendered"
    cases = {
        "64,64,10,20,64,64": whole[20:84, 10:74],
        "128,128,,,-128,": whole[:, ::-1],
        "128,128,,,,-128": whole[::-1],
        "28,28,100,100": whole[100:, 100:],
        "28,28,100,100,500,500": whole[100:, 100:],
    }
    with web.client() as client:
        for viewport, part in cases.items():
            answer = client.get(path, params={"viewport": viewport}, headers=_PNG)
            assert (_image(answer) == part).all(), viewport
        outside = client.get(path, params={"viewport": "64,64,128,0"})
        assert outside.status_code == 400


def test_annotations_are_written_into_the_picture(web, path_of) -> None:
    """The patient at the top, the technique at the bottom; what is not known is told."""
    dataset = _taken_in(web, "CT_small.dcm")
    path = path_of(dataset) + "/rendered"
    params = {"viewport": "512,512"}
    with web.client() as client:
        plain = _image(client.get(path, params=params, headers=_PNG))

        def changed(annotation: str) -> np.ndarray:
            asked = {**params, "annotation": annotation}
            return np.flatnonzero(
                (_image(client.get(path, params=asked, headers=_PNG)) != plain).any(axis=1)
            )

        patient, technique = changed("patient"), changed("technique")
        assert len(patient)
        assert patient.max() < 150
        assert len(technique)
        assert technique.min() > 350
        assert len(changed("patient,technique")) == len(patient) + len(technique)
        told = client.get(path, params={"annotation": "patient,everything"})
        assert "annotations are not known" in told.headers["warning"]
        assert "everything" not in told.headers["warning"]


def test_quality_is_that_of_jpeg(web, path_of) -> None:
    """Less of it is a smaller file."""
    dataset = _taken_in(web, "CT_small.dcm")
    with web.client() as client:
        sizes = [
            len(client.get(f"{path_of(dataset)}/rendered?quality={quality}").content)
            for quality in (5, 50, 100)
        ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 3


def test_colours_say_what_they_mean(web, path_of) -> None:
    """The profile of the image, none, or sRGB; greys have none."""
    dataset = _taken_in(web, "examples_ybr_color.dcm")
    grey = _taken_in(web, "CT_small.dcm")

    def profile(path: str, icc: str) -> bytes | None:
        with web.client() as client:
            answer = client.get(f"{path}?iccprofile={icc}", headers=_PNG)
        return Image.open(io.BytesIO(answer.content)).info.get("icc_profile")

    colour = f"{path_of(dataset)}/frames/1/rendered"
    assert profile(colour, "no") is None
    srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile(colour, "srgb")))
    assert "sRGB" in ImageCms.getProfileDescription(srgb)
    assert profile(colour, "yes")
    assert profile(path_of(grey) + "/rendered", "yes") is None


_NOT_UNDERSTOOD = (
    "viewport=0,10",
    "viewport=10",
    "viewport=a,b",
    "viewport=1,2,3,4,0,6",
    "viewport=100000,1",
    "viewport=10,10,nan",
    "viewport=10,10,inf",
    "window=1",
    "window=1,0",
    "window=1,2,cubic",
    "window=1e999,2",
    "quality=0",
    "quality=101",
    "quality=%D9%A1",
    "iccprofile=rommrgb",
    "contrast=3",
    "quality=3&quality=4",
    "viewport=3000,3000",
)


def test_what_cannot_be_understood_is_400(web, path_of) -> None:
    """Nothing is passed over: the picture would be another one than was asked for."""
    dataset = _taken_in(web, "CT_small.dcm")
    with web.client() as client:
        for query in _NOT_UNDERSTOOD:
            answer = client.get(f"{path_of(dataset)}/rendered?{query}")
            assert answer.status_code == 400, query
            assert answer.headers["content-type"] == "application/problem+json"


def test_windows_are_for_greys(web, path_of) -> None:
    """Of one image in colours it is an error."""
    dataset = _taken_in(web, "examples_ybr_color.dcm")
    with web.client() as client:
        answer = client.get(f"{path_of(dataset)}/frames/1/rendered?window=1,2,linear")
    assert answer.status_code == 400


def test_several_frames_come_in_parts_in_any_order(web, path_of, parts_of) -> None:
    """Or as one that moves; one media type cannot hold frames that were named."""
    dataset = _taken_in(web, "examples_ybr_color.dcm")
    count = int(dataset.NumberOfFrames)
    frames = f"{path_of(dataset)}/frames/3,1,2/rendered"
    with web.client() as client:
        parts = parts_of(
            client.get(frames, headers={"Accept": "multipart/related; type=image/png"})
        )
        assert len(parts) == 3
        for number, (head, body) in zip((3, 1, 2), parts, strict=True):
            assert head["Content-Location"].endswith(f"/frames/{number}/rendered")
            found = np.asarray(Image.open(io.BytesIO(body)))
            assert (found == _drawn(web, "examples_ybr_color.dcm", frame=number)).all()
        moving = client.get(frames, params={"accept": "image/gif", "viewport": "64,64"})
        assert Image.open(io.BytesIO(moving.content)).n_frames == 3
        assert client.get(frames, headers=_PNG).status_code == 406
        all_of_them = client.get(path_of(dataset) + "/rendered")
        assert len(parts_of(all_of_them)) == count
        one = client.get(path_of(dataset) + "/rendered", headers=_PNG)
        middle = _drawn(web, "examples_ybr_color.dcm", frame=(count + 1) // 2)
        assert (_image(one) == middle).all()
        assert "stands for all" in one.headers["warning"]
        beyond = f"{path_of(dataset)}/frames/{count + 1}/rendered"
        assert client.get(beyond).status_code == 404


def test_an_animation_is_bounded(web, path_of) -> None:
    """By the pixels of all its pictures."""
    instance = make_instance(SOPClassUID=_ENHANCED_CT)
    instance.Rows = instance.Columns = 1024
    instance.BitsAllocated, instance.BitsStored, instance.HighBit = 8, 8, 7
    instance.NumberOfFrames, instance.PixelData = 5, bytes(5 << 20)
    web.running.take_in(instance)
    path = path_of(instance) + "/rendered?accept=image/gif"
    with web.client() as client:
        assert client.get(path).status_code == 406
        assert client.get(path + "&viewport=100,100").status_code == 200


def test_frames_that_are_too_large_are_not_read(web, path_of) -> None:
    """The header says it before memory is taken."""
    instance = make_instance()
    instance.Rows = instance.Columns = 3000
    instance.BitsAllocated, instance.BitsStored, instance.HighBit = 8, 8, 7
    instance.PixelData = bytes(9_000_000)
    web.running.take_in(instance)
    with web.client() as client:
        answer = client.get(path_of(instance) + "/rendered")
    assert answer.status_code == 406
    assert "rendered_megapixels" in answer.json()["detail"]


def test_a_study_shows_all_its_images(web, make_series, path_of, parts_of) -> None:
    """What is no image is left out, and that is told."""
    first, *others = make_series(3)
    web.running.take_in(first, *others)
    accept = {"Accept": "multipart/related; type=image/jpeg"}
    with web.client() as client:
        for level in ("series", "study"):
            answer = client.get(path_of(first, level) + "/rendered", headers=accept)
            assert answer.status_code == 200
            locations = [head["Content-Location"] for head, _ in parts_of(answer)]
            assert sorted(locations) == sorted(
                f"{web.url}{path_of(each)}/frames/1/rendered" for each in (first, *others)
            )
            shown = client.get(locations[0], headers=accept)
            assert shown.status_code == 200
        report = make_instance(
            SOPClassUID=_REPORT, StudyInstanceUID=str(first.StudyInstanceUID), Modality="SR"
        )
        web.running.take_in(report)
        partial = client.get(path_of(first, "study") + "/rendered", headers=accept)
        assert partial.status_code == 206
        assert "1 instances are not rendered" in partial.headers["warning"]
        assert len(parts_of(partial)) == 3
        page = client.get(path_of(report, "series") + "/rendered")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        alone = client.get(path_of(first, "study") + "/rendered", headers=_PNG)
        assert alone.status_code == 406


def test_a_thumbnail_stands_for_what_is_below(web, make_series, path_of) -> None:
    """At every level one small picture, that of an image where there is any, else of a page."""
    first, *others = make_series(3)
    shared = {"StudyInstanceUID": str(first.StudyInstanceUID)}
    report = make_instance(SOPClassUID=_REPORT, Modality="SR", **shared)
    web.running.take_in(report, first, *others)
    paths = [path_of(first, level) for level in ("study", "series", "instance")]
    with web.client() as client:
        for path in (*paths, paths[-1] + "/frames/1"):
            answer = client.get(path + "/thumbnail", headers=_PNG)
            assert max(_image(answer).shape[:2]) == 128, path
            small = client.get(path + "/thumbnail?viewport=32,16", headers=_PNG)
            assert _image(small).shape[0] == 16
            assert client.get(path + "/thumbnail").headers["content-type"] == "image/jpeg"
            assert client.get(path + "/thumbnail?window=1,2").status_code == 400
            assert client.get(path + "/thumbnail?viewport=9,9,0,0,1,1").status_code == 400
        page = _image(client.get(path_of(report) + "/thumbnail", headers=_PNG))
        assert page.shape == (128, 96)
        assert page.min() < 64  # something is written on it
        assert page.max() == 255


def test_what_is_damaged_does_not_hide_the_others(web, make_series, path_of) -> None:
    """A thumbnail of a series is that of an image that can be drawn."""
    images = make_series(3)
    images[1].PixelData = images[1].PixelData[:-4]
    web.running.take_in(*images)
    with web.client() as client:
        assert client.get(path_of(images[1]) + "/rendered").status_code == 406
        assert client.get(path_of(images[0], "series") + "/thumbnail").status_code == 200


def test_what_has_nothing_to_see_is_told_by_its_name(web, path_of) -> None:
    """406 for a picture and for a thumbnail, with what it is."""
    plan = make_instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.5", Modality="RTPLAN")
    web.running.take_in(plan)
    with web.client() as client:
        for tail in ("rendered", "thumbnail"):
            answer = client.get(f"{path_of(plan)}/{tail}")
            assert answer.status_code == 406
            assert "RT Plan Storage" in answer.json()["detail"]


def test_pictures_are_known_again(web, path_of) -> None:
    """The same look has the same ETag, another one has another."""
    dataset = _taken_in(web, "CT_small.dcm")
    path = path_of(dataset) + "/rendered"
    with web.client() as client:
        etag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
        other = client.get(path + "?window=1,2,linear", headers={"If-None-Match": etag})
        assert other.status_code == 200
        assert other.headers["etag"] != etag


def test_documents_are_seen_as_they_are(web, path_of) -> None:
    """A PDF in an instance is a PDF."""
    dataset = make_instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC")
    for keyword in ("PixelData", "Rows", "Columns"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.EncapsulatedDocument, dataset.EncapsulatedDocumentLength = b"%PDF-1.7x", 9
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    web.running.take_in(dataset)
    path = path_of(dataset) + "/rendered"
    with web.client() as client:
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content == b"%PDF-1.7x"
        assert client.get(path + "?viewport=1,1").status_code == 400
        assert client.get(path, headers=_PNG).status_code == 406


def test_a_video_is_given_as_it_is(web, path_of) -> None:
    """In the media type of its container; one without a container is not."""
    stream = b"\0\0\0\x18ftypisom" + bytes(1000)
    video = make_instance(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.4.1",
        transfer_syntax="1.2.840.10008.1.2.4.102",
        PixelData=encapsulate([stream]),
    )
    video["PixelData"].is_undefined_length = True
    web.running.take_in(video)
    path = path_of(video) + "/rendered"
    with web.client() as client:
        answer = client.get(path, headers={"Accept": "video/*"})
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.content.startswith(stream)
        assert client.get(path, headers={"Accept": "video/mpeg"}).status_code == 406
