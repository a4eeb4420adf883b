"""The fast encoding of answers says what pydicom says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nodes import EXPLICIT, IMPLICIT, keys
from pydicom.uid import ExplicitVRBigEndian

from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.identifier import encode_identifier
from pacs_query_retrieve.encoding import encode_answer

KEYWORDS = ["PatientName", "PatientID", "StudyDate", "StudyInstanceUID", "SeriesNumber"]
KEYWORDS += ["ModalitiesInStudy", "StudyDescription", "ImageComments"]
TEXT = st.text(st.sampled_from("aZ1.^=\\ üß山\u0416"), max_size=12).map(str.strip)
ANSWERS = st.dictionaries(st.sampled_from(KEYWORDS), TEXT)


ASKED = [None, "ISO_IR 192", "GB18030", ["", "ISO 2022 IR 87"]]
ASKED.append(["ISO 2022 IR 13", "ISO 2022 IR 87"])


@given(
    values=ANSWERS,
    syntax=st.sampled_from([EXPLICIT, IMPLICIT, str(ExplicitVRBigEndian)]),
    asked=st.sampled_from(ASKED),
)
def test_answers_are_encoded_alike(values, syntax, asked):
    answer = encode_identifier_charset(keys(**values), asked)
    assert encode_answer(answer, syntax) == encode_identifier(answer, syntax)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_what_is_no_short_text_is_encoded_alike(syntax):
    answer = keys(PatientID="P1", StudyComments="x" * 7000)
    answer.Rows = 512
    answer.URNCodeValue = "urn:long:length"
    answer.RequestAttributesSequence = [keys(ScheduledProcedureStepID="1")]
    assert encode_answer(answer, syntax) == encode_identifier(answer, syntax)
