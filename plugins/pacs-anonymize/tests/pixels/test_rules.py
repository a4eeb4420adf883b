"""Rules for pixels: what they may say, which image each is for, and what no rule is for."""

from __future__ import annotations

import pickle

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from pacs_anonymize.engine.changes import Change
from pacs_anonymize.engine.options import Option
from pacs_anonymize.pixels.anonymizer import PixelCleaner
from pacs_anonymize.pixels.known import pixel_rules, read_pixel_document
from pacs_anonymize.pixels.options import PixelOption
from pacs_anonymize.pixels.rules import rules_of, work_for
from pacs_anonymize.profiles.known import profile_named
from pacs_anonymize.profiles.problems import UnreadableProfile
from pacs_anonymize.profiles.reading import load_profile
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet, Region, data_set_of
from pacs_framework.errors import ConfigurationError, NotAnonymized
from pacs_framework.testing.instances import make_instance

KEY = b"a key of thirty-two bytes or so."
US = "1.2.840.10008.5.1.4.1.1.6.1"

SITE = """
description = "Our scanners"

[[pixels]]
name = "a name in the upper left"
when = 'ManufacturerModelName == "SONO 7" and Rows == 480'
blank = [[0, 0, 200, 20], [300, 0, 100, 20]]
frames = "1-2,5"

[[pixels]]
when = 'ManufacturerModelName contains "sono"'
keep = [[10, 20, 300, 200]]

[[pixels]]
when = 'Modality == "OT"'
refuse = "may be anything"

[[pixels]]
when = 'Modality == "CT"'
clean = true
why = "we looked"
"""


def image(**attributes: object) -> Dataset:
    dataset = make_instance(Modality="US", Rows=480, Columns=640, **attributes)
    del dataset.PixelData
    return dataset


def rules(text: str = SITE):
    return rules_of(read_pixel_document(text, "site.toml").pixels)


def test_the_first_rule_that_fits_counts() -> None:
    rule, work = work_for(image(ManufacturerModelName="SONO 7"), rules())
    assert rule.name == "a name in the upper left"
    frames = frozenset({1, 2, 5})
    assert work is not None
    assert work.regions == (
        Region(left=0, top=0, width=200, height=20, frames=frames),
        Region(left=300, top=0, width=100, height=20, frames=frames),
    )


def test_what_is_kept_has_everything_around_it_made_black() -> None:
    rule, work = work_for(image(ManufacturerModelName="SonoSite"), rules())
    assert rule.name == "pixel rule 2"
    assert work is not None
    black = sum(each.width * each.height for each in work.regions)
    assert black == 640 * 480 - 300 * 200


def test_a_rule_that_vouches_leaves_the_pixels_as_they_are() -> None:
    dataset = image()
    dataset.Modality = "CT"
    assert work_for(dataset, rules())[1] is None


def test_a_rule_that_refuses_tells_its_reason() -> None:
    dataset = image()
    dataset.Modality = "OT"
    with pytest.raises(NotAnonymized, match="may be anything"):
        work_for(dataset, rules())


def test_an_image_that_no_rule_is_for_is_refused() -> None:
    with pytest.raises(NotAnonymized, match="no pixel rule is for this kind of image"):
        work_for(image(), rules())


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("", "a rule has some of blank"),
        ("clean = true\nrefuse = 'no'", "a rule has some of blank"),
        ("clean = true\nblank = [[0, 0, 1, 1]]", "a rule has some of blank"),
        ("blank = [[0, 0, 0, 1]]", "is no rectangle"),
        ("blank = [[0, 0, 1]]", "pixels 1, blank 1"),
        ("blank = [[0, 0, 1, 1]]\nframes = '0-2'", "are no frames"),
        ("blank = [[0, 0, 1, 1]]\nframes = '3-2'", "are no frames"),
        ("keep = [[0, 0, 1, 1]]\nframes = '1'", "there is none"),
        ("keep = [[0, 0, 1, 1]]\nkeep_ultrasound_regions = true", "exclude each other"),
        ("clean = true\nwhen = 'Modalty == \"CT\"'", "did you mean 'Modality'"),
        ("clean = true\ncolour = 1", "not known here"),
    ],
)
def test_a_rule_that_cannot_be_is_told_with_its_place(rule: str, problem: str) -> None:
    with pytest.raises(UnreadableProfile, match=problem):
        read_pixel_document(f"[[pixels]]\n{rule}", "site.toml")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("blank = [[640, 0, 10, 10], [0, 480, 10, 10]]", "none of the rectangles to make black"),
        ("keep = [[700, 0, 10, 10]]", "none of the rectangles to keep is inside of the image"),
        ("blank = [[0, 0, 10, 10]]\nframes = '4,9'", "for frames 4,9, and the image has 3"),
    ],
)
def test_a_rule_that_names_nothing_of_an_image_is_not_taken_for_done(
    rule: str, problem: str
) -> None:
    """The image would be said to be clean, or be black all over: the rule is for other images."""
    with pytest.raises(NotAnonymized, match=problem):
        work_for(image(NumberOfFrames=3), rules(f"[[pixels]]\n{rule}"))


def test_what_of_a_rule_is_beyond_the_image_counts_for_nothing() -> None:
    text = "[[pixels]]\nblank = [[630, 470, 100, 100], [900, 0, 10, 10]]\nframes = '3-9'"
    _, work = work_for(image(NumberOfFrames=3), rules(text))
    assert work is not None
    assert [work.touches(frame, 640, 480) for frame in (2, 3)] == [False, True]


# --- ultrasound regions ---------------------------------------------------------------------------


def region(spatial_format: int, left: int, top: int, right: int, bottom: int) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat = spatial_format
    item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
    return item


def test_the_standard_rules_keep_the_ultrasound_regions_with_their_corners() -> None:
    dataset = image(SOPClassUID=US)
    dataset.SequenceOfUltrasoundRegions = Sequence(
        [region(1, 10, 50, 109, 249), region(3, 10, 300, 209, 399), region(5, 0, 0, 639, 40)]
    )
    rule, work = work_for(dataset, pixel_rules(()))
    assert rule.name == "ultrasound with described regions"
    assert work is not None
    black = sum(each.width * each.height for each in work.regions)
    assert black == 640 * 480 - 100 * 200 - 200 * 100


@pytest.mark.parametrize(
    ("right", "bottom", "taken"),
    [(639, 400, True), (640, 400, True), (641, 400, False), (100, 482, False), (2**31, 9, False)],
)
def test_regions_that_reach_beyond_the_image_are_of_another_one(
    right: int, bottom: int, taken: bool
) -> None:
    """But for the devices that count columns and rows from 1."""
    dataset = image(SOPClassUID=US)
    dataset.SequenceOfUltrasoundRegions = Sequence([region(1, 10, 2, right, bottom)])
    if taken:
        assert work_for(dataset, pixel_rules(()))[1] is not None
        return
    with pytest.raises(NotAnonymized, match="reaches beyond the 640 × 480 pixels"):
        work_for(dataset, pixel_rules(()))


def test_regions_that_are_the_whole_picture_do_not_tell_where_text_is() -> None:
    """Unless the image says itself that there is none."""
    dataset = image(SOPClassUID=US)
    dataset.SequenceOfUltrasoundRegions = Sequence(
        [region(1, 0, 0, 639, 199), region(3, 0, 200, 639, 479)]
    )
    with pytest.raises(NotAnonymized, match="are the whole picture"):
        work_for(dataset, pixel_rules(()))
    dataset.BurnedInAnnotation = "NO"
    _, work = work_for(dataset, pixel_rules(()))
    assert work is not None
    assert work.regions == ()


@pytest.mark.parametrize("regions", [[], [region(5, 0, 0, 9, 9)], [Dataset()]])
def test_without_a_region_of_image_data_ultrasound_is_refused(regions: list[Dataset]) -> None:
    dataset = image(SOPClassUID=US)
    dataset.SequenceOfUltrasoundRegions = Sequence(regions)
    with pytest.raises(NotAnonymized):
        work_for(dataset, pixel_rules(()))


@pytest.mark.parametrize(
    ("modality", "image_type", "more", "outcome"),
    [
        ("CT", ["ORIGINAL", "PRIMARY", "AXIAL"], {}, "clean"),
        ("CT", ["ORIGINAL", "PRIMARY", "LOCALIZER"], {}, "refused"),
        ("CT", ["DERIVED", "SECONDARY", "SCREEN SAVE"], {"BurnedInAnnotation": "NO"}, "refused"),
        ("CT", ["DERIVED", "SECONDARY"], {}, "refused"),
        ("MR", ["ORIGINAL", "PRIMARY", "M", "ND"], {"BurnedInAnnotation": "YES"}, "refused"),
        ("US", ["ORIGINAL", "PRIMARY"], {}, "refused"),
        ("US", ["ORIGINAL", "PRIMARY"], {"BurnedInAnnotation": "NO"}, "clean"),
        ("OT", [], {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "refused"),
    ],
)
def test_the_standard_rules_vouch_only_for_what_dicom_tells(
    modality: str, image_type: list[str], more: dict[str, str], outcome: str
) -> None:
    dataset = image()
    dataset.Modality, dataset.ImageType = modality, image_type
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    try:
        _, work = work_for(dataset, pixel_rules(()))
        found = "clean" if work is None else "blanked"
    except NotAnonymized:
        found = "refused"
    assert found == outcome


# --- what an instance says of itself --------------------------------------------------------------


def codes(dataset: Dataset) -> list[str]:
    return [str(each.CodeValue) for each in dataset.DeidentificationMethodCodeSequence]


def site_profile():
    head = 'options = ["clean-pixel-data", "retain-uids"]\n'
    return load_profile(head + SITE, "site", "site.toml")


def test_what_was_done_is_claimed_and_the_annotation_is_no_more() -> None:
    answer = site_profile().anonymizer(KEY).anonymize(image(ManufacturerModelName="SONO 7"))
    assert isinstance(answer, AnonymousDataSet)
    assert len(answer.pixels.regions) == 2
    assert codes(answer.dataset) == ["113100", "113101", "113110"]
    assert answer.dataset.BurnedInAnnotation == "NO"


def test_what_is_vouched_for_is_claimed_without_work() -> None:
    dataset = image()
    dataset.Modality = "CT"
    answer = site_profile().anonymizer(KEY).anonymize(dataset)
    assert isinstance(answer, Dataset)
    assert "113101" in codes(answer)


def test_an_object_without_pixels_claims_nothing_of_them() -> None:
    report = image()
    del report.Rows, report.Columns
    answer = data_set_of(site_profile().anonymizer(KEY).anonymize(report))
    assert codes(answer) == ["113100", "113110"]
    assert "BurnedInAnnotation" not in answer


def test_without_the_option_nothing_is_claimed_and_no_pixel_changes() -> None:
    answer = profile_named("basic", AnonymizeSettings()).anonymizer(KEY).anonymize(image())
    assert isinstance(answer, Dataset)
    assert codes(answer) == ["113100"]


def test_text_in_unused_bits_of_pixels_is_refused() -> None:
    dataset = image(ManufacturerModelName="SONO 7")
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)
    with pytest.raises(NotAnonymized, match="embedded in unused bits"):
        site_profile().anonymizer(KEY).anonymize(dataset)


def test_the_report_says_what_is_done_to_the_pixels() -> None:
    changes: list[Change] = []
    site_profile().anonymizer(KEY, changes.append).anonymize(image(ManufacturerModelName="SONO 7"))
    (told,) = [each for each in changes if each.keyword == "PixelData"]
    assert told.rule == "a name in the upper left"
    assert told.after == (
        "made black: 200 × 20 pixels at column 0 of row 0; 100 × 20 pixels at column 300 of row 0, "
        "blank in frames 1-2,5"
    )


def test_anonymizers_that_work_on_pixels_go_to_other_processes() -> None:
    anonymizer = pickle.loads(pickle.dumps(site_profile().anonymizer(KEY)))
    assert isinstance(anonymizer, PixelCleaner)
    answer = anonymizer.anonymize(image(ManufacturerModelName="SonoSite"))
    assert isinstance(answer, AnonymousDataSet)
    assert pickle.loads(pickle.dumps(answer.pixels)) == answer.pixels


def test_rules_in_a_profile_need_the_option() -> None:
    with pytest.raises(ConfigurationError, match="needs clean-pixel-data among the options"):
        load_profile(SITE, "site", "site.toml")


def test_files_take_the_place_of_the_standard_rules_and_bring_the_option(tmp_path) -> None:
    (tmp_path / "ours.toml").write_text(SITE, "utf-8")
    settings = AnonymizeSettings.model_validate(
        {"profiles": {"us": {"options": ["retain-uids"], "pixel_rules": [tmp_path / "ours.toml"]}}}
    )
    loaded = profile_named("us", settings)
    assert Option.RETAIN_UIDS in loaded.profile.options
    assert loaded.pixels.options == {PixelOption.CLEAN_PIXEL_DATA}
    assert len(loaded.pixels.rules) == 4
    dataset = image(BurnedInAnnotation="NO")
    with pytest.raises(NotAnonymized, match="no pixel rule"):
        loaded.anonymizer(KEY).anonymize(dataset)
    both = loaded.with_pixel_rules(["standard"])
    assert "113101" in codes(data_set_of(both.anonymizer(KEY).anonymize(dataset)))
