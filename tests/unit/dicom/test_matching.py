"""Attribute matching, law by law (PS3.4 C.2.2.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from pacs_framework.dicom.matching import (
    Matcher,
    MatchingRules,
    date_bounds,
    datetime_bounds,
    has_wildcard,
    literal_prefix,
    matches_value,
    normalise_datetime,
    normalise_person_name,
    time_bounds,
)
from pacs_framework.dicom.moments import (
    Bounds,
    is_date,
    is_moment,
    is_time,
    normalise_moment,
    normalise_time,
)
from pacs_framework.dicom.quiet import take_values_as_they_are
from pacs_framework.dicom.wildcards import compile_wildcard


@pytest.fixture(autouse=True)
def _wild_cards_in_any_vr():
    take_values_as_they_are()


def ds(**values):
    dataset = Dataset()
    for keyword, value in values.items():
        is_sequence = keyword.endswith("Sequence") and isinstance(value, list)
        setattr(dataset, keyword, Sequence(value) if is_sequence else value)
    return dataset


def matches(key, candidate, **options):
    return Matcher(ds(**key), MatchingRules(**options)).matches(ds(**candidate))


# --- single value, universal, lists ---------------------------------------------------------


@pytest.mark.parametrize(
    ("vr", "key", "value", "expected"),
    [
        ("LO", "abc", "abc", True),
        ("LO", "abc", "ABC", False),
        ("LO", "abc", "abcd", False),
        ("CS", "CT", "CT", True),
        ("SH", "a.c", "abc", False),
        ("AS", "045Y", "045Y", True),
        ("UI", "1.2.3", "1.2.3", True),
        ("UI", "1.2*", "1.2.3", False),
        ("IS", "7", "007", True),
        ("IS", "7", "+7", True),
        ("IS", "7", "70", False),
        ("DS", "1.5", "1.50", True),
        ("DS", "1e1", "10", True),
        ("IS", "x", "x", True),
        ("US", "512", "512", True),
        ("IS", "1*", "12", False),
    ],
)
def test_a_single_value_matches_itself(vr, key, value, expected):
    assert matches_value(vr, key, value) is expected


def test_spaces_around_text_mean_nothing():
    assert matches({"PatientID": " 4711 "}, {"PatientID": "4711"})
    assert matches({"PatientID": "4711"}, {"PatientID": " 4711 "})


def test_an_empty_key_matches_everything():
    assert matches({"PatientID": ""}, {"PatientID": "x"})
    assert matches({"PatientID": ""}, {})
    assert Matcher(ds(PatientID="")).universal


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "StudyDescription", "Modality"])
def test_a_lone_asterisk_is_universal(keyword):
    assert matches({keyword: "*"}, {})
    assert matches({keyword: "*"}, {keyword: "x"})


@pytest.mark.parametrize("candidate", [{}, {"PatientID": ""}, {"PatientID": None}])
@pytest.mark.parametrize("key", ["4711", "4*", "?"])
def test_an_absent_or_empty_attribute_matches_no_other_key(candidate, key):
    assert not matches({"PatientID": key}, candidate)


def test_all_keys_have_to_match():
    candidate = {"PatientID": "1", "Modality": "CT"}
    assert matches({"PatientID": "1", "Modality": "CT"}, candidate)
    assert not matches({"PatientID": "1", "Modality": "MR"}, candidate)


def test_a_list_of_uids_matches_any_of_them():
    key = {"StudyInstanceUID": ["1.2", "1.3"]}
    assert matches(key, {"StudyInstanceUID": "1.3"})
    assert not matches(key, {"StudyInstanceUID": "1.4"})


def test_one_of_several_values_of_an_attribute_is_enough():
    assert matches({"ModalitiesInStudy": "MR"}, {"ModalitiesInStudy": ["CT", "MR"]})
    assert matches({"ImageType": "PRIM*"}, {"ImageType": ["ORIGINAL", "PRIMARY"]})
    assert not matches({"ModalitiesInStudy": "US"}, {"ModalitiesInStudy": ["CT", "MR"]})


def test_attributes_about_the_identifier_are_no_keys():
    key = {
        "QueryRetrieveLevel": "STUDY",
        "SpecificCharacterSet": "ISO_IR 192",
        "TimezoneOffsetFromUTC": "+0100",
    }
    assert Matcher(ds(**key)).universal


def test_two_quotation_marks_ask_for_empty_attributes_where_that_was_agreed():
    assert matches({"PatientID": '""'}, {}, empty_values=True)
    assert matches({"PatientID": '""'}, {"PatientID": ""}, empty_values=True)
    assert not matches({"PatientID": '""'}, {"PatientID": "1"}, empty_values=True)
    assert not matches({"PatientID": '""'}, {})


def test_case_can_be_ignored_on_demand():
    assert not matches({"StudyDescription": "head*"}, {"StudyDescription": "HEAD CT"})
    assert matches({"StudyDescription": "head*"}, {"StudyDescription": "HEAD CT"}, ignore_case=True)


def test_a_value_that_cannot_be_decoded_matches_nothing(decode):
    odd_length = decode(b"\x28\0\x10\0US\x03\0abc", "1.2.840.10008.1.2.1")
    assert not Matcher(ds(Rows=7)).matches(odd_length)


# --- wild cards -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a*", "abc", True),
        ("a*", "a", True),
        ("*c", "abc", True),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("ab*bc", "abc", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("?", "ä", True),
        ("??", "a", False),
        ("*b*", "abc", True),
        ("*b?d*", "abcde", True),
        ("*a*a*", "a", False),
        ("a.c", "abc", False),
        ("a*", "a\nb", True),
        ("**", "", True),
        ("[ab]", "a", False),
    ],
)
def test_wild_cards(pattern, text, expected):
    assert matches_value("LO", pattern, text) is expected


def test_wild_cards_are_none_in_vrs_that_do_not_allow_them():
    assert not matches({"PatientBirthDate": "2000*"}, {"PatientBirthDate": "20000101"})


def test_many_asterisks_against_a_long_text_are_decided_at_once():
    """A backtracking engine would need longer than the age of the universe."""
    assert not compile_wildcard("*a" * 200 + "*b")("a" * 10_000)
    assert compile_wildcard("*a" * 200 + "*")("a" * 10_000)


@given(st.text("ab?*", max_size=8), st.text("ab", max_size=8))
def test_wild_cards_agree_with_a_plain_definition(pattern, text):
    def plain(p, t):
        if not p:
            return not t
        if p[0] == "*":
            return any(plain(p[1:], t[i:]) for i in range(len(t) + 1))
        return bool(t) and p[0] in ("?", t[0]) and plain(p[1:], t[1:])

    assert compile_wildcard(pattern)(text) == plain(pattern, text)


def test_what_sql_may_use_of_a_pattern():
    assert literal_prefix("abc*d") == "abc"
    assert literal_prefix("a?") == "a"
    assert literal_prefix("abc") == "abc"
    assert has_wildcard("a?")
    assert not has_wildcard("a")


# --- person names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [
        ("DOE^JOHN", "Doe^John", True),
        ("DOE^JOHN", "DOE^JOHN^^^", True),
        ("DOE^JOHN^^^", "DOE^JOHN", True),
        ("DOE^JOHN", "DOE^JOHN^Q", False),
        ("DOE^JOHN", "DOE", False),
        ("DOE", "DOE^JOHN", False),
        ("doe*", "Doe^John", True),
        ("DOE^*", "DOE", True),
        ("DOE^*", "DOE^JOHN", True),
        ("DOE^*", "DOERING^JOHN", False),
        ("DOE*", "DOERING^JOHN", True),
        ("*JOHN", "Doe^John", True),
        ("D?E^J*N", "Doe^John", True),
        ("DOE^JOHN^*", "DOE^JOHN", True),
        (" DOE ^ JOHN ", "DOE^JOHN", True),
        ("müller*", "MÜLLER^A", True),
        ("mu\u0308ller*", "MÜLLER^A", True),
        ("STRASSE", "Straße", True),
        ("山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("*太郎", "Yamada^Tarou=山田^太郎", True),
        ("やまだ^たろう", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("Yamada^Tarou=山田^太郎", "YAMADA^TAROU=山田^太郎=やまだ^たろう", True),
        ("=山田*", "Yamada^Tarou=山田^太郎", True),
        ("Yamada*=鈴木*", "Yamada^Tarou=山田^太郎", False),
        ("Yamada*=*", "Yamada^Tarou", True),
        ("Yamada*=山田*", "Yamada^Tarou", False),
    ],
)
def test_person_names(key, name, expected):
    assert matches({"PatientName": key}, {"PatientName": name}) is expected


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("", ""),
        ("Doe^John", "doe^john"),
        (" Doe ^ John ^^^", "doe^john"),
        ("^^^", ""),
        ("Yamada^Tarou=山田^太郎=", "yamada^tarou=山田^太郎"),
        ("=山田", "=山田"),
        ("MU\u0308LLER", "müller"),
    ],
)
def test_the_search_form_of_a_name(value, form):
    assert normalise_person_name(value) == form


@given(st.text("aÄß ^=é山", max_size=20))
def test_the_search_form_is_its_own_search_form(value):
    form = normalise_person_name(value)
    assert normalise_person_name(form) == form


@given(st.text("abÄß ^é山", min_size=1, max_size=8), st.text("abÄß ^=é山", max_size=12))
def test_narrowing_by_the_literal_beginning_loses_no_match(literal, rest):
    """The index looks for names, or further groups of theirs, that start like the key."""
    prefix = normalise_person_name(literal).rstrip("^ ")
    if matches_value("PN", literal + "*", literal + rest):
        form = normalise_person_name(literal + rest)
        assert any(group.startswith(prefix) for group in form.split("="))


# --- dates and times ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("20010203", "20010203", True),
        ("20010203", "2001.02.03", True),
        ("2001.02.03", "20010203", True),
        ("20010101-20011231", "20010101", True),
        ("20010101-20011231", "20011231", True),
        ("20010101-20011231", "20020101", False),
        ("20010101 - 20011231", "20010601", True),
        ("20010101-", "20300101", True),
        ("20010101-", "20001231", False),
        ("-20010101", "19000101", True),
        ("-20010101", "20010102", False),
        ("2001.01.01-2001.12.31", "20010601", True),
        ("20010101-", "unknown", False),
        ("unknown", "unknown", True),
        ("yesterday-", "20010101", False),
        ("-", "20010101", False),
    ],
)
def test_dates(key, value, expected):
    assert matches_value("DA", key, value) is expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("10", "100000", True),
        ("100000", "10", True),
        ("1030", "103000.000000", True),
        ("10:30:00", "103000", True),
        ("103000.5", "103000.500", True),
        ("10", "103000", False),
        ("08-10", "075959.999", False),
        ("08-10", "105959.999999", True),
        ("08-10", "110000", False),
        ("0800-1015", "101530", True),
        ("-120000", "120000.5", True),
        ("-120000", "120001", False),
        ("120000-", "120000", True),
        ("1030-", "1029", False),
        ("9", "9", True),
    ],
)
def test_times(key, value, expected):
    assert matches_value("TM", key, value) is expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("20010203101112", "20010203101112.000000", True),
        ("20010203101112+0100", "20010203091112+0000", True),
        ("20010203101112+0100", "20010203101112+0000", False),
        ("2001-2003", "20020101", True),
        ("2001-2003", "20031231235959", True),
        ("2001-2003", "2004", False),
        ("20010101-", "20300101", True),
        ("-20010101", "20010101120000", True),
        ("20010101-0500-20010102-0500", "20010101050000+0000", True),
        ("20010101-0500-20010102-0500", "20010101045959+0000", False),
        ("20010101-0500", "20010101050000+0000", True),
        ("20010101-0500", "20300101", False),
        ("someday", "someday", True),
    ],
)
def test_date_times(key, value, expected):
    assert matches_value("DT", key, value) is expected


def test_ranges_as_bounds_for_sql():
    assert date_bounds("20010101-20011231") == Bounds("20010101", "20011231")
    assert date_bounds("20010101-") == Bounds("20010101", "")
    assert date_bounds("20010101") is None
    assert time_bounds("08-10") == Bounds("080000.000000", "105959.999999")
    assert datetime_bounds("2001-") == Bounds("20010101000000.000000", "")
    with pytest.raises(ValueError, match="an end of the range"):
        date_bounds("never-20010101")


@pytest.mark.parametrize(
    ("date", "time", "form"),
    [
        ("20010203", "101112.5", "20010203101112.500000"),
        ("2001.02.03", "10:11:12", "20010203101112.000000"),
        ("20010203", "10", "20010203100000.000000"),
        ("20010203", "", "20010203000000.000000"),
        ("20010203", "noon", "20010203000000.000000"),
        ("", "101112", ""),
        ("2001", "101112", ""),
        ("2001.0203", "", ""),
        (" 20010203 ", "", "20010203000000.000000"),
    ],
)
def test_the_search_form_of_a_moment(date, time, form):
    assert normalise_datetime(date, time) == form


@given(st.times(), st.times())
def test_normalised_times_sort_like_times(one, other):
    forms = [normalise_time(t.strftime("%H%M%S.%f")) for t in (one, other)]
    assert (forms[0] < forms[1]) == (one < other)


@given(st.text("0123456789.+-: ", max_size=30))
def test_no_text_upsets_the_readers_of_moments(text):
    for vr in ("DA", "TM", "DT"):
        assert matches_value(vr, text, "20010101") in (True, False)
    assert len(normalise_moment(text)) in (0, 21)


@pytest.mark.parametrize(
    ("is_one", "right", "wrong"),
    [
        (is_date, ["20261121", "2024.02.29", "00010101"], ["20260229", "20261321", "20260100", ""]),
        (is_time, ["23", "2359", "235960", "10:30:00.5"], ["24", "2360", "235961", "noon", ""]),
        (is_moment, ["2026", "20261121103000.5+0100", "202611"], ["20261341", "2026112125", ""]),
    ],
)
def test_what_is_taken_in_has_a_day_and_a_time_that_there_is(is_one, right, wrong):
    assert [text for text in right if not is_one(text)] == []
    assert [text for text in wrong if is_one(text)] == []


def test_without_agreement_date_and_time_are_matched_apart():
    key = {"StudyDate": "20010101-20010103", "StudyTime": "1000-1800"}
    assert not matches(key, {"StudyDate": "20010102", "StudyTime": "0900"})


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20010101", "095959", False),
        ("20010101", "1000", True),
        ("20010102", "0900", True),
        ("20010103", "180059", True),
        ("20010103", "1801", False),
        ("20010102", "", True),
        ("20010101", "", False),
        ("", "1200", False),
    ],
)
def test_combined_a_date_and_a_time_range_are_one_range_of_moments(date, time, expected):
    key = {"StudyDate": "20010101-20010103", "StudyTime": "1000-1800"}
    candidate = {"StudyDate": date, "StudyTime": time}
    assert matches(key, candidate, combined_datetime=True) is expected


@pytest.mark.parametrize(
    ("date", "time", "moment", "expected"),
    [
        ("20010101-", "1000-", ("20010101", "09"), False),
        ("20010101-", "1000-", ("20020101", "09"), True),
        ("-20010101", "-1000", ("20010101", "1000"), True),
        ("-20010101", "-1000", ("20010101", "1001"), False),
        ("20010101", "1000-1200", ("20010101", "1100"), True),
        ("20010101", "1000-1200", ("20010102", "1100"), False),
    ],
)
def test_combined_ranges_may_be_open(date, time, moment, expected):
    key = {"SeriesDate": date, "SeriesTime": time}
    candidate = {"SeriesDate": moment[0], "SeriesTime": moment[1]}
    assert matches(key, candidate, combined_datetime=True) is expected


def test_combined_needs_both_keys():
    assert matches({"StudyDate": "20010101-"}, {"StudyDate": "20010102"}, combined_datetime=True)
    assert not matches(
        {"StudyDate": "20010101", "StudyTime": "10"},
        {"StudyDate": "20010101", "StudyTime": "11"},
        combined_datetime=True,
    )


# --- sequences ------------------------------------------------------------------------------


def requests(*descriptions):
    return {"RequestAttributesSequence": [ds(RequestedProcedureID=text) for text in descriptions]}


def test_a_sequence_matches_when_any_item_does():
    assert matches(requests("A*"), requests("X1", "A1"))
    assert not matches(requests("A*"), requests("X1", "X2"))
    assert not matches(requests("A*"), {})
    assert not matches(requests("A*"), {"RequestAttributesSequence": []})


def test_all_keys_of_an_item_have_to_match_in_the_same_item():
    key = {
        "RequestAttributesSequence": [ds(RequestedProcedureID="A", ScheduledProcedureStepID="1")]
    }
    apart = [
        ds(RequestedProcedureID="A", ScheduledProcedureStepID="2"),
        ds(RequestedProcedureID="B", ScheduledProcedureStepID="1"),
    ]
    assert not matches(key, {"RequestAttributesSequence": apart})
    together = [ds(RequestedProcedureID="A", ScheduledProcedureStepID="1")]
    assert matches(key, {"RequestAttributesSequence": together})


@pytest.mark.parametrize("items", [[], [ds()], [ds(RequestedProcedureID="")]])
def test_a_sequence_key_without_values_is_universal(items):
    assert matches({"RequestAttributesSequence": Sequence(items)}, {})


def test_sequences_in_sequences_are_matched():
    def nested(code):
        inner = ds(CodeValue=code)
        return {"RequestAttributesSequence": [ds(RequestedProcedureCodeSequence=Sequence([inner]))]}

    assert matches(nested("T-1*"), nested("T-12"))
    assert not matches(nested("T-1*"), nested("T-2"))


# --- what extended negotiation adds ---------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("jane doe", "Doe^Jane", True),
        ("Doe^Jane", "Doe^Jane^Mary", True),
        ("mary", "Doe^Jane^Mary", True),
        ("ja d", "Doe^Jane", True),
        ("jane roe", "Doe^Jane", False),
        ("ane", "Doe^Jane", False),
        ("muller", "Müller^Jörg", True),
        ("Mueller^Joerg", "Müller^Jörg", True),
        ("Müller", "MUELLER^JOERG", True),
        ("Müller", "MULLER^JORG", True),
        ("meyer", "Maier", False),
        ("oneil", "O'Neil^X", True),
        ("o\u2019neil", "O'Neil^X", True),
        ("Lopez", "García-López^Ana", True),
        ("soren", "Sørensen^Bo", True),
        ("lodz", "Łódź", True),
        ("strasse", "Straße", True),
        ("tarou", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("太郎 山田", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("か", "が", False),
        ("doe*^j*", "Doe^Jane", True),
        ("*oe", "Doe^Jane", False),  # a wild card inside: by the rules of wild cards
        ("d?e^jane", "Doe^Jane", True),
        ("-", "-", True),
    ],
)
def test_fuzzy_names_match_by_the_beginnings_of_words(key, value, expected):
    """PS3.4 C.2.2.2.1: in any order, without case, accents and punctuation."""
    found = matches({"PatientName": key}, {"PatientName": value}, fuzzy_names=True)
    assert found is expected


def test_fuzzy_matching_is_for_names_alone():
    assert not matches({"PatientID": "jane doe"}, {"PatientID": "doe jane"}, fuzzy_names=True)


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "StudyDate", "Modality"])
def test_two_quotation_marks_ask_for_what_is_empty_where_it_is_agreed(keyword):
    """PS3.4 C.2.2.2.7; without negotiation they are a value like any other."""
    key = {keyword: '""'}
    assert matches(key, {}, empty_values=True)
    assert matches(key, {keyword: ""}, empty_values=True)
    assert not matches(key, {keyword: "20010203"}, empty_values=True)
    assert not matches(key, {})
    assert matches(key, {keyword: '""'})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("CT\\PT", "CT\\PT", True),
        ("CT\\PT", "PT\\SR\\CT", True),
        ("CT\\PT", "CT", False),
        ("CT\\PT", "CT\\MR", False),
        ("CT", "PT\\CT", True),
        ("CT\\*", "CT", True),
        ("CT\\*", "MR", False),
    ],
)
def test_every_value_of_a_key_has_to_match_where_it_is_agreed(key, value, expected):
    """PS3.4 C.2.2.2.8: a logical AND."""
    asked = {"ModalitiesInStudy": key.split("\\")}
    held = {"ModalitiesInStudy": value.split("\\")}
    assert matches(asked, held, multiple_values=True) is expected


def test_multiple_value_matching_is_for_attributes_that_may_have_several():
    """A list in one that has a single value could never match."""
    key = {"Modality": ["CT", "MR"]}
    assert matches(key, {"Modality": "MR"}, multiple_values=True)
    assert matches(
        {"SOPInstanceUID": ["1.2", "1.3"]}, {"SOPInstanceUID": "1.3"}, multiple_values=True
    )


def test_what_is_agreed_holds_inside_of_sequences():
    step = ds(ScheduledPerformingPhysicianName="jane doe", ScheduledProcedureStepID='""')
    held = ds(ScheduledPerformingPhysicianName="Doe^Jane")
    key, candidate = ({"ScheduledProcedureStepSequence": [item]} for item in (step, held))
    assert matches(key, candidate, fuzzy_names=True, empty_values=True)
    assert not matches(key, candidate, empty_values=True)
