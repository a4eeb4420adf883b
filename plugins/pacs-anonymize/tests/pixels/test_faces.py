"""Clean Recognizable Visual Features: a defacer does it, or heads are refused (PS3.15 E.3.2)."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest
from pydicom import Dataset

from pacs_anonymize.pixels import faces
from pacs_anonymize.pixels.options import PixelOption
from pacs_anonymize.profiles.known import profile_named
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet, PixelWork
from pacs_framework.codecs.codec import Frame
from pacs_framework.errors import ConfigurationError, NotAnonymized
from pacs_framework.testing.instances import make_instance

KEY = b"a key of thirty-two bytes or so."
FACES = PixelOption.CLEAN_RECOGNIZABLE_VISUAL_FEATURES


def image(modality: str, part: str | None) -> Dataset:
    dataset = make_instance(Modality=modality, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    del dataset.PixelData
    if part is not None:
        dataset.BodyPartExamined = part
    return dataset


class FrontOff:
    """A defacer as a package of its own would have it: the front of the head becomes air."""

    def work(self, dataset: Dataset) -> PixelWork:
        if dataset.get("Modality") != "CT":
            raise NotAnonymized("only heads in CT can be defaced")
        return PixelWork(change=front_off, done="the front third became air")


def front_off(frame: Frame, _number: int) -> Frame:
    pixels = frame.pixels
    front = pixels.rows // 3 * pixels.columns * pixels.bits_allocated // 8
    return replace(frame, data=bytes(front) + bytes(frame.data)[front:])


@pytest.fixture
def front_off_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("front-off", f"{__name__}:FrontOff", faces.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda _self: FrontOff)
    monkeypatch.setattr(faces, "entry_points", lambda *, group: [point] if group else [])
    faces.defacer_named.cache_clear()
    yield
    faces.defacer_named.cache_clear()


@pytest.mark.parametrize(
    ("modality", "part", "expected"),
    [
        ("CT", "HEAD", True),
        ("MR", "BRAIN", True),
        ("PT", None, True),
        ("CT", "", True),
        ("CT", "NECK", True),
        ("CT", "WHOLEBODY", True),
        ("CT", "CHEST", False),
        ("MR", "knee", False),
        ("CR", "SKULL", False),
        ("US", None, False),
        ("XC", "HAND", True),
    ],
)
def test_a_face_may_be_in_whatever_is_not_known_to_be_below_it(
    modality: str, part: str | None, expected: bool
) -> None:
    assert faces.may_show_a_face(image(modality, part)) is expected


def test_without_a_defacer_heads_are_refused() -> None:
    anonymizer = profile_named("basic", AnonymizeSettings()).with_options([FACES]).anonymizer(KEY)
    with pytest.raises(NotAnonymized, match="the profile names no defacer"):
        anonymizer.anonymize(image("CT", "HEAD"))


def test_what_shows_no_face_says_so() -> None:
    anonymizer = profile_named("basic", AnonymizeSettings()).with_options([FACES]).anonymizer(KEY)
    answer = anonymizer.anonymize(image("CT", "CHEST"))
    assert isinstance(answer, Dataset)
    assert answer.RecognizableVisualFeatures == "NO"
    codes = [str(each.CodeValue) for each in answer.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113102"]


@pytest.mark.usefixtures("front_off_installed")
def test_a_defacer_changes_the_frames() -> None:
    loaded = profile_named("basic", AnonymizeSettings()).with_options(
        [FACES, PixelOption.CLEAN_PIXEL_DATA]
    )
    anonymizer = loaded.with_defacer("front-off").anonymizer(KEY)
    answer = anonymizer.anonymize(image("CT", "HEAD"))
    assert isinstance(answer, AnonymousDataSet)
    assert answer.pixels.change is front_off
    codes = [str(each.CodeValue) for each in answer.dataset.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113101", "113102"]
    with pytest.raises(NotAnonymized, match="only heads in CT"):
        anonymizer.anonymize(image("MR", "HEAD"))


def test_a_defacer_that_is_not_installed_is_told_before_the_first_instance() -> None:
    loaded = profile_named("basic", AnonymizeSettings()).with_options([FACES])
    with pytest.raises(ConfigurationError, match="no defacer is called 'mri-deface'"):
        loaded.with_defacer("mri-deface").anonymizer(KEY)
