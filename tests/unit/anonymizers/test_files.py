"""De-identified files: whole ones or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.files import anonymize_file
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.errors import NotAnonymized, UnreadableInstance
from pacs_framework.testing.arrivals import announced, encoded, mr_image


class Anonym(Anonymizer):
    def anonymize(self, dataset: Dataset) -> Dataset:
        dataset.PatientName, dataset.PatientID = "Anon", "A1"
        dataset.PatientIdentityRemoved, dataset.DeidentificationMethod = "YES", "by a test"
        return dataset


class Unable(Anonymizer):
    def anonymize(self, dataset: Dataset) -> Dataset:
        raise NotAnonymized("not this one")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file that names patient and sender in front of the data set and behind the pixels too."""
    image = mr_image()
    image.add_new(0xFFFCFFFC, "OB", b"Doe^Jane")
    prefix = make_prefix(announced(), source_aet="SCANNER")
    path = tmp_path / "Doe_Jane.dcm"
    path.write_bytes(b"Doe^Jane".ljust(128, b"\0") + prefix[128:] + encoded(image))
    return path


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_nothing_but_the_pixels_comes_from_the_file(source: Path, tmp_path: Path) -> None:
    """Neither the preamble nor who sent it; folders are made."""
    made = tmp_path / "some" / "folder" / "1.dcm"
    told = anonymize_file(Anonym(), source, made)
    found = dcmread(made)
    assert found.PixelData == mr_image().PixelData
    assert found.PatientName == "Anon"
    assert found.preamble == bytes(128)
    assert "SourceApplicationEntityTitle" not in found.file_meta
    assert told.meta.sop_instance_uid == found.SOPInstanceUID
    assert not [word for word in (b"Doe", b"Jane", b"SCANNER") if word in made.read_bytes()]
    assert entries(made.parent) == {"1.dcm"}


def test_a_file_that_is_there_stays_unless_it_may_be_overwritten(
    source: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made.dcm"
    made.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        anonymize_file(Anonym(), source, made)
    assert made.read_bytes() == b"precious"
    anonymize_file(Anonym(), source, made, overwrite=True)
    assert dcmread(made).PatientID == "A1"


def test_a_file_that_stays_is_told_before_the_work_is_done(source: Path, tmp_path: Path) -> None:
    (tmp_path / "made.dcm").touch()
    with pytest.raises(FileExistsError):
        anonymize_file(Unable(), source, tmp_path / "made.dcm")


def test_a_file_may_be_de_identified_in_its_place(source: Path) -> None:
    anonymize_file(Anonym(), source, source, overwrite=True)
    assert dcmread(source).PatientID == "A1"
    assert b"Doe" not in source.read_bytes()


def test_what_is_not_anonymized_is_not_written(source: Path, tmp_path: Path) -> None:
    with pytest.raises(NotAnonymized):
        anonymize_file(Unable(), source, tmp_path / "out" / "made.dcm")
    assert entries(tmp_path) == {source.name}


@pytest.mark.parametrize("overwrite", [True, False])
def test_where_the_pixels_end_too_early_nothing_is_left(
    source: Path, tmp_path: Path, overwrite: bool
) -> None:
    """That shows when half of it is written."""
    source.write_bytes(source.read_bytes()[:-40])
    made = tmp_path / "out" / "made.dcm"
    if overwrite:
        made.parent.mkdir()
        made.write_bytes(b"precious")
    with pytest.raises(UnreadableInstance):
        anonymize_file(Anonym(), source, made, overwrite=overwrite)
    assert entries(made.parent) == ({"made.dcm"} if overwrite else set())
    assert not overwrite or made.read_bytes() == b"precious"


def test_what_is_no_dicom_file_is_told(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Doe^Jane")
    with pytest.raises(UnreadableInstance, match="no DICOM file") as caught:
        anonymize_file(Anonym(), notes, tmp_path / "made.dcm")
    assert "Doe" not in str(caught.value)
    assert entries(tmp_path) == {"notes.txt"}
