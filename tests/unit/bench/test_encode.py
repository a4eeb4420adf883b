"""What the client of the bench sends is DICOM: pynetdicom reads it."""

from __future__ import annotations

from io import BytesIO

import pytest
from bench.client import encode
from bench.client.wire import Accepted, Refused, status_in
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom.dimse_messages import C_FIND_RQ, C_MOVE_RQ, C_STORE_RQ, C_STORE_RSP, DIMSEMessage
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ, P_DATA_TF
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)


def decoded(buffers):
    """The message that pynetdicom makes of what goes to the socket, and its data set."""
    data, message, complete = b"".join(buffers), DIMSEMessage(), False
    while data:
        length = 6 + int.from_bytes(data[2:6], "big")
        pdu = P_DATA_TF()
        pdu.decode(data[:length])
        data = data[length:]
        complete = message.decode_msg(pdu.to_primitive())
    assert complete, "the last fragment is not marked as such"
    return message


def test_association_request_says_what_was_asked():
    """Titles, contexts, the longest PDU and the role for C-GET (PS3.8 9.3.2, PS3.7 D.3.3.4)."""
    contexts = [
        encode.Context(1, StudyRootQueryRetrieveInformationModelFind, (ExplicitVRLittleEndian,)),
        encode.Context(3, MRImageStorage, (ExplicitVRLittleEndian,), as_scp=True),
    ]
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(encode.associate_request("BENCH", "ARCHIVE", contexts))
    request = pdu.to_primitive()
    assert (request.calling_ae_title, request.called_ae_title) == ("BENCH", "ARCHIVE")
    assert request.maximum_length_received == encode.MAX_PDU
    proposed = {c.context_id: c for c in request.presentation_context_definition_list}
    assert proposed[3].abstract_syntax == MRImageStorage
    assert proposed[1].transfer_syntax == [ExplicitVRLittleEndian]
    roles = [i for i in request.user_information if hasattr(i, "scp_role")]
    assert [(r.sop_class_uid, r.scu_role, r.scp_role) for r in roles] == [
        (MRImageStorage, True, True)
    ]


def test_association_accept_is_read_back():
    """What the receiver of C-MOVE accepts, pynetdicom and the client itself understand."""
    accept = encode.associate_accept("PACS", "BENCH", {1: ExplicitVRLittleEndian})
    pdu = A_ASSOCIATE_AC()
    pdu.decode(accept)
    (context,) = pdu.to_primitive().presentation_context_definition_results_list
    assert (context.context_id, context.result) == (1, 0)
    parsed = Accepted.parse(accept[6:])
    assert parsed == Accepted(encode.MAX_PDU, {1: ExplicitVRLittleEndian})


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=6),
    max_pdu=st.sampled_from([0, 256, 1024, 16384]),
)
def test_data_set_is_fragmented_and_whole(pieces, max_pdu):
    """No PDU is longer than the peer allows, and the data set arrives as it was cut."""
    dataset = b"".join(pieces)
    command = encode.store_request(7, MRImageStorage, "2.25.1")
    buffers = encode.message(1, command, pieces, len(dataset), max_pdu)
    for header in buffers[1:]:
        if len(header) == 12 and bytes(header[:2]) == b"\x04\0":
            assert not max_pdu or int.from_bytes(header[2:6], "big") <= max_pdu
    message = decoded(buffers)
    assert isinstance(message, C_STORE_RQ)
    assert message.data_set.getvalue() == dataset


def test_requests_carry_their_elements():
    """C-FIND and C-MOVE with an identifier; a destination of odd length is padded with a space."""
    model = StudyRootQueryRetrieveInformationModelMove
    move = decoded(encode.message(1, encode.retrieve_request(9, model, "BENCHRECV"), [b"ab"], 2))
    assert isinstance(move, C_MOVE_RQ)
    primitive = move.message_to_primitive()
    assert (primitive.MessageID, primitive.MoveDestination) == (9, "BENCHRECV")
    find = decoded(encode.message(1, encode.query_request(3, model), [b"ab"], 2))
    assert isinstance(find, C_FIND_RQ)
    assert find.message_to_primitive().Identifier.getvalue() == b"ab"


@pytest.mark.parametrize("message_id", [1, 0x0209, 0x0900, 0xFFFF])
@pytest.mark.parametrize("status", [0, 0xFF00, 0xA700])
def test_status_is_found_by_its_element(message_id, status):
    """Not by its bytes: message ID 0209H looks like the tag of the status."""
    response = encode.store_response(message_id, MRImageStorage, "2.25.1", status)
    assert status_in(response) == status
    message = decoded(encode.message(1, response))
    assert isinstance(message, C_STORE_RSP)
    assert message.message_to_primitive().Status == status


def test_response_without_status_is_refused():
    """A request where a response is due has none."""
    with pytest.raises(Refused, match="without a status"):
        status_in(encode.query_request(1, MRImageStorage))


def test_buffers_are_not_copied():
    """A gigabyte of pixels stays where it is: fragments are views."""
    pixels = bytes(100_000)
    buffers = encode.message(1, b"", [pixels], len(pixels), 16384)
    views = [each for each in buffers if isinstance(each, memoryview)]
    assert all(view.obj is pixels for view in views)
    assert BytesIO(b"".join(views)).getbuffer().nbytes == len(pixels)
