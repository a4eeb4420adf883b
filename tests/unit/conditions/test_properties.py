"""What holds of every condition and of every data set."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.archive.stored_header import read_attributes
from pacs_framework.conditions import Condition, DataSetFacts, Place
from pacs_framework.conditions.parsing import RESERVED, parse
from pacs_framework.conditions.printing import text_of
from pacs_framework.conditions.tree import (
    All,
    AnyOf,
    Comparison,
    Literal,
    Negation,
    Operator,
    Step,
)
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.mutations import mutated

ANYWHERE = Place(1, 1)
_WORD = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda word: word not in RESERVED
)
_TAG = st.from_regex(r"\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)", fullmatch=True)
_PATHS = st.lists(
    st.builds(Step, st.one_of(_WORD, _TAG), st.just(ANYWHERE)), min_size=1, max_size=3
).map(tuple)
_LITERALS = st.builds(
    Literal,
    st.one_of(
        st.text().filter(lambda text: "\n" not in text and not {'"', "'"} <= set(text)),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    st.just(ANYWHERE),
)
_NOT_NEGATED = (Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST)
_SEVERAL = {Operator.EXISTS: (0, 0), Operator.BETWEEN: (2, 2), Operator.IN: (1, 4)}


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Any that can be written, whether it makes sense or not."""
    operator = draw(st.sampled_from(list(Operator)))
    least, most = _SEVERAL.get(operator, (1, 1))
    literals = draw(st.lists(_LITERALS, min_size=least, max_size=most))
    negated = operator not in _NOT_NEGATED and draw(st.booleans())
    return Comparison(draw(_PATHS), operator, tuple(literals), ANYWHERE, negated)


def _above(parts: st.SearchStrategy) -> st.SearchStrategy:
    several = st.lists(parts, min_size=2, max_size=4).map(tuple)
    return st.one_of(st.builds(Negation, parts), st.builds(All, several), st.builds(AnyOf, several))


TREES = st.recursive(comparisons(), _above, max_leaves=12)


@given(TREES)
def test_what_is_printed_is_read_as_the_same_tree(tree) -> None:
    """Also with all its parentheses, quotation marks and numbers."""
    assert parse(text_of(tree)) == tree


ASKED = Condition(
    "Rows = 1 or SliceThickness > 1 or not (SliceThickness between 1 and 2)"
    ' or Modality != "CT" or Modality matches "C*T?" or Modality contains "ß"'
    ' or PatientName = "Doe^John" or PatientName matches "D*=*" or SOPClassUID = "1.2"'
    ' or StudyDate > "2020-01-01" or StudyTime between "22:00" and "06:00"'
    ' or AcquisitionDateTime < "2020-01-01 10:00" or PatientAge < "018Y"'
    ' or RequestAttributesSequence.ScheduledProcedureStepID = "X"'
    ' or RedPaletteColorLookupTableData exists or (0029,1010) = "X"'
)
_KEYWORDS = (
    "SpecificCharacterSet",
    "Rows",
    "SliceThickness",
    "Modality",
    "PatientName",
    "SOPClassUID",
    "StudyDate",
    "StudyTime",
    "AcquisitionDateTime",
    "PatientAge",
    "RequestAttributesSequence",
    "RedPaletteColorLookupTableData",
)


@st.composite
def data_sets(draw: st.DrawFn) -> Dataset:
    """Elements with any bytes, and any VR, as nobody has looked at them yet."""
    made = Dataset()
    for tag in draw(st.sets(st.sampled_from([*map(Tag, _KEYWORDS), Tag(0x00291010)]))):
        own = "UN" if tag.is_private else dictionary_VR(tag)
        vr = draw(st.sampled_from([own, own, "UN", "LO", "SQ", "DS", "PN", "US", "DA"]))
        content = draw(st.binary(max_size=24) | st.text(max_size=12).map(str.encode))
        made[tag] = RawDataElement(tag, vr, len(content), content, 0, False, True)
    return made


@pytest.mark.filterwarnings("ignore")  # pydicom's, of character sets that there are not
@given(data_sets())
def test_it_can_be_asked_of_any_data_set(dataset: Dataset) -> None:
    """It is true, or not, or not known; nothing is ever raised."""
    facts = DataSetFacts(dataset)
    verdict = ASKED.verdict(facts)
    holds = [finding.holds for finding in ASKED.findings(facts)]
    assert verdict in (True, False, None)
    assert all(each in (True, False, None) for each in holds)
    assert Condition(f"not ({ASKED})").verdict(facts) is (None if verdict is None else not verdict)


def test_damaged_headers_can_be_asked_about(instance: Dataset) -> None:
    """Whatever bytes say that went through the reader of stored headers."""
    instance.SOPInstanceUID = "1.2.3"
    tags = {subject.tags[0] for subject in ASKED.subjects()}
    told = 0
    for data in mutated(encode_identifier(instance, str(ExplicitVRLittleEndian)), 600):
        try:
            header = read_attributes(io.BytesIO(data), str(ExplicitVRLittleEndian), tags)
        except UnreadableInstance:
            continue
        ASKED.findings(DataSetFacts(header))
        told += 1
    assert told > 60


def test_sequences_of_any_depth_are_looked_into_no_further_than_is_asked() -> None:
    """A stranger's nesting costs nothing."""
    deep = Dataset()
    for _ in range(60):
        above = Dataset()
        above.RequestAttributesSequence = [deep]
        deep = above
    condition = Condition("RequestAttributesSequence.RequestAttributesSequence exists")
    assert condition.holds(DataSetFacts(deep))
