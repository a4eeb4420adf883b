"""Reading single attributes of a stored data set: no more of it than they need."""

from __future__ import annotations

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs_framework.archive.stored_header import read_attributes
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import UnreadableInstance

COMMENTS = 0x00204000
PIXELS = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 10_000_000)


class Counted(io.BytesIO):
    """Counts what is read."""

    taken = 0

    def read(self, size=-1, /):
        data = super().read(size)
        self.taken += len(data)
        return data


def test_pixels_are_never_read(keys):
    data = Counted(encode_identifier(keys(ImageComments="x"), ExplicitVRLittleEndian) + PIXELS)
    data.seek(0, io.SEEK_END)
    data.write(bytes(10_000_000))
    data.seek(0)
    found = read_attributes(data, ExplicitVRLittleEndian, [COMMENTS])
    assert COMMENTS in found
    assert data.taken < 100_000


def test_a_source_that_gives_little_at_a_time_is_read_to_its_end(keys):
    class Slow(io.BytesIO):
        def read(self, size=-1, /):
            return super().read(min(size, 7))

    data = Slow(encode_identifier(keys(ImageComments="x" * 5000), ExplicitVRLittleEndian))
    assert COMMENTS in read_attributes(data, ExplicitVRLittleEndian, [COMMENTS])


def test_a_data_set_encoded_otherwise_than_announced_is_read_as_it_is(keys):
    """The header scan takes such instances in, so queries find what is in them."""
    data = encode_identifier(keys(ImageComments="x", PatientID="P"), ImplicitVRLittleEndian)
    assert COMMENTS in read_attributes(io.BytesIO(data), ExplicitVRLittleEndian, [COMMENTS])


def test_sequences_nested_thousands_deep_are_unreadable():
    """An error that the query can live with, not the end of its thread."""
    nested = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    data = io.BytesIO((nested + item) * 5000)
    with pytest.raises(UnreadableInstance):
        read_attributes(data, ExplicitVRLittleEndian, [0x00400275])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
@given(data=st.binary(max_size=400))
def test_whatever_the_bytes_are_they_are_read_or_unreadable(syntax, data):
    """No other error comes out."""
    with contextlib.suppress(UnreadableInstance):
        read_attributes(io.BytesIO(data), syntax, [COMMENTS, 0x00400275])
