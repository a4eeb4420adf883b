from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.charset import (
    STAND_ALONE_ENCODINGS,
    convert_encodings,
    encode_string,
    python_encoding,
)
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.dicom.charset import (
    can_carry,
    decode_text,
    encode_identifier_charset,
    is_ascii_text,
    python_encodings,
)

EXPLICIT = str(ExplicitVRLittleEndian)


def answer(name, **more):
    dataset = Dataset()
    dataset.PatientName = name
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dataset


def test_ascii_needs_no_character_set():
    dataset = encode_identifier_charset(answer("Doe^John", SpecificCharacterSet="ISO_IR 192"))
    assert "SpecificCharacterSet" not in dataset


@pytest.mark.parametrize(
    ("name", "preferred", "chosen"),
    [
        ("Müller", None, "ISO_IR 100"),
        ("Müller", "ISO_IR 192", "ISO_IR 192"),
        ("Müller", "ISO_IR 101", "ISO_IR 101"),
        ("Müller", "ISO_IR 144", "ISO_IR 100"),
        ("Müller", "NO SUCH SET", "ISO_IR 100"),
        ("Müller", "", "ISO_IR 100"),
        ("Люкс", "ISO_IR 144", "ISO_IR 144"),
        ("Люкс", "ISO_IR 100", "ISO_IR 192"),
        ("Yamada=山田", ["", "ISO 2022 IR 87"], ["", "ISO 2022 IR 87"]),
        ("Hong=洪", ["", "ISO 2022 IR 149"], ["", "ISO 2022 IR 149"]),
        ("Yamada=山田", ["ISO 2022 IR 6", "ISO 2022 IR 100"], "ISO_IR 192"),
        ("Yamada=山田", "ISO 2022 IR 87", "ISO_IR 192"),
        ("王^小东", "GB18030", "GB18030"),
        ("ﾔﾏﾀﾞ", "ISO_IR 13", "ISO_IR 13"),
        ("山田", "ISO_IR 13", "ISO_IR 192"),
        ("Müller=山田", None, "ISO_IR 192"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_the_preferred_set_stays_when_it_carries_the_text(encode, decode, name, preferred, chosen):
    dataset = encode_identifier_charset(answer(name), preferred)
    found = dataset.SpecificCharacterSet
    assert (found if isinstance(found, str) else list(found)) == chosen
    assert decode(encode(dataset, EXPLICIT), EXPLICIT).PatientName == name


def test_text_deep_in_sequences_counts_and_items_inherit_the_set(encode, decode):
    inner = answer("山田", SpecificCharacterSet=["", "ISO 2022 IR 87"])
    outer = answer("Doe", ReferencedStudySequence=Sequence([answer("x")]))
    outer.ReferencedStudySequence[0].ReferencedSeriesSequence = Sequence([inner])
    encode_identifier_charset(outer, "ISO_IR 100")
    assert outer.SpecificCharacterSet == "ISO_IR 192"
    assert "SpecificCharacterSet" not in inner
    found = decode(encode(outer, EXPLICIT), EXPLICIT)
    found = found.ReferencedStudySequence[0].ReferencedSeriesSequence[0]
    assert found.PatientName == "山田"


def test_text_that_was_read_in_another_set_is_encoded_anew(encode, decode):
    stored = answer("Müller", SpecificCharacterSet="ISO_IR 192", PatientComments="Ä")
    read = decode(encode(stored, EXPLICIT), EXPLICIT)
    dataset = encode_identifier_charset(read, "ISO_IR 100")
    encoded = encode(dataset, EXPLICIT)
    assert "Müller".encode("latin-1") in encoded
    assert decode(encoded, EXPLICIT).PatientComments == "Ä"


def test_several_values_are_all_looked_at():
    dataset = answer("x", OtherPatientNames=["a", "山田"])
    assert encode_identifier_charset(dataset, "ISO_IR 100").SpecificCharacterSet == "ISO_IR 192"


def test_escape_sequences_are_no_ascii():
    assert is_ascii_text(b"Doe^John")
    assert not is_ascii_text(b"\x1b$B")
    assert not is_ascii_text(b"\xe4")


def test_a_stand_alone_set_stays_alone():
    assert python_encodings(b"ISO_IR 192\\ISO 2022 IR 87") == ("UTF8",)
    assert python_encodings(b"\\ISO_IR 192\\ISO 2022 IR 87") == ("iso8859", "iso2022_jp")


def test_a_codec_of_python_is_no_character_set_of_dicom():
    assert python_encodings(b"unicode_escape") == ("iso8859",)


terms = st.sampled_from(sorted(python_encoding))
several = st.lists(
    terms.filter(lambda term: term not in STAND_ALONE_ENCODINGS), min_size=2, max_size=3
)


@settings(deadline=None)
@given(value=st.binary(max_size=40), charset=st.one_of(terms.map(lambda t: [t]), several))
def test_decoding_any_bytes_in_any_set_gives_text(value, charset):
    encodings = python_encodings("\\".join(charset).encode())
    assert isinstance(decode_text(value, encodings), str)


@pytest.mark.filterwarnings("error")
@settings(deadline=None)
@given(
    name=st.text("aäßé山田洪吉洞Δяﾔ=^", min_size=1, max_size=8),
    charset=st.one_of(terms, several),
)
def test_a_set_that_is_said_to_carry_text_does(name, charset):
    if can_carry([name], charset):
        encodings = convert_encodings(charset)
        encoded = encode_string(name, encodings)
        raw = charset if isinstance(charset, str) else "\\".join(charset)
        assert decode_text(encoded, python_encodings(raw.encode())) == name
