"""A-ASSOCIATE against pynetdicom: what it writes we read, what we write it reads."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    ImplementationVersionNameNotification,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)

from pacs_framework.network.associate import (
    AssociateAnswer,
    AssociateRequest,
    CommonExtendedNegotiation,
    ResultItem,
)
from pacs_framework.network.associate_reader import decode_accept, decode_request
from pacs_framework.network.associate_writer import encode_accept, encode_items, encode_request
from pacs_framework.network.decisions import ProposedContext, UserIdentity
from pacs_framework.network.errors import ProtocolError

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"

MakeRequest = Callable[..., bytes]


def role(uid: str, *, scu: bool, scp: bool) -> SCP_SCU_RoleSelectionNegotiation:
    item = SCP_SCU_RoleSelectionNegotiation()
    item.sop_class_uid, item.scu_role, item.scp_role = uid, scu, scp
    return item


def identity(kind: int, primary: bytes, secondary: bytes = b"") -> UserIdentityNegotiation:
    item = UserIdentityNegotiation()
    item.user_identity_type = kind
    item.positive_response_requested = True
    item.primary_field = primary
    if secondary:
        item.secondary_field = secondary
    return item


def read(pdu: bytes) -> AssociateRequest:
    return decode_request(pdu[6:])


def test_a_request_is_read_whole(make_request: MakeRequest) -> None:
    """Titles, contexts with their roles, and every user information item of PS3.7 D.3.3."""
    version, window = (
        ImplementationVersionNameNotification(),
        AsynchronousOperationsWindowNegotiation(),
    )
    version.implementation_version_name = "VERSION"
    window.maximum_number_operations_invoked = 5
    window.maximum_number_operations_performed = 7
    extended, common = SOPClassExtendedNegotiation(), SOPClassCommonExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = CT, b"\1\0\1"
    common.sop_class_uid, common.service_class_uid = CT, "1.2.840.10008.4.2"
    common.related_general_sop_class_identification = ["1.2.3", "1.2.4"]
    request = read(
        make_request(
            [(VERIFICATION, [IMPLICIT]), (CT, [EXPLICIT, IMPLICIT])],
            version,
            window,
            role(CT, scu=False, scp=True),
            extended,
            common,
            identity(2, b"name", b"secret"),
        )
    )
    proposal = request.proposal
    assert (request.calling_aet, request.called_aet) == ("CALLING", "CALLED")
    assert proposal.contexts == (
        ProposedContext(context_id=1, abstract_syntax=VERIFICATION, transfer_syntaxes=(IMPLICIT,)),
        ProposedContext(
            context_id=3,
            abstract_syntax=CT,
            transfer_syntaxes=(EXPLICIT, IMPLICIT),
            scu=False,
            scp=True,
        ),
    )
    assert proposal.application_context == "1.2.840.10008.3.1.1.1"
    assert proposal.implementation == ("1.2.3.4", "VERSION")
    assert (proposal.max_pdu, proposal.asynchronous_operations) == (16382, (5, 7))
    assert proposal.extended == {CT: b"\1\0\1"}
    assert proposal.common_extended == {
        CT: CommonExtendedNegotiation(
            service_class_uid="1.2.840.10008.4.2", related_general_sop_classes=("1.2.3", "1.2.4")
        )
    }
    assert request.user_identity == UserIdentity(
        kind=2, primary=b"name", secondary=b"secret", response_requested=True
    )


def test_identical_requests_are_read_once(make_request: MakeRequest) -> None:
    """The same items give the same record; who calls is not part of it."""
    one = make_request()
    other = bytearray(one)
    other[26:33] = b"ANOTHER"
    assert read(one).proposal is read(bytes(other)).proposal
    assert read(bytes(other)).calling_aet == "ANOTHER"


def test_a_secret_is_not_kept(make_request: MakeRequest) -> None:
    """The user identity is not part of what the cache holds, and its repr hides it."""
    request = read(make_request(None, identity(2, b"name", b"secret")))
    assert b"secret" not in request.proposal.encoded
    assert "secret" not in repr(request)


def test_unknown_items_are_skipped(make_request: MakeRequest) -> None:
    """Items and sub-items of types that the standard does not know do no harm (PS3.8 9.3.1)."""
    pdu = make_request()
    unknown = struct.pack(">BxH", 0x7F, 3) + b"abc"
    start = pdu.rindex(b"\x50\x00", 0, len(pdu) - 4)
    (length,) = struct.unpack_from(">H", pdu, start + 2)
    longer = (
        pdu[:start]
        + unknown
        + struct.pack(">BxH", 0x50, length + len(unknown))
        + pdu[start + 4 :]
        + unknown
    )
    assert replace(read(longer).proposal, encoded=b"") == replace(read(pdu).proposal, encoded=b"")
    assert read(longer).proposal.contexts == read(pdu).proposal.contexts
    assert read(longer).proposal.implementation == ("1.2.3.4", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda pdu: pdu[:70], "shorter than 68", id="no fixed part"),
        pytest.param(lambda pdu: pdu[:-1], "longer than what holds it", id="cut"),
        pytest.param(lambda pdu: pdu + b"\x10", "cut short", id="stray byte"),
        pytest.param(
            lambda pdu: pdu.replace(b"\x20\x00\x00\x2e\x01", b"\x20\x00\x00\x2e\x02"),
            "presentation context id 2 is even or used twice",
            id="even id",
        ),
        pytest.param(
            lambda pdu: pdu[: pdu.rindex(b"\x50\x00", 0, len(pdu) - 4)],
            "no user information",
            id="no user information",
        ),
        pytest.param(
            lambda pdu: pdu.replace(b"\x40\x00\x00\x11", b"\x41\x00\x00\x11").replace(
                b"\x30\x00\x00\x11", b"\x31\x00\x00\x11"
            ),
            "presentation context 1 has no abstract syntax",
            id="no abstract syntax",
        ),
    ],
)
def test_what_is_no_request_is_told(
    make_request: MakeRequest, change: Callable[[bytes], bytes], message: str
) -> None:
    """ProtocolError that says what."""
    with pytest.raises(ProtocolError, match=message):
        read(change(make_request()))


def test_a_context_id_is_used_once(make_request: MakeRequest) -> None:
    """Two contexts with one id cannot be told apart."""
    pdu = make_request([(VERIFICATION, [IMPLICIT]), (CT, [IMPLICIT])])
    start = pdu.index(b"\x20\x00", 100)
    twice = pdu[: start + 4] + b"\x01" + pdu[start + 5 :]
    with pytest.raises(ProtocolError, match="presentation context id 1 is even or used twice"):
        read(twice)


def test_pynetdicom_reads_our_request() -> None:
    """All that `connect` may propose arrives."""
    encoded = encode_request(
        calling_aet="ME",
        called_aet="YOU",
        contexts=(
            ProposedContext(context_id=1, abstract_syntax=CT, transfer_syntaxes=(EXPLICIT,)),
            ProposedContext(
                context_id=3, abstract_syntax=CT, transfer_syntaxes=(IMPLICIT,), scp=True
            ),
            ProposedContext(
                context_id=5, abstract_syntax=VERIFICATION, transfer_syntaxes=(IMPLICIT,)
            ),
        ),
        max_pdu=32768,
        extended={CT: b"\1\1"},
        user_identity=UserIdentity(kind=1, primary=b"name", secondary=b"", response_requested=True),
    )
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(encoded)
    assert (pdu.calling_ae_title, pdu.called_ae_title) == ("ME", "YOU")
    contexts = pdu.presentation_context
    assert [(c.context_id, c.abstract_syntax, c.transfer_syntax) for c in contexts] == [
        (1, CT, [EXPLICIT]),
        (3, CT, [IMPLICIT]),
        (5, VERIFICATION, [IMPLICIT]),
    ]
    information = pdu.user_information
    assert information is not None
    assert information.maximum_length == 32768
    assert {uid: (r.scu_role, r.scp_role) for uid, r in information.role_selection.items()} == {
        CT: (1, 1)
    }
    assert [(item.uid, item.app_info) for item in information.ext_neg] == [(CT, b"\1\1")]
    assert information.user_identity is not None
    assert information.user_identity.primary == b"name"
    # And we read it as well as we write it.
    assert read(encoded).proposal.roles == {CT: (True, True)}


def test_pynetdicom_reads_our_answer() -> None:
    """A-ASSOCIATE-AC round trip through both readers."""
    answer = AssociateAnswer(
        results=(
            ResultItem(context_id=1, result=0, transfer_syntax=EXPLICIT),
            ResultItem(context_id=3, result=4, transfer_syntax=IMPLICIT),
        ),
        max_pdu=65536,
        roles={CT: (True, False)},
        extended={CT: b"\1"},
        asynchronous_operations=(1, 1),
        user_identity_response=b"",
    )
    titles = b"CALLED".ljust(16) + b"CALLING".ljust(16)
    encoded = encode_accept(encode_items(answer), titles)
    read_back = decode_accept(encoded[6:])
    assert read_back.results[1].transfer_syntax == ""  # not significant in a rejection
    assert replace(read_back, results=answer.results) == answer
    pdu = A_ASSOCIATE_AC()
    pdu.decode(encoded)
    assert (pdu.called_ae_title, pdu.calling_ae_title) == ("CALLED", "CALLING")
    assert [(c.context_id, c.result) for c in pdu.presentation_context] == [(1, 0), (3, 4)]
    assert pdu.user_information is not None
    window = pdu.user_information.async_ops_window
    assert window is not None
    assert (window.max_operations_invoked, window.max_operations_performed) == (1, 1)
    assert pdu.user_information.user_identity is not None
