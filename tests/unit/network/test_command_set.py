"""Command sets, with pydicom as the oracle, and messages."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from pacs_framework.network.command_set import (
    NO_DATASET,
    CommandReader,
    decode_command,
    encode_command,
    encode_response,
    shortened,
)
from pacs_framework.network.dimse import (
    COMMAND,
    LARGEST_COMMAND_SET,
    CommandReceived,
    MessageReader,
    fragments,
    largest_fragment,
)
from pacs_framework.network.errors import ProtocolError
from pacs_framework.network.events import DataReceived

CT = "1.2.840.10008.5.1.4.1.1.2"


def by_pydicom(encoded: bytes) -> Dataset:
    return read_dataset(BytesIO(encoded), is_implicit_VR=True, is_little_endian=True)


def written_by_pydicom(dataset: Dataset) -> bytes:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    write_dataset(stream, dataset)
    return stream.getvalue()


def test_pydicom_reads_what_we_write() -> None:
    """Every VR of group 0000, in order, with the group length; None is left out."""
    encoded = encode_command(
        {
            "Status": 0xB000,
            "AffectedSOPClassUID": CT,
            "CommandField": 0x8001,
            "MoveDestination": "AET",
            "ErrorComment": "Ärger",
            "OffendingElement": (0x00100010, 0x7FE00010),
            "AttributeIdentifierList": 0x00080018,
            "MoveOriginatorMessageID": None,
        }
    )
    dataset = by_pydicom(encoded)
    assert [element.tag for element in dataset] == sorted(element.tag for element in dataset)
    assert dataset.CommandGroupLength == len(encoded) - 12
    assert (dataset.Status, dataset.CommandField) == (0xB000, 0x8001)
    assert (dataset.AffectedSOPClassUID, dataset.MoveDestination) == (CT, "AET")
    assert dataset.ErrorComment == "?rger"
    assert list(dataset.OffendingElement) == [0x00100010, 0x7FE00010]
    assert dataset.AttributeIdentifierList == 0x00080018
    assert "MoveOriginatorMessageID" not in dataset


_UIDS = st.from_regex(r"[1-9]{1,20}(\.[1-9]{1,10}){1,3}", fullmatch=True)
_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=91), min_size=1, max_size=16)
_US = st.integers(0, 0xFFFF)


@given(
    st.fixed_dictionaries(
        {"CommandField": _US, "MessageID": _US},
        optional={
            "AffectedSOPClassUID": _UIDS,
            "AffectedSOPInstanceUID": _UIDS,
            "MoveDestination": _TEXT,
            "NumberOfRemainingSuboperations": _US,
        },
    )
)
def test_we_read_what_pydicom_and_we_write(elements: dict[str, object]) -> None:
    """A round trip through either writer keeps every value."""
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    assert decode_command(written_by_pydicom(dataset)) == elements
    ours = decode_command(encode_command(elements))
    del ours["CommandGroupLength"]
    assert ours == elements


_SIMILAR = st.fixed_dictionaries(
    {
        "CommandField": st.sampled_from([1, 0x8001]),
        "CommandDataSetType": st.sampled_from([1, NO_DATASET]),
    },
    optional={
        "MessageID": _US,
        "MessageIDBeingRespondedTo": _US,
        "AffectedSOPClassUID": st.sampled_from([CT, CT + "8"]),
        "AffectedSOPInstanceUID": st.sampled_from(["1.2.3", "1.2.4", "1.2.34", "1.2.345"]),
        "Priority": st.sampled_from([0, 1]),
        "MoveOriginatorMessageID": st.sampled_from([1, 2]),
        "Status": st.sampled_from([0, 0xB000]),
    },
)


@given(st.lists(_SIMILAR, max_size=12), st.data())
def test_a_command_set_is_read_the_same_whatever_came_before(
    commands: list[dict[str, object]], data: st.DataObject
) -> None:
    """What a reader remembers of similar ones, whole or with a byte changed, never shows."""
    reader = CommandReader()
    for elements in commands:
        encoded = bytearray(encode_command(elements))
        if data.draw(st.booleans()):
            encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
        outcomes = []
        for decode in (decode_command, reader.decode):
            try:
                outcomes.append(decode(bytes(encoded)))
            except ProtocolError as error:
                outcomes.append({"error": str(error)})
        assert outcomes[0] == outcomes[1]


def test_what_was_read_may_be_changed_by_who_got_it() -> None:
    """The next command set has its own values."""
    reader = CommandReader()
    encoded = encode_command({"CommandField": 1, "MessageID": 7, "CommandDataSetType": 1})
    for _ in range(3):
        elements = reader.decode(encoded)
        assert elements.pop("CommandField") == 1


def test_a_plain_response_is_a_command_set_like_any_other() -> None:
    """The short cut for responses gives the bytes of the long way."""
    assert encode_response(
        0x0001, CT, 7, 0xA700, has_dataset=False, sop_instance_uid="1.2.3"
    ) == encode_command(
        {
            "AffectedSOPClassUID": CT,
            "CommandField": 0x8001,
            "MessageIDBeingRespondedTo": 7,
            "CommandDataSetType": NO_DATASET,
            "Status": 0xA700,
            "AffectedSOPInstanceUID": "1.2.3",
        }
    )


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (bytes(7), "a command element is cut short at byte 0"),
        (bytes.fromhex("0000000108000000 0100"), "element (0000,0100) is longer than its"),
        (bytes.fromhex("0800180002000000 3100"), "element (0008,0018) in a command set"),
        (bytes.fromhex("0000000103000000 010000"), "3 bytes are no numbers of 2 bytes"),
        (bytes.fromhex("0000010902000000 0100"), "2 bytes are no attribute tags"),
    ],
)
def test_what_is_no_command_set_is_told(encoded: bytes, message: str) -> None:
    """ProtocolError with the place."""
    with pytest.raises(ProtocolError) as raised:
        decode_command(encoded)
    assert message in str(raised.value)


def test_odd_things_of_real_peers_are_read() -> None:
    """A wrong group length, unknown elements, NUL and blanks around text, empty values."""
    encoded = (
        bytes.fromhex("0000 0000 04000000 ffffffff")
        + bytes.fromhex("0000 0200 06000000")
        + b"1.2.3\0"
        + bytes.fromhex("0000 0006 08000000")
        + b" AET  \0\0"
        + bytes.fromhex("0000 3412 02000000 0000")
        + bytes.fromhex("0000 1001 00000000")
        + bytes.fromhex("0000 3010 00000000")
    )
    assert decode_command(encoded) == {
        "CommandGroupLength": 0xFFFFFFFF,
        "AffectedSOPClassUID": "1.2.3",
        "MoveDestination": "AET",
    }


def test_an_error_comment_is_one_short_line() -> None:
    """64 characters (VR LO), and no backslash, which would make two values."""
    assert shortened("a\\b\n  c" + "x" * 99) == "a/b c" + "x" * 59


# --- messages -------------------------------------------------------------------------------


def values(*parts: bytes | memoryview) -> list[DataReceived]:
    """The PDVs in encoded P-DATA-TF of one value each."""
    stream = b"".join(parts)
    result, position = [], 0
    while position < len(stream):
        length = int.from_bytes(stream[position + 6 : position + 10], "big") - 2
        context_id, control = stream[position + 10], stream[position + 11]
        data = stream[position + 12 : position + 12 + length]
        last = bool(control & 2)
        result.append(DataReceived(context_id, bool(control & 1), last, memoryview(data)))
        position += 12 + length
    return result


COMMAND_SET = encode_command({"CommandField": 1, "MessageID": 1, "CommandDataSetType": 1})


@given(st.binary(max_size=300), st.integers(1, 32).map(lambda half: 2 * half))
def test_fragments_make_the_message_again(dataset: bytes, size: int) -> None:
    """Whatever the fragment size, all comes out as it went in; a null makes the length even."""
    pieces = values(*fragments(5, COMMAND, COMMAND_SET, size), *fragments(5, 0, dataset, size))
    assert all(len(piece.data) <= size and len(piece.data) % 2 == 0 for piece in pieces)
    reader, got, commands = MessageReader(), b"", []
    for piece in pieces:
        item = reader.feed(piece)
        if isinstance(item, CommandReceived):
            commands.append(item)
            assert reader.mid_message
        elif isinstance(item, DataReceived):
            got += item.data
            assert item.last == (not reader.mid_message)
    assert [(c.context_id, c.field, c.has_dataset) for c in commands] == [(5, 1, True)]
    assert (got, reader.mid_message) == (dataset + b"\0" * (len(dataset) % 2), False)


def data(context_id: int, *, command: bool, last: bool, value: bytes = b"") -> DataReceived:
    return DataReceived(context_id, command, last, memoryview(value))


WHOLE_COMMAND = data(1, command=True, last=True, value=COMMAND_SET)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([data(1, command=False, last=True)], "a data set fragment where the start of a message"),
        (
            [data(1, command=True, last=False), data(1, command=False, last=True)],
            "a data set fragment where more of a command set is due",
        ),
        (
            [WHOLE_COMMAND, data(1, command=True, last=True)],
            "a command fragment where a data set is due",
        ),
        (
            [WHOLE_COMMAND, data(3, command=False, last=True)],
            "a fragment on presentation context 3 within a message on 1",
        ),
        (
            [data(1, command=True, last=False), data(3, command=True, last=False)],
            "a fragment on presentation context 3 within a message on 1",
        ),
        ([data(1, command=True, last=True)], "a command set without Command Field or Command Data"),
        (
            [data(1, command=True, last=False, value=bytes(LARGEST_COMMAND_SET // 2 + 1))] * 2,
            "a command set of more than 65536 bytes",
        ),
    ],
)
def test_messages_are_not_mixed(pieces: list[DataReceived], message: str) -> None:
    """PS3.8 E.2: fragments of one message follow each other on one context."""
    reader = MessageReader()
    for piece in pieces[:-1]:
        reader.feed(piece)
    with pytest.raises(ProtocolError) as raised:
        reader.feed(pieces[-1])
    assert str(raised.value).startswith(message)


def test_the_fragment_fits_the_peer() -> None:
    """The maximum length counts 6 bytes of each value; 0 is unlimited; sizes are even."""
    assert largest_fragment(16384, 1000000) == 16378
    assert largest_fragment(16383, 1000000) == 16376
    assert largest_fragment(0, 1000000) == 1000000
    assert largest_fragment(1 << 31, 1000000) == 1000000
    with pytest.raises(ProtocolError, match=r"^the peer's maximum length of 7 leaves no room"):
        largest_fragment(7, 1000000)
