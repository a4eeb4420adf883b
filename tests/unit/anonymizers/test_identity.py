"""Persons are found by their values, wherever these ended up."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_framework.anonymizers.identity import Identity, names_a_person


def jane(**elements: object) -> Dataset:
    dataset = Dataset()
    dataset.Modality = "CT"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "P-1047"
    dataset.PatientBirthDate = "19700412"
    dataset.OperatorsName = ["Lee^Ann", "Ng^Bo"]
    dataset.StudyID = "12"
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def left(before: Dataset, **after: object) -> set[str]:
    """The keywords that keep a value when ``before`` tells who is meant."""
    answer = Dataset()
    for keyword, value in after.items():
        setattr(answer, keyword, value)
    Identity(before).blank_in(answer)
    return {element.keyword for element in answer if not element.is_empty}


@pytest.mark.parametrize(
    "text",
    [
        "Doe, Jane: follow-up",
        "CT OF DOE",
        "jane_doe_1",
        "patient P-1047",
        "see xp-1047x",
        "born 19700412",
        "read by Lee",
    ],
)
def test_a_text_that_names_somebody_is_emptied(text: str) -> None:
    """Whatever attribute it stands in; the element stays."""
    assert left(jane(), StudyDescription=text) == set()
    answer = Dataset()
    answer.StudyDescription = text
    Identity(jane()).blank_in(answer)
    assert "StudyDescription" in answer


@pytest.mark.parametrize(
    "text", ["thorax", "does it hurt", "janet", "sleep study", "P-104", "Bo", "12 slices"]
)
def test_a_text_that_names_nobody_stays(text: str) -> None:
    """Short words count as a whole only, initials and short numbers not at all."""
    assert left(jane(), StudyDescription=text) == {"StudyDescription"}


def test_long_words_are_found_inside_of_others() -> None:
    assert left(jane(PatientName="Miller^Jo"), ProtocolName="CTMILLER1") == set()


@pytest.mark.parametrize("text", ["山田さん", "太郎", "Yamada"])
def test_names_are_found_in_every_script(text: str) -> None:
    """However short: an ideograph is a word."""
    before = jane(PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう")
    assert left(before, PatientComments=text) == set()


def test_names_are_compared_as_they_are() -> None:
    """A pseudonym may have the name of somebody else: of an operator, a street, a hospital."""
    kept = left(jane(), PatientName="Lee^Mary", OperatorsName="Doe^Ann", PersonName="Lee^Ann")
    assert kept == {"PatientName", "OperatorsName", "PersonName"}
    assert left(jane(), PatientName="DOE^JANE^", OperatorsName="Ng^Bo") == set()
    assert left(jane(PatientName="A^B=山田^太郎"), PatientName="X^Y=山田^太郎") == set()


def test_short_numbers_and_dates_are_compared_in_their_attributes() -> None:
    assert left(jane(), StudyID="12", PatientBirthDate="19700412") == set()
    assert left(jane(), StudyID="13", SeriesNumber="12", StudyDate="19700412") == {
        "StudyID",
        "SeriesNumber",
        "StudyDate",
    }


def test_who_gives_the_numbers_is_compared_too_and_may_stand_in_texts() -> None:
    before = jane(IssuerOfPatientID="MERCY")
    assert left(before, IssuerOfPatientID="MERCY", StudyDescription="mercy protocol") == {
        "StudyDescription"
    }


def test_it_finds_them_at_every_depth_and_in_every_value() -> None:
    before, answer = jane(PatientName="Nobody"), Dataset()
    item, inner = Dataset(), Dataset()
    item.OtherPatientIDs = ["X-1", "Q-77012"]
    before.RequestAttributesSequence = [item]
    inner.ImageComments = "of Q-77012"
    inner.OtherPatientIDs = ["new", "X-1"]
    answer.SourceImageSequence = [Dataset()]
    answer.SourceImageSequence[0].DerivationImageSequence = [inner]
    Identity(before).blank_in(answer)
    assert inner["ImageComments"].is_empty
    assert inner["OtherPatientIDs"].is_empty


def test_what_an_image_cannot_do_without_is_left_alone() -> None:
    """Somebody may be called so."""
    before = jane(PatientName="PRIMARY^MONOCHROME2", PatientID="YES")
    assert left(before, ImageType=["PRIMARY"], PatientIdentityRemoved="YES") == {
        "ImageType",
        "PatientIdentityRemoved",
    }


def test_a_name_with_a_vr_that_is_none_is_found_too() -> None:
    before, answer = Dataset(), Dataset()
    for dataset in (before, answer):
        dataset.add_new(0x00100010, "LO", "Doe^Jane")
    Identity(before).blank_in(answer)
    assert answer[0x00100010].is_empty


@pytest.mark.parametrize(
    ("keyword", "names"),
    [
        ("PatientName", True),
        ("ReferringPhysicianTelephoneNumbers", True),
        ("FillerOrderNumberImagingServiceRequest", True),
        ("PerformedProcedureStepID", True),
        ("StudyDate", False),
        ("StationName", False),
        ("Rows", False),
    ],
)
def test_attributes_tell_whether_they_name_a_person(keyword: str, names: bool) -> None:
    assert names_a_person(tag_for_keyword(keyword)) is names
