"""Generated instances are instances."""

from __future__ import annotations

import pytest
from bench import fill
from bench.data import KINDS, Uids, instances, kind_named, write_file
from pydicom import dcmread

from pacs_framework.dicom.attributes import INDEXED


@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.name)
def test_file_is_read_without_a_warning(kind, tmp_path):
    """By pydicom, which warns of values that their VR forbids."""
    made = instances(kind, Uids("a run"), 3)[2]
    path = tmp_path / "x.dcm"
    write_file(made, path)
    dataset = dcmread(path)
    assert dataset.SOPInstanceUID == made.sop_instance_uid == dataset.file_meta[0x00020003].value
    assert dataset.StudyInstanceUID == made.study_instance_uid
    assert dataset.SeriesInstanceUID == made.series_instance_uid
    assert dataset.PatientID == made.patient_id
    assert dataset.InstanceNumber == 3
    assert len(dataset.PixelData) == dataset.Rows * dataset.Columns * 2 == kind.pixel_bytes
    [str(element) for element in dataset]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_size_is_what_the_title_says(kind):
    """Of the data set, in which the header of an enhanced instance has an item for each frame."""
    made = instances(kind, Uids("a run"), 1)[0]
    expected = {"mr": 10e3, "ct": 0.5e6, "multiframe": 200e6, "gigabyte": 1e9}[kind.name]
    assert made.size == pytest.approx(expected, rel=0.08)
    assert sum(map(len, made.pieces())) == made.size


def test_uids_are_of_one_run():
    """The same run gives the same bytes, another one no UID of them."""
    kind = kind_named("mr")
    first, again, other = (
        {made.head for made in instances(kind, Uids(run), 500, study=2)} for run in ("a", "a", "b")
    )
    assert first == again
    assert len(first) == 500
    assert not first & other


def test_instances_of_a_study_are_in_series():
    """A thousand are four series of 250."""
    made = instances(kind_named("mr"), Uids("a run"), 1000)
    assert len({each.series_instance_uid for each in made}) == 4
    assert len({each.study_instance_uid for each in made}) == 1


def test_days_have_as_many_studies_whatever_the_size():
    """So a query for one day has 100 matches in a small archive and in a large one."""
    days = [fill.day_of(study) for study in range(3000)]
    assert {days.count(day) for day in set(days)} == {fill.STUDIES_A_DAY}


def test_filled_index_answers(tmp_path):
    """Through the code that ingest uses; the numbers are those that the rows expect."""
    url = f"sqlite:///{tmp_path / 'index.sqlite'}"
    told = []
    fill.fill(url, 510, lambda done, total: told.append((done, total)))
    database = fill.open_database(url)
    with database.reading() as connection:
        counts = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            for table in ("patient", "study", "series", "instance", "change")
        ]
    database.close()
    large = fill.SERIES_OF_LARGE * fill.IMAGES_OF_LARGE
    assert counts == [255, 510, 508 + 2 * fill.SERIES_OF_LARGE, 508 + 2 * large, 0]
    assert told[-1] == (510, 510)


def test_entries_have_every_indexed_attribute():
    """As ingest hands them over."""
    entry = next(fill.entries(range(7, 8)))
    assert entry.attributes.keys() == INDEXED.keys()
