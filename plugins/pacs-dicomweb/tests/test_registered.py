"""Images of two spaces blended: by Spatial Registrations, and by states of another maker."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom.data
import pytest
from highdicom.pr import (
    AdvancedBlending,
    AdvancedBlendingPresentationState,
    BlendingDisplay,
    BlendingDisplayInput,
    SoftcopyVOILUTTransformation,
)
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from pacs_framework.testing.instances import make_instance

_BLENDING = "1.2.840.10008.5.1.4.1.1.11.4"
_REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.1"
_PNG = {"Accept": "image/png"}
_UNDER, _OVER = "1.2.99.1", "1.2.99.2"


def _item(**attributes: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def _slices(data: np.ndarray, study: str, space: str, step: float = 1.0) -> list[Dataset]:
    """Axial slices of ``data``, a millimetre for each pixel, from the origin up."""
    series = generate_uid()
    made = []
    for number, pixels in enumerate(data):
        ds = make_instance(
            SOPClassUID="1.2.840.10008.5.1.4.1.1.4",
            StudyInstanceUID=study,
            SeriesInstanceUID=series,
            FrameOfReferenceUID=space,
            ImagePositionPatient=[0, 0, number * step],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1, 1],
            SliceThickness=step,
            InstanceNumber=number + 1,
            Rows=pixels.shape[0],
            Columns=pixels.shape[1],
            PatientBirthDate="",
            PatientSex="",
            AccessionNumber="",
            StudyID="",
            StudyDate="",
            StudyTime="",
        )
        ds.PixelData = pixels.astype("<u2").tobytes()
        made.append(ds)
    return made


def _set(position: str, images: list[Dataset]) -> Dataset:
    references = [
        _item(ReferencedSOPClassUID=each.SOPClassUID, ReferencedSOPInstanceUID=each.SOPInstanceUID)
        for each in images
    ]
    series = _item(
        SeriesInstanceUID=images[0].SeriesInstanceUID,
        ReferencedImageSequence=Sequence(references),
    )
    window = _item(WindowCenter=128, WindowWidth=256)
    return _item(
        BlendingPosition=position,
        ReferencedSeriesSequence=Sequence([series]),
        SoftcopyVOILUTSequence=Sequence([window]),
    )


def _blended(under: list[Dataset], over: list[Dataset], registration: Dataset) -> Dataset:
    """``over`` in red instead of ``under``."""
    named = _item(
        ReferencedSOPClassUID=registration.SOPClassUID,
        ReferencedSOPInstanceUID=registration.SOPInstanceUID,
    )
    series = _item(
        SeriesInstanceUID=registration.SeriesInstanceUID, ReferencedSOPSequence=Sequence([named])
    )
    study = _item(
        StudyInstanceUID=registration.StudyInstanceUID, ReferencedSeriesSequence=Sequence([series])
    )
    made = make_instance(
        SOPClassUID=_BLENDING,
        StudyInstanceUID=str(under[0].StudyInstanceUID),
        BlendingSequence=Sequence([_set("UNDERLYING", under), _set("SUPERIMPOSED", over)]),
        RelativeOpacity=1.0,
        ReferencedSpatialRegistrationSequence=Sequence([study]),
    )
    for colour in ("Red", "Green", "Blue"):
        data = bytes(range(256)) if colour == "Red" else bytes(256)
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(made, f"{colour}PaletteColorLookupTableData", data)
    return made


def _registration(study: str, matrix: np.ndarray, kind: str = "RIGID", **more: Any) -> Dataset:
    """From the space of what is superimposed to that of what is below."""
    step = _item(
        FrameOfReferenceTransformationMatrix=[f"{each:.8f}" for each in matrix.flat],
        FrameOfReferenceTransformationMatrixType=kind,
    )
    by = _item(MatrixSequence=Sequence([step]))
    item = _item(FrameOfReferenceUID=_OVER, MatrixRegistrationSequence=Sequence([by]))
    return make_instance(
        SOPClassUID=_REGISTRATION,
        StudyInstanceUID=study,
        FrameOfReferenceUID=_UNDER,
        RegistrationSequence=Sequence([item]),
        **more,
    )


def _pixels(answer: Any) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def _smooth(shape: tuple[int, int, int]) -> np.ndarray:
    """Waves of some millimetres, from 0 to 255."""
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    return np.rint(127 + 120 * np.sin(x / 3) * np.cos(y / 4) * np.cos(z / 5)).astype(int)


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_a_registered_series_is_resampled_as_scipy_does_it(web, path_of, scale: float) -> None:
    """Turned around an oblique axis, moved, and for an atlas also scaled."""
    study = generate_uid()
    data = _smooth((16, 20, 24))
    [under] = _slices(np.zeros((1, 18, 22), int), study, _UNDER)
    under.ImagePositionPatient = [1, 2, 7]
    over = _slices(data, study, _OVER, step=1.25)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec([0.3, -0.2, 0.4]).as_matrix() * scale
    matrix[:3, 3] = 2, -3, 1
    kind = "RIGID" if scale == 1 else "RIGID_SCALE"
    registration = _registration(study, matrix, kind)
    state = _blended([under], over, registration)
    web.running.take_in(under, *over, registration, state)
    with web.client() as client:
        found = _pixels(client.get(path_of(state) + "/rendered", headers=_PNG))
        etag = client.get(path_of(state) + "/rendered", headers=_PNG).headers["etag"]
    rows, columns = np.mgrid[:18, :22]
    points = np.stack([columns + 1.0, rows + 2.0, np.full(rows.shape, 7.0)], axis=-1)
    inverse = np.linalg.inv(matrix)
    x, y, z = np.moveaxis(points @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    expected = map_coordinates(data.astype(float), [z / 1.25, y, x], order=1, mode="nearest")
    inside = (x > 0) & (x < 23) & (y > 0) & (y < 19) & (z > 0) & (z < 15 * 1.25)
    assert inside.sum() > 150
    assert np.abs(found[..., 0] - expected)[inside].max() <= 1.5
    far = (x < -1) | (x > 24) | (y < -1) | (y > 20) | (z < -1) | (z > 16 * 1.25)
    assert not found[far].any()
    assert etag


def test_a_registration_in_the_plane_moves_a_slice(web, path_of) -> None:
    """Parallel slices are taken as they are, where they lie by the registration."""
    study = generate_uid()
    [under] = _slices(np.zeros((1, 8, 8), int), study, _UNDER)
    over = _slices(np.arange(64).reshape(1, 8, 8) * 3, study, _OVER)
    matrix = np.eye(4)
    matrix[:3, 3] = 2, 1, 0
    registration = _registration(study, matrix)
    state = _blended([under], over, registration)
    web.running.take_in(under, *over, registration, state)
    with web.client() as client:
        found = _pixels(client.get(path_of(state) + "/rendered", headers=_PNG))
    assert (
        abs(found[1:, 2:, 0].astype(int) - (np.arange(64).reshape(8, 8) * 3)[:7, :6]) <= 1
    ).all()
    assert not found[0].any()
    assert not found[:, :2].any()


def test_a_registration_that_is_not_here_or_no_use_is_told(web, path_of) -> None:
    """404 and 406: without it, the picture would be another one."""
    study = generate_uid()
    [under] = _slices(np.zeros((1, 8, 8), int), study, _UNDER)
    over = _slices(np.zeros((1, 8, 8), int), study, _OVER)
    gone = _registration(study, np.eye(4))
    elastic = _registration(study, np.eye(4), "ELASTIC")
    elsewhere = _registration(study, np.eye(4))
    elsewhere.RegistrationSequence[0].FrameOfReferenceUID = "1.2.99.3"
    states = [_blended([under], over, each) for each in (gone, elastic, elsewhere)]
    web.running.take_in(under, *over, elastic, elsewhere, *states)
    with web.client() as client:
        for state, status, reason in zip(
            states,
            (404, 406, 406),
            ("spatial registration that", "not what it has to be", "frames of reference"),
            strict=True,
        ):
            answer = client.get(path_of(state) + "/rendered")
            assert answer.status_code == status
            assert reason in answer.json()["detail"]


def test_a_state_of_highdicom_is_blended(web, path_of, parts_of) -> None:
    """An Advanced Blending Presentation State that another implementation has made."""
    study = generate_uid()
    lower, upper = np.full((2, 8, 8), 100), np.full((2, 8, 8), 200)
    under, over = (_slices(data, study, _UNDER) for data in (lower, upper))
    window = SoftcopyVOILUTTransformation(window_center=128, window_width=256)
    blending = [
        AdvancedBlending(
            referenced_images=images,
            blending_input_number=number,
            voi_lut_transformations=[window],
            palette_color_lut_transformation=_ramp(colour),
        )
        for number, (images, colour) in enumerate(((under, 0), (over, 2)), start=1)
    ]
    display = BlendingDisplay(
        blending_mode="FOREGROUND",
        blending_display_inputs=[BlendingDisplayInput(1), BlendingDisplayInput(2)],
        relative_opacity=0.4,
    )
    state = AdvancedBlendingPresentationState(
        referenced_images=[*under, *over],
        blending=blending,
        blending_display=[display],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="highdicom",
        manufacturer_model_name="highdicom",
        software_versions=highdicom.__version__,
        device_serial_number="1",
        content_label="BLENDED",
    )
    web.running.take_in(*under, *over, state)
    with web.client() as client:
        accepted = {"Accept": "multipart/related; type=image/png"}
        answer = client.get(path_of(state) + "/rendered?iccprofile=no", headers=accepted)
        assert answer.status_code == 200, answer.text
        pictures = [np.asarray(Image.open(io.BytesIO(body))) for _, body in parts_of(answer)]
    assert len(pictures) == 2
    for each in pictures:
        assert np.abs(each.astype(int) - (40, 0, 120)).max() <= 1


def _ramp(colour: int) -> highdicom.PaletteColorLUTTransformation:
    ramp, none = np.arange(256, dtype=np.uint8), np.zeros(256, np.uint8)
    tables = [
        highdicom.PaletteColorLUT(0, ramp if number == colour else none, color=name)
        for number, name in enumerate(("red", "green", "blue"))
    ]
    return highdicom.PaletteColorLUTTransformation(*tables)


def test_a_real_slice_upon_itself_is_itself(web, path_of) -> None:
    """Of a CT: registered where it is already, it changes nothing."""
    file = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
    ct = dcmread(file)
    study = str(ct.StudyInstanceUID)
    over = dcmread(file)
    over.SOPInstanceUID = over.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    over.SeriesInstanceUID = generate_uid()
    over.FrameOfReferenceUID, ct.FrameOfReferenceUID = _OVER, _UNDER
    registration = _registration(study, np.eye(4), PatientID=str(ct.PatientID))
    state = _blended([ct], [over], registration)
    state.PatientID = str(ct.PatientID)
    for each in state.BlendingSequence:
        each.RescaleIntercept, each.RescaleSlope = -1024, 1
        each.SoftcopyVOILUTSequence = Sequence([_item(WindowCenter=40, WindowWidth=400)])
    web.running.take_in(ct, over, registration, state)
    with web.client() as client:
        plain = _pixels(client.get(path_of(ct) + "/rendered?window=40,400", headers=_PNG))
        found = _pixels(client.get(path_of(state) + "/rendered", headers=_PNG))
    assert (abs(found[..., 0].astype(int) - plain) <= 1).all()
