"""Dates that are moved keep their intervals; what cannot be moved is replaced."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from pacs_anonymize.engine.dates import shifted_date, shifted_datetime, shifted_timestamp
from pacs_anonymize.engine.options import Option
from pacs_framework.errors import ConfigurationError

MODIFIED = Option.RETAIN_LONGITUDINAL_MODIFIED_DATES
FULL = Option.RETAIN_LONGITUDINAL_FULL_DATES


def day(value) -> dt.date:
    text = str(value)
    return dt.date(int(text[:4]), int(text[4:6]), int(text[6:8]))


days = st.integers(-3653, -1)
moments = st.dates(dt.date(1900, 1, 1), dt.date(2100, 12, 31))


@given(one=moments, other=moments, by=days)
def test_intervals_stay(one, other, by):
    """To the day, over leap years and ends of centuries."""
    moved = [shifted_date(each.strftime("%Y%m%d"), by) for each in (one, other)]
    first, second = map(day, moved)
    assert second - first == other - one
    assert (first - one).days == by


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("20200301101112.123456+0100", "20200229101112.123456+0100"),
        ("20200301", "20200229"),
        ("202003011011", "202002291011"),
        ("20200301-0500", "20200229-0500"),
        ("202003", None),
        ("2020", None),
        ("20200332", None),
        ("18991231", None),
        ("noon", None),
        ("20200301101", None),
    ],
)
def test_date_times_keep_time_and_zone(value, after):
    """A month or a year alone has no day to move."""
    assert shifted_datetime(value, -1) == after


def test_an_old_form_of_dates_is_understood():
    """ACR-NEMA wrote points; a DA has none."""
    assert shifted_date("2020.03.01", -1) == "20200229"


def test_a_timestamp_of_a_camera_moves_with_the_dates():
    """Ten bytes: seconds and nanoseconds."""
    before = (10**9).to_bytes(6, "big") + bytes(range(4))
    after = shifted_timestamp(before, -2)
    assert int.from_bytes(after[:6], "big") == 10**9 - 2 * 86400
    assert after[6:] == before[6:]
    assert shifted_timestamp(b"short", -2) is None


def dated(patient="17", **values) -> Dataset:
    dataset = Dataset()
    dataset.PatientID = patient
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_all_dates_of_a_patient_move_alike_and_times_stay(through):
    """In every instance, at every depth, by VR where the table does not know the attribute."""
    first = dated(StudyDate="20200301", StudyTime="101112.5", AcquisitionDateTime="20200302")
    first.AnatomicRegionSequence = [
        dated("", ContentDate="20200304", DateOfGainCalibration="20200305")
    ]
    second = dated(StudyDate="20210301", PatientBirthDate="19610203", SOPClassUID="1.2")
    one, two = through(first, MODIFIED), through(second, MODIFIED)

    inner = one.AnatomicRegionSequence[0]
    start = day(one.StudyDate)
    assert start < dt.date(2020, 3, 1)
    assert [(day(each) - start).days for each in (one.AcquisitionDateTime, inner.ContentDate)] == [
        1,
        3,
    ]
    assert (day(inner.DateOfGainCalibration) - start).days == 4
    assert (day(two.StudyDate) - start).days == 365
    assert one.StudyTime == "101112.5"
    assert two.PatientBirthDate == ""
    assert one.LongitudinalTemporalInformationModified == "MODIFIED"


def test_patients_move_by_different_days(through):
    """Who knows one date of one patient knows nothing of another."""
    moved = {
        str(through(dated(str(n), StudyDate="20200301"), MODIFIED).StudyDate) for n in range(9)
    }
    assert len(moved) > 5


def test_what_is_no_date_is_replaced_or_emptied(through):
    """As the Basic Profile does it."""
    after = through(
        dated(StudyDate="01/03/20", SeriesDate="202003", FrameAcquisitionDateTime="noon"), MODIFIED
    )
    assert after.StudyDate == ""
    assert after.SeriesDate == "19000101"
    assert str(after.FrameAcquisitionDateTime).startswith("1900")


def test_full_dates_stay_and_what_is_none_does_not(through):
    """A birth in the night is on the date of the study, which stays all the same."""
    after = through(
        dated(StudyDate="20200301", PatientBirthDate="20200301", SeriesDate="JOHN DOE"), FULL
    )
    assert after.StudyDate == "20200301"
    assert after.SeriesDate == "19000101"
    assert after.PatientBirthDate == ""
    assert after.LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_a_device_that_is_retained_does_not_tell_the_shift(through):
    """The date of its calibration moves as well, though the device option alone would keep it."""
    before = dated(StudyDate="20200301", DateOfLastCalibration="20200227")
    after = through(before, MODIFIED, Option.RETAIN_DEVICE_IDENTITY)
    assert after.DateOfLastCalibration != "20200227"
    assert through(before, Option.RETAIN_DEVICE_IDENTITY).DateOfLastCalibration == "20200227"


def test_a_second_run_does_not_move_dates_again(through):
    """The pseudonym of the patient tells that they have moved; what was removed stays removed."""
    once = through(dated(StudyDate="20200301"), MODIFIED)
    assert through(once, MODIFIED).StudyDate == once.StudyDate
    full = through(dated(StudyDate="20200301"), FULL)
    assert through(full, MODIFIED).StudyDate == once.StudyDate
    basic = through(dated(StudyDate="20200301"))
    assert through(basic, MODIFIED).LongitudinalTemporalInformationModified == "REMOVED"


def test_both_options_for_dates_exclude_each_other(make):
    """Kept and moved at once would tell by how much."""
    with pytest.raises(ConfigurationError, match="choose one"):
        make(FULL, MODIFIED)
