"""What is done around the library of somebody, whichever it is."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pydicom import Dataset

from pacs_framework.anonymizers.burned_in import BurnedIn
from pacs_framework.anonymizers.library import LibraryAnonymizer
from pacs_framework.dicom.rewrite import encode_header, load_header
from pacs_framework.errors import NotAnonymized
from pacs_framework.testing.arrivals import encoded, mr_image

EXPLICIT = "1.2.840.10008.1.2.1"


def nothing(_: Dataset) -> None:
    """A library that forgets everything."""


@dataclass(frozen=True, kw_only=True)
class Around(LibraryAnonymizer):
    library: Callable[[Dataset], None] = nothing

    def run(self, dataset: Dataset, key: bytes) -> str:
        assert key == b"secret"
        self.library(dataset)
        return "by a test"


def around(
    library: Callable[[Dataset], None] = nothing, burned_in: BurnedIn = BurnedIn.REFUSE_YES
) -> Around:
    return Around(library=library, burned_in=burned_in, key=b"secret")


def answer(library: Callable[[Dataset], None] = nothing, **elements: object) -> Dataset:
    image = mr_image(**elements)
    del image.PixelData
    dataset = load_header(encoded(image), EXPLICIT)
    return around(library).anonymize(dataset)


def test_the_answer_says_what_was_done() -> None:
    """Behind what was done before (PS3.15 E.1.1)."""
    once = answer()
    assert (once.PatientIdentityRemoved, once.DeidentificationMethod) == ("YES", "by a test")
    more = answer(DeidentificationMethod=["first", "second"])
    assert list(more.DeidentificationMethod) == ["first", "second", "by a test"]
    assert answer(DeidentificationMethod="by a test").DeidentificationMethod == "by a test"


def test_what_the_library_leaves_names_nobody() -> None:
    """In their attributes and in texts; what names nobody stays."""
    made = answer(StudyDescription="MR of DOE", SeriesDescription="T2", StudyID="4711")
    assert (made.PatientName, made.PatientID) == ("", "")
    assert (made.StudyDescription, made.StudyID, made.SeriesDescription) == ("", "", "T2")


def test_private_unknown_and_void_elements_are_gone_before_the_library_comes() -> None:
    """At every depth; group lengths count bytes that will be others."""
    seen: list[set[int]] = []
    image, item = mr_image(), Dataset()
    del image.PixelData
    for dataset in (image, item):
        dataset.private_block(0x0029, "HOUSE", create=True).add_new(1, "LO", "Doe^Jane")
        dataset.add_new(0x0010FFF0, "LO", "Doe^Jane")  # in no dictionary
        dataset.add_new(0x00291001, "SQ", [Dataset()])
        dataset.add_new(0x00080000, "UL", 100)
        dataset.add_new(0x0040A730, "LO", "no sequence of content")
    item.Modality = "MR"
    image.RequestAttributesSequence = [item]
    image.EncryptedAttributesSequence = [Dataset()]
    image.add_new(0x60003000, "OW", b"\0\1")  # an overlay is in the dictionary with a mask
    answer_ = around(lambda dataset: seen.append({*dataset.keys()})).anonymize(
        load_header(encoded(image), EXPLICIT)
    )
    (before,) = seen
    assert not [tag for tag in before if tag >> 16 & 1]
    assert before.isdisjoint({0x0010FFF0, 0x00080000, 0x0040A730, 0x04000500})
    assert 0x60003000 in before
    assert set(answer_.RequestAttributesSequence[0].keys()) == {0x00080060}


def test_a_private_value_that_cannot_be_decoded_does_not_stop_the_instance() -> None:
    """It goes in any case."""
    dataset = load_header(b"\x29\0\x01\x10US\3\0\1\2\3" + b"\x29\0\x02\x10ZZ\2\0\1\2", EXPLICIT)
    assert {*around().anonymize(dataset).keys()} == {0x00120062, 0x00120063}


def test_documents_are_taken_out() -> None:
    """Nobody here can read what they say; that their page shows text is then no matter."""
    made = answer(EncapsulatedDocument=b"%PDF Doe^Jane", BurnedInAnnotation="YES")
    assert made.EncapsulatedDocument == b"\0\0"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyDate", "20260102"),
        ("StudyDate", "2026.01.02"),
        ("StudyTime", "101112.123456"),
        ("StudyTime", "10"),
        ("StudyTime", "10:11:12"),
        ("AcquisitionDateTime", "20260102"),
        ("AcquisitionDateTime", "2026010210"),
        ("AcquisitionDateTime", "20260102101112.5+0100"),
        ("StudyDate", ["20260102", "20260103"]),
    ],
)
def test_whole_dates_come_to_the_library(keyword: str, value: object) -> None:
    assert answer(**{keyword: value})[keyword].value == value


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("StudyDate", "20260230"),
        ("StudyDate", "00010101"),
        ("StudyDate", "202601"),
        ("StudyDate", "2026.0102"),
        ("StudyDate", "20260102-20260104"),
        ("StudyTime", "24"),
        ("StudyTime", "late"),
        ("AcquisitionDateTime", "2026"),
        ("AcquisitionDateTime", "20260102+0100"),
        ("AcquisitionDateTime", "2026010224"),
        ("AcquisitionDateTime", "noon"),
        ("StudyDate", ["20260102", "tomorrow"]),
    ],
)
def test_dates_that_cannot_be_moved_are_emptied(keyword: str, value: object) -> None:
    """Libraries fail on them, or guess what is missing from today's date."""
    assert answer(**{keyword: value})[keyword].is_empty


@pytest.mark.parametrize(
    ("policy", "value", "refused"),
    [
        (BurnedIn.REFUSE_YES, "YES", True),
        (BurnedIn.REFUSE_YES, "NO", False),
        (BurnedIn.REFUSE_YES, None, False),
        (BurnedIn.REFUSE_UNLESS_NO, "YES", True),
        (BurnedIn.REFUSE_UNLESS_NO, None, True),
        (BurnedIn.REFUSE_UNLESS_NO, "NO", False),
        (BurnedIn.ACCEPT, "YES", False),
    ],
)
def test_pixels_that_show_a_name_are_refused_as_is_wanted(
    policy: BurnedIn, value: str | None, refused: bool
) -> None:
    image = mr_image(BurnedInAnnotation=value)
    del image.PixelData
    anonymizer = around(burned_in=policy)
    if not refused:
        assert anonymizer.anonymize(image).PatientIdentityRemoved == "YES"
        return
    with pytest.raises(NotAnonymized, match=r"Burned In Annotation \(0028,0301\)"):
        anonymizer.anonymize(image)


def test_without_a_key_nothing_is_done() -> None:
    image = mr_image()
    with pytest.raises(NotAnonymized, match=r"^make one$"):
        Around(key=None, no_key="make one").anonymize(image)
    assert image == mr_image()


@pytest.mark.parametrize("error", [ValueError("Doe^Jane"), SystemExit("Doe^Jane"), KeyError(1)])
def test_what_a_library_raises_is_told_without_values(error: BaseException) -> None:
    """But with the module: a library's own, or one of ours."""

    def library(_: Dataset) -> None:
        raise error

    with pytest.raises(NotAnonymized) as caught:
        answer(library)
    assert str(caught.value) == f"{__name__} failed: {type(error).__name__}"


def test_its_own_refusals_are_told_as_they_are() -> None:
    def library(_: Dataset) -> None:
        raise NotAnonymized("not this one")

    with pytest.raises(NotAnonymized, match=r"^not this one$"):
        answer(library)


def test_a_value_that_cannot_be_decoded_is_refused() -> None:
    dataset = load_header(b"\x28\0\x06\1US\3\0\1\2\3", EXPLICIT)
    with pytest.raises(NotAnonymized, match="failed: BytesLengthException"):
        around().anonymize(dataset)


def test_the_key_goes_to_other_processes_and_is_never_shown() -> None:
    anonymizer = around()
    assert pickle.loads(pickle.dumps(anonymizer)) == anonymizer
    assert "secret" not in repr(anonymizer)


def test_the_answer_is_encoded_as_the_data_set_was() -> None:
    implicit = "1.2.840.10008.1.2"
    image = mr_image()
    del image.PixelData
    data = encode_header(image, implicit)
    made = around().anonymize(load_header(data, implicit))
    again = load_header(encode_header(made, implicit), implicit)
    assert again.original_encoding == (True, True)
    assert again.PatientIdentityRemoved == "YES"
