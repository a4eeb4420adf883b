"""Presentation states over the web: the images that they refer to, as they have them seen."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

import pacs_dicomweb.plugin
from pacs_framework.archive.incoming import Origin
from pacs_framework.testing.instances import make_instance
from pacs_http.access.accounts import Accounts
from pacs_http.api import Limit
from pacs_http.testing import serve_http

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_GREY = "1.2.840.10008.5.1.4.1.1.11.1"
_BLENDING = "1.2.840.10008.5.1.4.1.1.11.4"
_PLANAR_MPR = "1.2.840.10008.5.1.4.1.1.11.6"
_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_PNG = {"Accept": "image/png"}
_PARTS = {"Accept": "multipart/related; type=image/png"}


def _item(**attributes: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def _state(images: list[Dataset], sop_class: str = _GREY, **attributes: Any) -> Dataset:
    """A state of the same study; frames of ``images`` are those of ReferencedFrameNumber."""
    made = make_instance(
        SOPClassUID=sop_class, StudyInstanceUID=str(images[0].StudyInstanceUID), **attributes
    )
    by_series: dict[str, list[Dataset]] = {}
    for each in images:
        reference = _item(
            ReferencedSOPClassUID=each.SOPClassUID, ReferencedSOPInstanceUID=each.SOPInstanceUID
        )
        if "ReferencedFrameNumber" in each:
            reference.ReferencedFrameNumber = each.ReferencedFrameNumber
        by_series.setdefault(str(each.SeriesInstanceUID), []).append(reference)
    made.ReferencedSeriesSequence = Sequence(
        _item(SeriesInstanceUID=uid, ReferencedImageSequence=Sequence(several))
        for uid, several in by_series.items()
    )
    return made


def _window(center: float, width: float) -> Sequence:
    return Sequence([_item(WindowCenter=center, WindowWidth=width)])


def _pixels(answer: Any) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


@pytest.fixture
def ct(web) -> Dataset:
    """A real CT image, 128 × 128."""
    web.running.archive.import_file(_FILES / "CT_small.dcm", Origin(door="test"))
    return dcmread(_FILES / "CT_small.dcm")


@pytest.fixture
def turned(web, ct) -> Dataset:
    """A state that turns it, with a window of its own."""
    made = _state(
        [ct],
        ImageRotation=90,
        ImageHorizontalFlip="N",
        RescaleIntercept=-1024,
        RescaleSlope=1,
        SoftcopyVOILUTSequence=_window(40, 400),
        PresentationLUTShape="IDENTITY",
    )
    web.running.take_in(made)
    return made


def _uri(image: Dataset, state: Dataset, **more: object) -> dict[str, str]:
    return {
        "requestType": "WADO",
        "studyUID": str(image.StudyInstanceUID),
        "seriesUID": str(image.SeriesInstanceUID),
        "objectUID": str(image.SOPInstanceUID),
        "presentationSeriesUID": str(state.SeriesInstanceUID),
        "presentationUID": str(state.SOPInstanceUID),
        **{name: str(value) for name, value in more.items()},
    }


def test_a_state_is_its_image_as_it_has_it_seen(web, ct, turned, path_of) -> None:
    """By WADO-RS of the state, and by WADO-URI of the image with it."""
    with web.client() as client:
        plain = path_of(ct) + "/rendered?window=40,400,linear"
        expected = np.rot90(_pixels(client.get(plain, headers=_PNG)), -1)
        assert (_pixels(client.get(path_of(turned) + "/rendered", headers=_PNG)) == expected).all()
        by_uri = client.get("/wado", params=_uri(ct, turned, contentType="image/png"))
        assert (_pixels(by_uri) == expected).all()
        of_state = _uri(turned, turned, contentType="image/png")
        for name in ("presentationUID", "presentationSeriesUID"):
            del of_state[name]
        assert (_pixels(client.get("/wado", params=of_state)) == expected).all()
        assert client.get(path_of(turned) + "/rendered").headers["content-type"] == "image/jpeg"


def test_size_quality_and_profile_may_be_asked_for(web, turned, path_of) -> None:
    """What the state says may not: 400, and not another picture."""
    path = path_of(turned) + "/rendered"
    with web.client() as client:
        small = client.get(path + "?viewport=32,64", headers=_PNG)
        assert _pixels(small).shape == (32, 32)
        assert client.get(path + "?quality=10&iccprofile=srgb").status_code == 200
        for query in ("window=1,2,linear", "annotation=patient", "viewport=9,9,1,1,5,5"):
            assert client.get(f"{path}?{query}").status_code == 400, query


def test_several_images_come_in_parts_each_by_an_address_of_its_own(
    web, make_series, path_of, parts_of
) -> None:
    """Which is one of WADO-URI: it names the image, its frame, and the state."""
    images = make_series(3)
    state = _state(images, PresentationLUTShape="INVERSE")
    web.running.take_in(*images, state)
    with web.client() as client:
        answer = client.get(path_of(state) + "/rendered", headers=_PARTS)
        assert answer.status_code == 200
        parts = parts_of(answer)
        assert len(parts) == 3
        for head, body in parts:
            assert client.get(head["Content-Location"]).content == body
        one = client.get(path_of(state) + "/rendered", headers=_PNG)
        assert "stands for all" in one.headers["warning"]
        in_study = client.get(path_of(state, "study") + "/rendered", headers=_PARTS)
        assert in_study.status_code == 200
        assert len(parts_of(in_study)) == 6
        windowed = client.get(
            path_of(state, "study") + "/rendered?window=1,2,linear", headers=_PARTS
        )
        assert windowed.status_code == 206
        assert len(parts_of(windowed)) == 3


def test_frames_are_those_that_the_state_names(web, path_of, parts_of) -> None:
    several = make_instance(SOPClassUID=_ENHANCED_CT)
    frames = np.arange(4 * 64, dtype="<u2").reshape(4, 8, 8) * 100
    several.NumberOfFrames, several.PixelData = 4, frames.tobytes()
    several.ReferencedFrameNumber = [2, 4]
    state = _state([several])
    del several.ReferencedFrameNumber
    web.running.take_in(several, state)
    with web.client() as client:
        parts = parts_of(client.get(path_of(state) + "/rendered", headers=_PARTS))
        assert ["frameNumber=2&" in head["Content-Location"] for head, _ in parts] == [True, False]
        assert len(parts) == 2
        for number, status in ((2, 200), (3, 400), (9, 400)):
            asked = _uri(several, state, frameNumber=number)
            assert client.get("/wado", params=asked).status_code == status
        frame = client.get(path_of(state) + "/frames/1/rendered")
        assert frame.status_code == 404
        assert "only images have frames" in frame.json()["detail"]


def test_a_mask_is_subtracted_that_is_another_frame(web, path_of, parts_of) -> None:
    """By each address; of frames that are asked for in any order."""
    run = make_instance(SOPClassUID=_ENHANCED_CT)
    still = np.arange(64, dtype="<u2").reshape(8, 8) * 100
    run.NumberOfFrames, run.PixelData = (
        3,
        b"".join((still + own).astype("<u2").tobytes() for own in (0, 5, 9)),
    )
    mask = _item(MaskOperation="AVG_SUB", MaskFrameNumbers=1)
    state = _state(
        [run],
        MaskSubtractionSequence=Sequence([mask]),
        RecommendedViewingMode="SUB",
        SoftcopyVOILUTSequence=_window(0, 256),
    )
    web.running.take_in(run, state)
    with web.client() as client:
        parts = parts_of(client.get(path_of(state) + "/rendered", headers=_PARTS))
        for (_, body), left in zip(parts, (0, 5, 9), strict=True):
            found = np.asarray(Image.open(io.BytesIO(body))).astype(int)
            assert (abs(found - 128 - left) <= 1).all()
        asked = _uri(run, state, frameNumber=3, contentType="image/png")
        found = _pixels(client.get("/wado", params=asked)).astype(int)
        assert (abs(found - 137) <= 1).all()


def _blended(under: list[Dataset], over: list[Dataset], opacity: float = 0.5) -> Dataset:
    """A state that has ``over`` seen upon ``under``, in red."""
    sets = []
    for position, images in (("UNDERLYING", under), ("SUPERIMPOSED", over)):
        references = _state(images).ReferencedSeriesSequence
        sets.append(
            _item(
                BlendingPosition=position,
                StudyInstanceUID=str(images[0].StudyInstanceUID),
                ReferencedSeriesSequence=references,
                SoftcopyVOILUTSequence=_window(128, 256),
            )
        )
    made = make_instance(
        SOPClassUID=_BLENDING,
        StudyInstanceUID=str(under[0].StudyInstanceUID),
        BlendingSequence=Sequence(sets),
        RelativeOpacity=opacity,
    )
    ramp = np.arange(256, dtype=np.uint8).tobytes()
    for colour in ("Red", "Green", "Blue"):
        data = ramp if colour == "Red" else bytes(256)
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(made, f"{colour}PaletteColorLookupTableData", data)
    return made


def _slice(first: Dataset | None, z: float, value: int, **attributes: Any) -> Dataset:
    """A slice of 8 × 8 pixels of one value, in one frame of reference."""
    more = {} if first is None else {"StudyInstanceUID": str(first.StudyInstanceUID)}
    made = make_instance(
        FrameOfReferenceUID="1.2.99",
        ImagePositionPatient=[0, 0, z],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[1, 1],
        SliceThickness=2,
        Rows=8,
        Columns=8,
        **more,
        **attributes,
    )
    made.PixelData = np.full((8, 8), value, "<u2").tobytes()
    return made


def test_two_series_are_blended_slice_by_slice(web, path_of, parts_of) -> None:
    """Upon each underlying slice that which lies in its plane; what is not here is told."""
    first = _slice(None, 0, 100)
    under = [first, _slice(first, 2, 200), _slice(first, 50, 200)]
    over = [_slice(first, 2.5, 80), _slice(first, 0.5, 40)]
    state = _blended(under, over)
    web.running.take_in(*under, *over, state)
    with web.client() as client:
        answer = client.get(path_of(state) + "/rendered", headers=_PARTS)
        assert answer.status_code == 200
        pictures = [np.asarray(Image.open(io.BytesIO(body))) for _, body in parts_of(answer)]
        seen = [picture[0, 0].tolist() for picture in pictures]
        assert seen == [[70, 50, 50], [140, 100, 100], [200, 200, 200]]
        etag = client.get("/wado", params=_uri(first, state)).headers["etag"]
        assert etag
        alone = _blended(under[:1], over)
        gone = make_instance(StudyInstanceUID=str(first.StudyInstanceUID))
        partly = _blended(under[:1], [*over, gone])
        nothing = _blended([gone], over)
        web.running.take_in(alone, partly, nothing)
        assert _pixels(client.get(path_of(alone) + "/rendered", headers=_PNG)).shape == (8, 8, 3)
        told = client.get(path_of(partly) + "/rendered", headers=_PNG)
        assert "1 images" in told.headers["warning"]
        assert client.get(path_of(nothing) + "/rendered").status_code == 404


def test_what_cannot_be_laid_upon_each_other_is_406(web, path_of) -> None:
    """Another frame of reference, images that lie nowhere, a volume that is none."""
    first = _slice(None, 0, 100)
    elsewhere = _slice(first, 0, 40)
    elsewhere.FrameOfReferenceUID = "1.2.98"
    oblique = _slice(first, 0, 40)
    oblique.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    crossed = _slice(first, 0, 40)
    crossed.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    nowhere = make_instance(StudyInstanceUID=str(first.StudyInstanceUID))
    states = [
        (_blended([first], [elsewhere]), "frames of reference"),
        (_blended([first], [oblique, crossed]), "not parallel"),
        (_blended([first], [nowhere]), "where it lies"),
        (_blended([nowhere], [first]), "where it lies"),
    ]
    web.running.take_in(
        first, elsewhere, oblique, crossed, nowhere, *(state for state, _ in states)
    )
    with web.client() as client:
        for state, reason in states:
            answer = client.get(path_of(state) + "/rendered")
            assert answer.status_code == 406, reason
            assert reason in answer.json()["detail"]


def test_a_picture_by_a_state_is_known_again(web, ct, turned, path_of) -> None:
    """Until the image or the state is another one."""
    path = path_of(turned) + "/rendered"
    with web.client() as client:
        etag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
        plain = client.get(path_of(ct) + "/rendered", headers={"If-None-Match": etag})
        assert plain.status_code == 200


def test_an_image_that_is_not_here_is_told(web, make_series, path_of, parts_of) -> None:
    """404 where there is none, 206 where there are others."""
    here, gone, other = make_series(3)
    partial, nothing = _state([here, gone, other]), _state([gone])
    web.running.take_in(here, other, partial, nothing)
    with web.client() as client:
        answer = client.get(path_of(partial) + "/rendered", headers=_PARTS)
        assert answer.status_code == 206
        assert "1 images that the presentation state refers to" in answer.headers["warning"]
        assert len(parts_of(answer)) == 2
        assert client.get(path_of(nothing) + "/rendered").status_code == 404


def test_a_state_shows_nobody_what_he_may_not_see(pacs_archive, path_of) -> None:
    """An image beyond his limits is one that is not there, by whatever address."""
    web = serve_http(
        pacs_archive,
        {"dicomweb": pacs_dicomweb.plugin},
        http={"login": "required", "access_log": False},
    )
    image = make_instance(PatientID="A")
    foreign = make_instance(PatientID="B", StudyInstanceUID=str(image.StudyInstanceUID))
    mine = _state([image, foreign], PatientID="A")
    only_foreign = _state([foreign], PatientID="A")
    elsewhere = make_instance(PatientID="A")
    into_another_study = _state([elsewhere], PatientID="A")
    into_another_study.StudyInstanceUID = image.StudyInstanceUID
    web.running.take_in(image, foreign, mine, only_foreign, elsewhere, into_another_study)
    accounts = Accounts(web.running.archive.tables("http"))
    token = accounts.create_token("t", ["admin"], limits=(Limit(patients=("A",)),))
    login = {"Authorization": f"Bearer {token}"}
    with web.client() as client:
        answer = client.get(path_of(mine) + "/rendered", headers=login)
        assert answer.status_code == 200
        assert "1 images" in answer.headers["warning"]
        for state in (only_foreign, into_another_study):
            assert client.get(path_of(state) + "/rendered", headers=login).status_code == 404
        asked = _uri(foreign, only_foreign)
        assert client.get("/wado", params=asked, headers=login).status_code in (403, 404)
        hidden_state = _state([image], PatientID="B")
        web.running.take_in(hidden_state)
        asked = _uri(image, hidden_state)
        assert client.get("/wado", params=asked, headers=login).status_code == 404


def test_what_would_be_another_picture_is_refused(web, ct, path_of) -> None:
    """501 for kinds that are not rendered, 406 for what cannot be drawn, each with the reason."""
    volumetric = _state([ct], _PLANAR_MPR)
    masked = _state([ct], MaskSubtractionSequence=Sequence([_item(MaskOperation="AVG_SUB")]))
    odd = _state([ct], ImageRotation=45)
    empty = make_instance(SOPClassUID=_GREY)
    web.running.take_in(volumetric, masked, odd, empty)
    with web.client() as client:
        for state, status, reason in (
            (volumetric, 501, "Planar MPR"),
            (masked, 406, "no frames are named"),
            (odd, 406, "Image Rotation is 45"),
            (empty, 406, "refers to no image"),
        ):
            for tail in ("rendered", "thumbnail"):
                answer = client.get(f"{path_of(state)}/{tail}")
                assert answer.status_code == status, (state.SOPClassUID, tail)
                assert reason in answer.json()["detail"]
        other = make_instance(StudyInstanceUID=str(ct.StudyInstanceUID))
        web.running.take_in(other)
        asked = _uri(other, odd)
        assert client.get("/wado", params=asked).status_code == 400
        no_state = client.get("/wado", params=_uri(other, ct))
        assert no_state.status_code == 404


def test_a_thumbnail_of_a_state_is_a_small_picture_of_its_image(web, turned, path_of) -> None:
    with web.client() as client:
        small = _pixels(client.get(path_of(turned) + "/thumbnail?viewport=64,64", headers=_PNG))
        whole = client.get(path_of(turned) + "/rendered?viewport=64,64", headers=_PNG)
        assert (small == _pixels(whole)).all()
        of_series = client.get(path_of(turned, "series") + "/thumbnail", headers=_PNG)
        assert _pixels(of_series).shape == (128, 128)
