"""The conditions given to the database never leave out a match."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

from pacs_framework.archive.candidates import text_element
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import INDEXED, Level
from pacs_framework.dicom.matching import Matcher, MatchingRules

KEYWORDS = [k for k, a in INDEXED.items() if a.level in (Level.PATIENT, Level.STUDY)]

# Pieces of what the population holds, with everything that matching or LIKE treats in its own way.
PIECES = ["doe", "Doe", "John", "^", "=", "*", "?", "-", "%", "_", "\\", " ", ".", "P1", "A1", "S"]
PIECES += [
    "2020",
    "0115",
    "20200115",
    "1030",
    "山田",
    "ü",
    "ß",
    "ss",
    "e\u0301",
    "Groß",
    "Head",
    "ä",
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
PIECES += ["'", "neil", "mueller", "muller", "greg", '""']
RULES = st.builds(
    MatchingRules,
    combined_datetime=st.booleans(),
    fuzzy_names=st.booleans(),
    empty_values=st.booleans(),
    multiple_values=st.booleans(),
)
QUERIES = st.dictionaries(st.sampled_from(KEYWORDS), TEXT, min_size=1, max_size=3)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(query=QUERIES, rules=RULES)
def test_a_query_finds_what_matching_says_of_every_study(filled, query, rules):
    """Over arbitrary keys: the index and the rules of PS3.4 C.2.2.2 agree."""
    universal = identifier(dict.fromkeys(KEYWORDS, ""))
    everything = filled.archive.query.find(Level.STUDY, Root.STUDY, universal)
    asked = identifier(query)
    matcher = Matcher(asked, rules)
    expected = sorted(s.StudyInstanceUID for s in everything if matcher.matches(s))

    asked.setdefault("StudyInstanceUID", "")
    found = filled.archive.query.find(Level.STUDY, Root.STUDY, asked, relational=True, rules=rules)
    assert sorted(s.StudyInstanceUID for s in found) == expected


def identifier(query):
    dataset = Dataset()
    for keyword, text in query.items():
        tag = tag_for_keyword(keyword)
        dataset[tag] = text_element(tag, dictionary_VR(tag), text)
    return dataset
