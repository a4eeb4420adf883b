"""Two ends of the upper layer without a socket, and proposals made by pynetdicom."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context

from pacs_framework.network.associate import AssociateAnswer, ResultItem
from pacs_framework.network.associate_writer import encode_accept, encode_items
from pacs_framework.network.events import AssociateIndicated
from pacs_framework.network.upper_layer import UpperLayer

VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"


@pytest.fixture
def make_request() -> Callable[..., bytes]:
    """A-ASSOCIATE-RQ as pynetdicom encodes it."""

    def make(contexts: list[tuple[str, list[str]]] | None = None, *more: object) -> bytes:
        primitive = A_ASSOCIATE()
        primitive.application_context_name = "1.2.840.10008.3.1.1.1"
        primitive.calling_ae_title = "CALLING"
        primitive.called_ae_title = "CALLED"
        length, uid = MaximumLengthNotification(), ImplementationClassUIDNotification()
        length.maximum_length_received = 16382
        uid.implementation_class_uid = "1.2.3.4"
        primitive.user_information = [length, uid, *more]
        built = []
        for number, (abstract, syntaxes) in enumerate(contexts or [(VERIFICATION, [IMPLICIT])]):
            context = build_context(abstract, syntaxes)
            context.context_id = 2 * number + 1
            built.append(context)
        primitive.presentation_context_definition_list = built
        return A_ASSOCIATE_RQ(primitive).encode()

    return make


@pytest.fixture
def acceptance() -> bytes:
    """A-ASSOCIATE-AC that accepts context 1."""
    answer = AssociateAnswer(
        results=(ResultItem(context_id=1, result=0, transfer_syntax=IMPLICIT),),
        max_pdu=16382,
        roles={},
        extended={},
    )
    return encode_accept(encode_items(answer), bytes(32))


@pytest.fixture
def acceptor() -> UpperLayer:
    """An acceptor that waits for A-ASSOCIATE-RQ."""
    upper = UpperLayer(is_requestor=False, max_pdu=16384)
    upper.transport_open()
    return upper


@pytest.fixture
def established(
    acceptor: UpperLayer, make_request: Callable[..., bytes], acceptance: bytes
) -> UpperLayer:
    """An acceptor with an association; nothing left to send."""
    (event,) = acceptor.receive(memoryview(make_request()))
    assert isinstance(event, AssociateIndicated)
    acceptor.accept(acceptance)
    acceptor.take_output()
    return acceptor


@pytest.fixture
def requestor(make_request: Callable[..., bytes], acceptance: bytes) -> UpperLayer:
    """A requestor with an association; nothing left to send."""
    upper = UpperLayer(is_requestor=True, max_pdu=16384)
    upper.associate()
    upper.transport_open(make_request())
    upper.receive(memoryview(acceptance))
    upper.take_output()
    return upper
