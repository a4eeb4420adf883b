"""Nothing of an instance goes on before the anonymizer's answer was looked at."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.applying import (
    AnonymousInstance,
    anonymized,
    anonymous_answer,
    anonymous_instance,
)
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet, PixelWork, Region
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.errors import MismatchedInstance, NotAnonymized, UnreadableInstance
from pacs_framework.testing.instances import encoded_instance, make_instance

EXPLICIT = str(ExplicitVRLittleEndian)
SYNTAXES = [
    str(uid)
    for uid in (
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
    )
]
NEW_UID = "2.25.7"


class By(Anonymizer):
    """An anonymizer that keeps the contract, and then does what the test wants."""

    description = "for tests"

    def __init__(self, then: Callable[[Dataset], object] = lambda dataset: dataset) -> None:
        self._then = then

    def anonymize(self, dataset: Dataset) -> Dataset:
        dataset.PatientName, dataset.PatientID, dataset.SOPInstanceUID = "Anon", "A1", NEW_UID
        dataset.PatientIdentityRemoved, dataset.DeidentificationMethod = "YES", "by a test"
        return self._then(dataset)


def header() -> Dataset:
    image = make_instance()
    del image.PixelData
    return load_header(encoded_instance(image), EXPLICIT)


def setting(**elements: object) -> Callable[[Dataset], Dataset]:
    def then(dataset: Dataset) -> Dataset:
        for keyword, value in elements.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        return dataset

    return then


def raising(error: BaseException) -> Callable[[Dataset], Dataset]:
    def then(_: Dataset) -> Dataset:
        raise error

    return then


def test_an_answer_that_keeps_the_contract_goes_on() -> None:
    assert anonymized(By(), header()).PatientName == "Anon"


@pytest.mark.parametrize(
    ("then", "message"),
    [
        (lambda _: None, "the anonymizer returned a 'NoneType', no data set"),
        (lambda dataset: [dataset], "the anonymizer returned a 'list', no data set"),
        (setting(PatientIdentityRemoved=None), "does not say it is de-identified"),
        (setting(PatientIdentityRemoved="NO"), r"\(0012,0062\) is not YES"),
        (setting(DeidentificationMethod=""), "does not say how it was de-identified"),
        (setting(Rows=9), "the anonymizer changed Rows, which belongs to the pixels"),
        (setting(PhotometricInterpretation="MONOCHROME1"), "changed PhotometricInterpretation"),
        (setting(BitsStored=None), "the anonymizer changed BitsStored"),
        (setting(NumberOfFrames=2), "the anonymizer changed NumberOfFrames"),
        (setting(SOPClassUID="1.2.3"), "the anonymizer changed SOPClassUID"),
        (setting(SOPInstanceUID=None), "without a valid SOPInstanceUID"),
        (setting(SeriesInstanceUID=""), "without a valid SeriesInstanceUID"),
    ],
)
def test_an_answer_that_breaks_the_contract_does_not(
    then: Callable[[Dataset], object], message: str
) -> None:
    with pytest.raises(NotAnonymized, match=message):
        anonymized(By(then), header())


def test_a_code_tells_the_method_too() -> None:
    """De-identification Method Code Sequence (0012,0064), PS3.15 E.1.1."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    coded = setting(DeidentificationMethod=None, DeidentificationMethodCodeSequence=[code])
    assert anonymized(By(coded), header()).PatientID == "A1"


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"]
)
def test_an_instance_without_its_uids_is_refused_and_the_anonymizer_not_blamed(
    keyword: str,
) -> None:
    dataset = header()
    del dataset[keyword]
    with pytest.raises(NotAnonymized) as caught:
        anonymized(By(raising(AssertionError())), dataset)
    assert str(caught.value) == (f"the instance cannot be de-identified: it has no valid {keyword}")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("Doe^Jane has no birth date"), "the anonymizer failed: ValueError"),
        (RecursionError("Doe^Jane"), "the anonymizer failed: RecursionError"),
        (SystemExit("Doe^Jane"), "the anonymizer failed: SystemExit"),
        (NotAnonymized("no rule"), "the instance cannot be de-identified: no rule"),
        (MismatchedInstance("odd"), "the instance cannot be de-identified: odd"),
    ],
)
def test_whatever_an_anonymizer_raises_is_one_error_without_its_values(
    error: BaseException, message: str
) -> None:
    """Messages of the archive's own errors name no patient; all others may."""
    with pytest.raises(NotAnonymized) as caught:
        anonymized(By(raising(error)), header())
    assert str(caught.value) == message


def test_an_interruption_by_the_user_is_no_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        anonymized(By(raising(KeyboardInterrupt())), header())


def test_pixels_that_are_badly_described_are_told_before_the_anonymizer_is_asked() -> None:
    dataset = load_header(b"\x28\0\x10\0US\1\0\5", EXPLICIT)  # one byte for a number of two
    with pytest.raises(NotAnonymized, match="its pixels are badly described"):
        anonymized(By(raising(AssertionError())), dataset)


# --- whole instances ---------------------------------------------------------------------------


def image(syntax: str) -> bytes:
    """An image with the name behind its pixel data too."""
    instance = make_instance(transfer_syntax=syntax)
    instance.private_block(0x7FE1, "HOUSE", create=True).add_new(1, "LO", "Doe^Jane")
    instance.add_new(0xFFFCFFFC, "OB", b"Doe^Jane")
    return encoded_instance(instance)


def read(folder: Path, made: AnonymousInstance) -> Dataset:
    path = folder / "made.dcm"
    path.write_bytes(make_prefix(made.meta) + b"".join(made.dataset))
    return dcmread(path)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_instance_is_its_answer_and_its_pixel_data(tmp_path: Path, syntax: str) -> None:
    """The UIDs of the answer hold; nothing that followed the pixel data is left."""
    data = image(syntax)
    made = anonymous_instance(By(), io.BytesIO(data), syntax)
    assert made.meta.sop_instance_uid == NEW_UID
    assert made.meta.transfer_syntax_uid == syntax
    found = read(tmp_path, made)
    before = tmp_path / "before.dcm"
    before.write_bytes(make_prefix(made.meta) + data)
    assert found.PixelData == dcmread(before).PixelData
    assert found.PatientName == "Anon"
    assert max(found.keys()) == 0x7FE00010
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID == NEW_UID


def test_an_instance_without_pixel_data_is_its_answer(tmp_path: Path) -> None:
    data = encoded_instance(make_instance(SOPClassUID=ComprehensiveSRStorage))
    found = read(tmp_path, anonymous_instance(By(), io.BytesIO(data), EXPLICIT))
    assert (found.PatientID, found.SOPClassUID) == ("A1", ComprehensiveSRStorage)


@pytest.mark.parametrize(
    ("then", "message"),
    [
        (setting(PixelData=b"\0\0"), "must not contain pixel data"),
        (lambda ds: ds.add_new(0x00191001, "US", "Doe") or ds, "cannot be encoded"),
    ],
)
def test_an_answer_that_cannot_be_written_does_not_go_on(
    then: Callable[[Dataset], object], message: str
) -> None:
    with pytest.raises(NotAnonymized, match=message) as caught:
        anonymous_instance(By(then), io.BytesIO(image(EXPLICIT)), EXPLICIT)
    assert "Doe" not in str(caught.value)


def test_pixel_data_that_are_cut_off_come_with_an_error() -> None:
    """A file of them would look whole."""
    cut = encoded_instance(make_instance())[:-1]
    made = anonymous_instance(By(), io.BytesIO(cut), EXPLICIT)
    with pytest.raises(UnreadableInstance, match="end inside the pixel data"):
        b"".join(made.dataset)


# --- pixels ---------------------------------------------------------------------------------------


def with_work(dataset: Dataset) -> AnonymousDataSet:
    region = Region(left=0, top=0, width=8, height=1)
    return AnonymousDataSet(dataset=dataset, pixels=PixelWork(regions=(region,)))


def test_pixels_are_changed_as_the_answer_says() -> None:
    given = make_instance()
    made = anonymous_instance(By(with_work), io.BytesIO(encoded_instance(given)), EXPLICIT)
    answer = dcmread(io.BytesIO(make_prefix(made.meta) + b"".join(made.dataset)))
    row = given.Columns * given.BitsAllocated // 8
    blanked = min(row, 8 * given.BitsAllocated // 8)
    assert answer.PixelData[:blanked] == bytes(blanked)
    assert answer.PixelData[row:] == given.PixelData[row:]
    assert answer.PatientName == "Anon"


def test_whoever_cannot_change_pixels_is_not_given_the_data_set() -> None:
    with pytest.raises(NotAnonymized, match="the pixels have to be changed too"):
        anonymized(By(with_work), header())
    answer = anonymous_answer(By(with_work), header())
    assert answer.pixels is not None
    assert answer.dataset.PatientName == "Anon"


def test_an_answer_with_work_is_looked_at_like_any_other() -> None:
    def no_statement(dataset: Dataset) -> AnonymousDataSet:
        del dataset.PatientIdentityRemoved
        return with_work(dataset)

    with pytest.raises(NotAnonymized, match="does not say it is de-identified"):
        anonymous_answer(By(no_statement), header())
