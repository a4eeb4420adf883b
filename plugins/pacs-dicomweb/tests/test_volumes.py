"""Views of a volume over the web, beside what highdicom and SciPy make of the same series."""

from __future__ import annotations

import io
from typing import Any

import highdicom
import httpx
import numpy as np
import pytest
from dicomweb_client import DICOMwebClient
from PIL import Image
from pydicom import Dataset
from pydicom.uid import generate_uid
from scipy.ndimage import map_coordinates

import pacs_dicomweb.plugin
from pacs_dicomweb.rendered.volumes import Volumes
from pacs_framework.testing.instances import make_instance
from pacs_http.access.accounts import Accounts
from pacs_http.api import Limit, Problem
from pacs_http.testing import serve_http

_CT = "1.2.840.10008.5.1.4.1.1.2"
_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_PLANAR_MPR = "1.2.840.10008.5.1.4.1.1.11.6"
_PNG = {"Accept": "image/png"}
_JSON = {"Accept": "application/dicom+json"}
_CORNER = np.array((-30.0, -40.0, 100.0))
_SPACING, _STEP = (1.2, 0.8), 2.0
_WINDOW = "window=500,1000,linear"


def _patient(shape: tuple[int, int, int] = (24, 40, 48)) -> np.ndarray:
    """Waves, and something hard in the front on the left; from 0 to 1000."""
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    made = 300 + 280 * np.sin(x / 4) * np.cos(y / 5) * np.cos(z / 3)
    made[8:14, 4:10, 30:40] = 1000
    return np.rint(made).astype(int)


def _series(data: np.ndarray, **attributes: Any) -> list[Dataset]:
    """Axial CT slices of ``data``, from below."""
    shared = {
        "SOPClassUID": _CT,
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": "1.2.99.5",
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": list(_SPACING),
        "SliceThickness": _STEP,
        "RescaleSlope": 1,
        "RescaleIntercept": -24,
    }
    made = []
    for number, pixels in enumerate(data):
        ds = make_instance(
            **(shared | attributes),
            ImagePositionPatient=[*_CORNER[:2], _CORNER[2] + number * _STEP],
            InstanceNumber=number + 1,
            Rows=pixels.shape[0],
            Columns=pixels.shape[1],
        )
        ds.PixelData = (pixels + 24).astype("<u2").tobytes()
        made.append(ds)
    return made


@pytest.fixture
def series(web) -> list[Dataset]:
    """The slices of `_patient`, stored in no order."""
    made = _series(_patient())
    web.running.take_in(*made[::2], *made[1::2])
    return made


def _pixels(answer: Any) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def _module(client: Any, path: str) -> dict[str, list[Any]]:
    """The Rendered Volume Response Module of a view, by tag."""
    joined = path + ("&" if "?" in path else "?") + "renderedvolumetricmetadata=yes"
    answer = client.get(joined, headers=_JSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/dicom+json"
    return {tag: element["Value"] for tag, element in answer.json().items()}


@pytest.mark.parametrize(
    ("method", "reduced"), [("maximum_ip", np.max), ("minimum_ip", np.min), ("average_ip", np.mean)]
)
def test_an_oblique_slab_is_that_of_highdicom_and_scipy(
    web, series, path_of, method: str, reduced: Any
) -> None:
    """Retrieved by an independent client, placed in the patient by highdicom, cut by SciPy."""
    position, look_at, up, slab = (60.0, -90.0, 150.0), (-12.0, -16.0, 123.0), (0, 0, 1), 6.0
    query = "&".join(
        (
            f"renderingmethod={method}&mprslab={slab:g}&viewport=60,60&{_WINDOW}",
            f"viewpointposition={position[0]:g},{position[1]:g},{position[2]:g}",
            f"viewpointlookat={look_at[0]:g},{look_at[1]:g},{look_at[2]:g}&viewpointup=0,0,1",
        )
    )
    with web.client() as client:
        found = _pixels(
            client.get(f"{path_of(series[0], 'series')}/renderedmpr?{query}", headers=_PNG)
        )
    retrieved = DICOMwebClient(web.url + "/dicom-web").retrieve_series(
        series[0].StudyInstanceUID, series[0].SeriesInstanceUID
    )
    volume = highdicom.get_volume_from_series(retrieved)
    forward = np.array(look_at) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    corners = _corners(volume) - look_at
    pixel = max(np.ptp(corners @ right) + 0.8, np.ptp(corners @ down) + 0.8) / 60
    middle = [(axis @ corners.T).min() - 0.4 for axis in (right, down)]
    steps = int(np.ceil(slab / 0.8))
    rows, columns = np.mgrid[: found.shape[0], : found.shape[1]]
    samples = []
    for step in range(steps):
        depth = -slab / 2 + slab * (step + 0.5) / steps
        points = (
            np.array(look_at)
            + (middle[0] + (columns[..., np.newaxis] + 0.5) * pixel) * right
            + (middle[1] + (rows[..., np.newaxis] + 0.5) * pixel) * down
            + depth * forward
        )
        homogeneous = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=-1)
        index = np.moveaxis(homogeneous @ np.linalg.inv(volume.affine).T, -1, 0)[:3]
        inside = ((index.T > 0) & (np.array(volume.spatial_shape) - 1 > index.T)).all(axis=-1).T
        values = map_coordinates(volume.array.astype(float), index, order=1, mode="nearest")
        samples.append(np.where(inside, values, np.nan))
    expected = np.clip((reduced(samples, axis=0) - 499.5) / 999 + 0.5, 0, 1) * 255
    compared = np.isfinite(expected)
    assert compared.sum() > 500
    assert np.abs(found - expected)[compared].max() <= 1.5


def _corners(volume: highdicom.Volume) -> np.ndarray:
    ends = [(0, length - 1) for length in volume.spatial_shape]
    index = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    return index @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def test_a_side_is_seen_as_the_standard_has_it(web, series, path_of) -> None:
    """The hard thing is in front, on the left, below: seen in that place from every side."""
    path = path_of(series[0], "series")
    half = {"a": (1, 1), "p": (0, 1), "l": (0, 1), "r": (1, 1), "h": (0, 0), "f": (1, 0)}
    with web.client() as client:
        for side, (right, low) in half.items():
            query = f"orientation={side}&{_WINDOW}&viewport=100,100"
            found = _pixels(client.get(f"{path}/rendered3d?{query}", headers=_PNG))
            rows, columns = (found > 250).nonzero()
            assert (columns.mean() > found.shape[1] / 2) == bool(right), side
            assert (rows.mean() > found.shape[0] / 2) == bool(low), side
        plain = client.get(f"{path}/rendered3D?orientation=a&{_WINDOW}", headers=_PNG)
        assert _pixels(plain).shape == (58, 48)  # 46.8 by 38.4 mm


def test_what_a_view_is_made_with_is_told_and_makes_it_again(web, series, path_of) -> None:
    """Annex K: a side is told as a viewpoint, and that shows the same."""
    path = path_of(series[0], "series") + "/renderedmpr"
    with web.client() as client:
        told = _module(client, f"{path}?orientation=l&mprslab=4")
        assert told["00720510"] == ["MPR"]
        assert told["0070120D"] == ["AVERAGE_IP"]
        assert told["00701503"] == [4]
        assert told["00281056"] == ["LINEAR_EXACT"]
        position, look_at, up = (told[tag] for tag in ("00701603", "00701604", "00701605"))
        assert position[0] > look_at[0]
        assert position[1:] == look_at[1:]
        named = "&".join(
            f"{name}={','.join(map(str, point))}"
            for name, point in (
                ("viewpointposition", position),
                ("viewpointlookat", look_at),
                ("viewpointup", up),
            )
        )
        window = f"window={told['00281050'][0]},{told['00281051'][0]},linear-exact"
        again = client.get(f"{path}?{named}&mprslab=4&{window}", headers=_PNG)
        side = client.get(f"{path}?orientation=l&mprslab=4", headers=_PNG)
        assert (_pixels(again) == _pixels(side)).all()
        of_all = _module(client, path.replace("mpr", "3d") + "?renderingmethod=volume_rendered")
        assert of_all["00720510"] == ["3D_RENDERING"]
        assert "00281050" not in of_all


def test_a_swivel_is_a_picture_that_moves(web, series, path_of) -> None:
    """As many frames as steps in the range; the first one is the view itself."""
    path = path_of(series[0], "series") + f"/rendered3d?viewport=40,40&{_WINDOW}"
    with web.client() as client:
        answer = client.get(
            f"{path}&swivelrange=90&animationstepsize=30&animationrate=5",
            headers={"Accept": "image/gif"},
        )
        assert answer.status_code == 200
        moving = Image.open(io.BytesIO(answer.content))
        assert moving.n_frames == 3
        assert moving.info["duration"] == 200
        still = _pixels(client.get(path, headers=_PNG))
        assert np.abs(np.asarray(moving.convert("L")).astype(int) - still).max() <= 2
        told = _module(client, f"{path}&swivelrange=90")
        assert told["00701A06"] == [90]
        assert told["00701A05"] == [10]
        video = client.get(f"{path}&swivelrange=90", headers={"Accept": "video/mp4"})
        assert video.status_code == 406


def test_an_enhanced_image_is_a_volume_of_its_frames(web, path_of) -> None:
    """The same picture as of single slices; some of its frames, by their numbers."""
    data = _patient()
    slices = _series(data)
    whole = _enhanced(data)
    web.running.take_in(*slices, whole)
    tail = f"/renderedmpr?orientation=r&{_WINDOW}"
    with web.client() as client:
        single = _pixels(client.get(path_of(slices[0], "series") + tail, headers=_PNG))
        multi = _pixels(client.get(path_of(whole) + tail, headers=_PNG))
        assert (single == multi).all()
        some = f"{path_of(whole)}{tail}&volumeinputreference=1,2,3,4"
        few = client.get(some, headers=_PNG)
        assert _pixels(few).shape[0] < multi.shape[0]
        named = ",".join(str(each.SOPInstanceUID) for each in slices[:4])
        of_slices = f"{path_of(slices[0], 'series')}{tail}&volumeinputreference={named}"
        assert (_pixels(client.get(of_slices, headers=_PNG)) == _pixels(few)).all()
        beyond = client.get(f"{path_of(whole)}{tail}&volumeinputreference=25")
        assert beyond.status_code == 404


def _enhanced(data: np.ndarray) -> Dataset:
    made = make_instance(
        SOPClassUID=_ENHANCED_CT,
        FrameOfReferenceUID="1.2.99.5",
        NumberOfFrames=len(data),
        Rows=data.shape[1],
        Columns=data.shape[2],
    )

    def item(**attributes: Any) -> Dataset:
        ds = Dataset()
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
        return ds

    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=list(_SPACING), SliceThickness=_STEP)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=-24)],
    )
    made.SharedFunctionalGroupsSequence = [shared]
    made.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[
                item(ImagePositionPatient=[*_CORNER[:2], _CORNER[2] + number * _STEP])
            ]
        )
        for number in range(len(data))
    ]
    made.PixelData = (data + 24).astype("<u2").tobytes()
    return made


def test_a_view_is_known_again(web, series, path_of) -> None:
    """Until it is another one."""
    path = path_of(series[0], "series") + "/renderedmpr"
    with web.client() as client:
        etag = client.get(path + "?orientation=a").headers["etag"]
        again = client.get(path + "?orientation=a", headers={"If-None-Match": etag})
        assert again.status_code == 304
        other = client.get(path + "?orientation=p", headers={"If-None-Match": etag})
        assert other.status_code == 200


def test_a_view_through_a_patient_is_not_white_without_a_window(web, path_of) -> None:
    """The window of a CT of soft tissue is for its slices, and a cut has it. What all of it is seen
    with is told, is the same from each side, and makes the picture again.
    """
    made = _series(_patient() + 40, WindowCenter=40, WindowWidth=80)
    web.running.take_in(*made)
    path = path_of(made[0], "series")
    with web.client() as client:
        cut = _module(client, f"{path}/renderedmpr")
        assert (cut["00281050"], cut["00281051"]) == ([40], [80])
        assert (
            _pixels(client.get(f"{path}/rendered3d?window=40,80,linear", headers=_PNG)) == 255
        ).all()
        for method in ("maximum_ip", "minimum_ip", "average_ip"):
            view = f"{path}/rendered3d?renderingmethod={method}"
            told = _module(client, view)
            assert _module(client, f"{view}&orientation=l")["00281051"] == told["00281051"]
            greys = _pixels(client.get(view, headers=_PNG))
            assert (greys > 250).mean() < 0.2, method
            assert len(np.unique(greys)) > 50, method
            window = f"window={told['00281050'][0]},{told['00281051'][0]},linear-exact"
            again = _pixels(client.get(f"{view}&{window}", headers=_PNG))
            assert np.abs(again.astype(int) - greys).max() <= 1, method
        dense = f"{path}/rendered3d?renderingmethod=volume_rendered"
        assert len(np.unique(_pixels(client.get(dense, headers=_PNG)))) > 50


def test_a_picture_whose_size_nobody_says_takes_no_long_time(
    web, series, path_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many samples are taken and no more; whoever wants more pixels says how many."""
    path = path_of(series[0], "series") + "/rendered3d"
    with web.client() as client:
        whole = _pixels(client.get(path, headers=_PNG))
        monkeypatch.setattr("pacs_dicomweb.rendered.volumes._USUAL_SAMPLES", 20_000)
        small = _pixels(client.get(path + "?orientation=a", headers=_PNG))
        depth = 60  # steps of 0.8 mm through rows that are 1.2 mm apart
        assert 10_000 < small.size * depth <= 20_000
        assert whole.size > 4 * small.size
        asked = _pixels(client.get(path + "?viewport=58,58", headers=_PNG))
        assert asked.shape == (58, 47)


def test_words_are_written_into_a_view(web, series, path_of) -> None:
    path = path_of(series[0], "series") + f"/renderedmpr?{_WINDOW}&viewport=200,200"
    with web.client() as client:
        plain = _pixels(client.get(path, headers=_PNG))
        written = _pixels(client.get(path + "&annotation=patient", headers=_PNG))
    assert (plain != written).any()


def test_what_cannot_be_asked_for_is_400(web, series, path_of) -> None:
    """Each with what there is."""
    path = path_of(series[0], "series")
    for tail, reason in (
        ("renderedmpr?swivelrange=90", "not known"),
        ("rendered3d?mprslab=3", "not known"),
        ("renderedmpr?CardiacRRIntervalSpecified=1", "not known"),
        ("renderedmpr?renderingmethod=MAXIMUM_IP", "renderingmethod is one of"),
        ("renderedmpr?orientation=x", "orientation is one of"),
        ("renderedmpr?orientation=a&viewpointlookat=1,2,3", "not both"),
        ("renderedmpr?viewpointup=0,0,1", "takes viewpointposition"),
        ("renderedmpr?viewpointposition=1,2&viewpointlookat=1,2,3", "x,y,z"),
        ("renderedmpr?viewpointposition=1,2,3&viewpointlookat=1,2,3", "looks at"),
        ("renderedmpr?viewpointposition=1,2,inf&viewpointlookat=1,2,3", "numbers"),
        ("renderedmpr?mprslab=0", "above 0"),
        ("renderedmpr?mprslab=-1", "above 0"),
        ("rendered3d?animationrate=5", "swivelrange"),
        ("rendered3d?swivelrange=361", "at most 360"),
        ("rendered3d?swivelrange=10&animationstepsize=0.001", "at most 360 pictures"),
        ("renderedmpr?viewport=9,9,1,1,5,5", "width and height"),
        ("renderedmpr?volumeinputreference=3", "those of an instance"),
        ("renderedmpr?volumeinputreference=a", "UIDs of instances"),
        ("renderedmpr?renderedvolumetricmetadata=no", "is yes"),
    ):
        with web.client() as client:
            answer = client.get(f"{path}/{tail}")
            assert answer.status_code == 400, tail
            assert reason in answer.json()["detail"], tail


def test_what_is_no_volume_is_told(web, series, path_of) -> None:
    """406 with the reason, 404 for what is not there, 501 for volumetric states."""
    [twice] = _series(_patient()[:1])
    twice.StudyInstanceUID = series[0].StudyInstanceUID
    nowhere = make_instance()
    state = make_instance(SOPClassUID=_PLANAR_MPR)
    web.running.take_in(twice, nowhere, state)
    gone = generate_uid()
    with web.client() as client:
        for path, status, reason in (
            (path_of(series[0], "study") + "/renderedmpr", 406, "in one place"),
            (path_of(nowhere) + "/rendered3d", 406, "where it lies"),
            (path_of(state) + "/renderedmpr", 501, "volumetric presentation states"),
            (path_of(series[0], "series") + f"/renderedmpr?volumeinputreference={gone}", 404, "no"),
            (path_of(make_instance(), "series") + "/rendered3d", 404, "no such series"),
        ):
            answer = client.get(path)
            assert answer.status_code == status, path
            assert reason in answer.json()["detail"]


def test_more_than_there_is_room_for_is_413(pacs_archive, path_of) -> None:
    """Too many voxels, or samples; without a size, the picture is as small as it takes."""
    settings = {"plugin": {"dicomweb": {"rendered_megavoxels": 1}}}
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, settings=settings)
    small = _series(_patient())
    large = _series(np.zeros((17, 250, 250), int))
    web.running.take_in(*small, *large)
    with web.client() as client:
        refused = client.get(path_of(large[0], "series") + "/renderedmpr")
        assert refused.status_code == 413
        assert "rendered_megavoxels" in refused.json()["detail"]
        path = path_of(small[0], "series") + "/rendered3d"
        refused = client.get(path + "?viewport=2000,2000")
        assert refused.status_code == 413
        assert "smaller viewport" in refused.json()["detail"]
        assert (
            client.get(
                path + "?swivelrange=360&animationstepsize=1&viewport=90,90&accept=image/gif"
            ).status_code
            == 413
        )
        moving = client.get(path + "?swivelrange=360&animationstepsize=10&accept=image/gif")
        assert moving.status_code == 200


def test_a_volume_is_made_of_what_may_be_seen(pacs_archive, path_of) -> None:
    """Of a series in which two patients have slices, those of one, as if the others were not there:
    not by their names, and not in the window that is chosen.
    """
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, http={"login": "required"})
    slices = _series(_patient())
    for number, each in enumerate(slices):
        each.PatientID = "A" if number < 12 else "B"
    web.running.take_in(*slices)
    accounts = Accounts(web.running.archive.tables("http"))
    tokens = {
        name: {"Authorization": f"Bearer {accounts.create_token(name, ['viewer'], limits=limits)}"}
        for name, limits in (("all", ()), ("own", [Limit(patients=("A",))]))
    }
    view = path_of(slices[0], "series") + "/rendered3d?orientation=a"
    own, others = (
        ",".join(str(each.SOPInstanceUID) for each in half) for half in (slices[:12], slices[12:])
    )
    with web.client() as client:

        def seen(who: str, query: str = "") -> httpx.Response:
            return client.get(view + query, headers=_PNG | tokens[who])

        half = _pixels(seen("all", f"&volumeinputreference={own}"))
        for query in ("", f"&volumeinputreference={own},{others}"):
            assert (_pixels(seen("own", query)) == half).all()
        assert _pixels(seen("all")).shape != half.shape
        nowhere = seen("own", f"&volumeinputreference={generate_uid()}")
        hidden = seen("own", f"&volumeinputreference={others}")
        assert nowhere.status_code == hidden.status_code == 404
        assert nowhere.json()["detail"] == hidden.json()["detail"]


def test_one_volume_is_in_memory_at_a_time() -> None:
    """Who would have to wait for too long may ask again."""
    volumes = Volumes(wait=0.01)
    with volumes.turn(), pytest.raises(Problem) as raised, volumes.turn():
        raise AssertionError("two at a time")
    assert raised.value.status == 503
    assert dict(raised.value.headers)["Retry-After"]
    with volumes.turn():
        pass
