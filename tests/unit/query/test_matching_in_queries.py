"""What a query finds: PS3.4 C.2.2.2 through the index, in step with what matching decides."""

from __future__ import annotations

import pytest

from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.matching import MatchingRules

ALL = [f"1.2.{study}" for study in range(1, 8)]


def studies(filled, **keys):
    found = filled.values(Level.STUDY, "StudyInstanceUID", **keys)
    return [int(uid.rpartition(".")[2]) for uid in found]


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7]),
        ("1.2.3", [3]),
        ("1.2.3\\1.2.5\\9.9", [3, 5]),
        ("1.2", []),
        ("1.2.*", []),
    ],
)
def test_uids_match_singly_or_as_a_list_and_never_by_wildcard(filled, key, found):
    """PS3.4 C.2.2.2.2; UI is not among the VRs of wild cards."""
    assert studies(filled, StudyInstanceUID=key) == found


def test_a_list_of_thousands_of_uids_finds_each_once(filled):
    uids = [f"1.2.{number}" for number in range(3000, 1, -1)] + ["1.2.4"]
    assert studies(filled, StudyInstanceUID="\\".join(uids)) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("others", [3000, 40_000])
def test_a_study_is_found_once_by_a_list_of_thousands_of_its_series(filled, others):
    """Also where there are more than a statement has parameters."""
    uids = ["1.2.1.1", *(f"1.2.1.1.{number}" for number in range(others)), "1.2.1.2"]
    assert studies(filled, SeriesInstanceUID="\\".join(uids)) == [1]


@pytest.mark.parametrize(
    ("keyword", "value"), [("PatientID", "WARD\\7"), ("StudyDescription", "ABD\\PELVIS")]
)
def test_several_values_are_found_by_what_is_answered_of_them(empty, keyword, value):
    """Some devices write a backslash where it divides values (PS3.5 6.2)."""
    empty.store(empty.instance("1.1.1", **{keyword: value}))
    assert empty.values(Level.STUDY, keyword) == [str(value.split("\\"))]
    assert studies(empty, **{keyword: value}) == [1]


@pytest.mark.parametrize(
    ("keyword", "key", "found"),
    [
        ("PatientID", "P1", [1, 2, 7]),
        ("PatientID", "p1", []),
        ("PatientID", "P*", [1, 2, 3, 4, 5, 6, 7]),
        ("PatientID", "?2", [3]),
        ("PatientID", " P2 ", [3]),
        ("AccessionNumber", "A?", [1, 2]),
        ("AccessionNumber", "*", [1, 2, 3, 4, 5, 6, 7]),
        ("StudyDescription", "*Head", [1]),
        ("StudyDescription", "CT*", [1]),
        ("StudyDescription", "ct*", []),
        ("StudyDescription", "Sch*del", [5]),
        ("StudyDescription", "*ä*", [5]),
        ("StudyID", "S_", []),
        ("StudyID", "%", []),
        ("StudyID", "S?", [1, 2, 3]),
        ("IssuerOfPatientID", "ELSEWHERE", [7]),
        ("PatientSex", "M", [1, 2]),
    ],
)
def test_text_matches_by_case_and_wild_cards(filled, keyword, key, found):
    """PS3.4 C.2.2.2.1 and C.2.2.2.4; what LIKE takes for wild cards is text."""
    assert studies(filled, **{keyword: key}) == found


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("doe^john", [1, 2]),
        ("DOE^JOHN^^^", [1, 2]),
        ("doe", []),
        ("doe*", [1, 2, 3]),
        ("doe^j*", [1, 2, 3]),
        ("*john", [1, 2]),
        ("d?e^j???", [1, 2, 3]),
        ("yamada*", [4]),
        ("山田*", [4]),
        ("=山田*", [4]),
        ("=*太郎", [4]),
        ("==やまだ^たろう", [4]),
        ("山田^太郎", [4]),
        ("yamada*=山*", [4]),
        ("yamada*=川*", []),
        ("MÜLLER*", [5]),
        ("*ürgen", [5]),
        ("o'neil_100%*", [6]),
        ("o'neil_1__%*", []),
        ("*", [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_names_match_whatever_their_case_in_any_component_group(filled, key, found):
    assert studies(filled, PatientName=key) == found


@pytest.mark.parametrize(
    ("key", "found"), [("HOUSE*", [1]), ("gross*", [5]), ("GROSS^änne", [5]), ("*greg*", [1])]
)
def test_names_without_a_search_column_match_alike(filled, key, found):
    """ß and ss are one when case is ignored."""
    assert studies(filled, ReferringPhysicianName=key) == found


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("20200115", [1]),
        ("2020.01.15", [1]),
        ("20200120", [3]),
        ("20200115-20200120", [1, 3, 4]),
        ("20200116-", [2, 3, 4, 5]),
        ("-20200116", [1, 4]),
        ("20230101-", []),
        ("someday", []),
    ],
)
def test_dates_match_as_days_and_ranges(filled, key, found):
    """PS3.4 C.2.2.2.5.1; a study without a date matches no range."""
    assert studies(filled, StudyDate=key) == found


@pytest.mark.parametrize(
    ("key", "found"),
    [("19700101", [1, 2]), ("19800203", [3]), ("19800101-19801231", [3]), ("1980.02.03-", [3])],
)
def test_dates_in_the_old_form_are_found_by_the_new(filled, key, found):
    assert studies(filled, PatientBirthDate=key) == found


@pytest.mark.parametrize(
    ("key", "found"),
    [("1030", [1]), ("103000.000", [1]), ("10-11", [1, 3]), ("-0930", [4]), ("23-", [2])],
)
def test_times_match_at_any_precision(filled, key, found):
    assert studies(filled, StudyTime=key) == found


@pytest.mark.parametrize(
    ("combined", "found"), [(True, ["1.2.1", "1.2.3", "1.2.4"]), (False, ["1.2.1", "1.2.3"])]
)
def test_combined_date_time_is_one_range_where_it_was_negotiated(filled, combined, found):
    """PS3.4 C.2.2.2.5.4: 2020-01-15 10:00 to 2020-01-20 11:00, against each key by itself."""
    matches = filled.find(
        Level.STUDY,
        keys={"StudyDate": "20200115-20200120", "StudyTime": "10-11", "StudyInstanceUID": ""},
        rules=MatchingRules(combined_datetime=combined),
    )
    assert sorted(match.StudyInstanceUID for match in matches) == found


def test_numbers_match_as_numbers(filled):
    found = filled.values(Level.SERIES, "SeriesInstanceUID", SeriesNumber="2")
    assert found == ["1.2.1.2"]


def test_keys_below_the_level_match_when_anything_below_does(filled):
    """A modality asked for at study level is that of any series."""
    assert studies(filled, Modality="SR") == [1]
    assert studies(filled, ModalitiesInStudy="SR") == [1]
    assert studies(filled, ModalitiesInStudy="MR\\SR") == [1, 2]
    assert studies(filled, ModalitiesInStudy="M*") == [2]
    assert studies(filled, SOPInstanceUID="1.2.1.1.2") == [1]
    assert studies(filled, SOPClassesInStudy="1.2.840.10008.5.1.4.1.1.4") == [2]


def test_modalities_in_study_can_be_asked_for_at_series_level(filled):
    found = filled.values(Level.SERIES, "SeriesInstanceUID", ModalitiesInStudy="SR")
    assert found == ["1.2.1.1", "1.2.1.2"]


def test_attributes_of_the_header_are_keys_as_well(filled):
    assert studies(filled, ManufacturerModelName="Scanner*") == [1]
    assert studies(filled, ManufacturerModelName="Scanner") == []


def test_counts_are_keys_as_well(filled):
    assert studies(filled, NumberOfStudyRelatedInstances="3") == [1]


def test_keys_of_several_levels_narrow_together(filled):
    assert studies(filled, PatientName="doe*", StudyDate="2020-", Modality="CT") == []
    assert studies(filled, PatientName="doe*", StudyDate="20200101-", Modality="CT") == [1, 3]


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "AccessionNumber", "StudyDate"])
@pytest.mark.parametrize("key", ["a\0b", "a\0*", "\ud800", "\ud800*"])
def test_text_that_no_database_takes_matches_nothing(filled, keyword, key):
    """NUL and lone surrogates are an odd question, not a failure of the index."""
    assert studies(filled, **{keyword: key}) == []


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"PatientName": "john doe"}, ["1.2.1", "1.2.2"]),
        ({"PatientName": "oneil"}, ["1.2.6"]),
        ({"PatientName": "juergen muller"}, ["1.2.5"]),
        ({"PatientName": "太郎"}, ["1.2.4"]),
        ({"ReferringPhysicianName": "anne gross"}, ["1.2.5"]),
        ({"ReferringPhysicianName": "gregory h"}, ["1.2.1"]),
        ({"PatientName": "john " * 900 + "doe"}, ["1.2.1", "1.2.2"]),
        ({"PatientName": "john " + "x" * 60_000}, []),
        ({"PatientName": " ".join(f"w{number}" for number in range(5000))}, []),
    ],
)
def test_fuzzy_names_are_found_through_the_index(filled, keys, found):
    assert _by_rules(filled, keys, fuzzy_names=True) == found


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"AccessionNumber": '""'}, ["1.2.3", "1.2.4", "1.2.5", "1.2.6", "1.2.7"]),
        ({"ModalitiesInStudy": '""'}, ["1.2.6"]),
        ({"ManufacturerModelName": '""', "StudyDate": "2020"}, []),
        ({"ManufacturerModelName": '""', "StudyDate": "20200116"}, ["1.2.4"]),
    ],
)
def test_empty_values_are_found_in_columns_lists_and_headers(filled, keys, found):
    assert _by_rules(filled, keys, empty_values=True) == found
    assert _by_rules(filled, keys) == []


def test_all_modalities_of_a_list_are_in_the_study(filled):
    keys = {"ModalitiesInStudy": "CT\\SR"}
    assert _by_rules(filled, keys, multiple_values=True) == ["1.2.1"]
    assert _by_rules(filled, keys) == [f"1.2.{study}" for study in (1, 3, 4, 5, 7)]


def _by_rules(filled, wanted, **agreed):
    matches = filled.find(
        Level.STUDY, keys={"StudyInstanceUID": "", **wanted}, rules=MatchingRules(**agreed)
    )
    return sorted(match.StudyInstanceUID for match in matches)
