"""Short values from their bytes: as the long way has them, or not at all."""

from __future__ import annotations

from struct import calcsize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_dicomweb.model.quick import quick_value
from pacs_dicomweb.model.values import NUMBER_FORMATS, value_of

_NUMBERS = tuple(NUMBER_FORMATS)
_VRS = ("DA", "DS", "IS", "TM", "UI", *_NUMBERS)
_CHARACTERS = st.sampled_from([bytes([each]) for each in b'00112233456789..-+eE \\\0\n"a\xb2'])
_VALUES = st.lists(_CHARACTERS, max_size=40).map(b"".join)


@given(vr=st.sampled_from(_VRS), raw=_VALUES, little=st.booleans())
def test_a_quick_value_is_the_long_one(vr: str, raw: bytes, little: bool) -> None:
    """Whatever the bytes are."""
    _assert_as_the_long_one(vr, raw, little=little)


def _assert_as_the_long_one(vr: str, raw: bytes, *, little: bool) -> bool:
    """Whether there is a quick one."""
    quick = quick_value(vr, little=little)
    assert quick is not None
    found = quick(raw)
    if found is not None:
        long = value_of(vr, raw, little=little, encodings=("iso8859",))
        assert f'"Value":{found.decode()}' == long
    return found is not None


@given(vr=st.sampled_from(_NUMBERS), number=st.binary(min_size=8, max_size=8), little=st.booleans())
def test_every_binary_number_that_stands_alone_is_quick(
    vr: str, number: bytes, little: bool
) -> None:
    """Infinite ones and those that are none too; several are not."""
    size = calcsize("<" + NUMBER_FORMATS[vr])
    assert _assert_as_the_long_one(vr, number[:size], little=little)
    assert not _assert_as_the_long_one(vr, number[:size] * 2, little=little)


@pytest.mark.parametrize(
    ("vr", "raw", "text"),
    [
        ("UI", b"1.2.840\0", b'["1.2.840"]'),
        ("IS", b"0017", b"[17]"),
        ("IS", b"-3 ", b"[-3]"),
        ("DS", b"1.50\\-2\\3e-9 ", b"[1.50,-2,3e-9]"),
        ("DA", b"20260102", b'["20260102"]'),
        ("TM", b"101112.5 ", b'["101112.5"]'),
    ],
)
def test_values_as_the_standard_wants_them_are_quick(vr: str, raw: bytes, text: bytes) -> None:
    """With their padding, and several numbers of DS."""
    quick = quick_value(vr, little=True)
    assert quick is not None
    assert quick(raw) == text


@pytest.mark.parametrize(
    ("vr", "raw"),
    [
        ("UI", b"1.2\\1.3"),
        ("IS", b"-0"),
        ("IS", b"+1"),
        ("DS", b"007"),
        ("DA", b"2026-01"),
        ("TM", b""),
    ],
)
def test_all_others_go_the_long_way(vr: str, raw: bytes) -> None:
    """Several, signs and zeros that JSON has no number for, and what is no value."""
    quick = quick_value(vr, little=True)
    assert quick is not None
    assert quick(raw) is None


def test_text_that_may_be_in_any_character_set_has_no_quick_way() -> None:
    """Nor have sequences."""
    assert [quick_value(vr, little=True) for vr in ("LO", "PN", "SQ")] == [None] * 3
