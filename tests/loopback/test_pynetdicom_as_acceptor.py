"""We ask, pynetdicom answers."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
from loopback_peers import (
    CT,
    EXPLICIT,
    FIND,
    GET,
    IMPLICIT,
    MOVE,
    VERIFICATION,
    Stored,
    proposed,
)
from pydicom.dataset import Dataset, FileMetaDataset
from pynetdicom import AE, evt
from pynetdicom.dsutils import decode, encode

from pacs_framework.dicom.status import Status
from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext, UserIdentity
from pacs_framework.network.errors import AssociationRejected, ConnectionFailed
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.network.scu import c_echo, c_find, c_get, c_move, c_store
from pacs_framework.network.tls import client_context
from pacs_framework.testing.certificates import Certificates

QUERY = Dataset()
QUERY.QueryRetrieveLevel = "STUDY"
QUERY.PatientID = ""
IDENTIFIER = encode(QUERY, False, True) or b""

Serve = Callable[..., tuple[str, int]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start pynetdicom as acceptor with these handlers."""
    servers = []

    def start(*handlers: object, ae: AE | None = None, **more: object) -> tuple[str, int]:
        ae = ae or AE("OTHER")
        for uid in (VERIFICATION, CT, FIND, MOVE, GET):
            ae.add_supported_context(uid, [EXPLICIT, IMPLICIT], scu_role=True, scp_role=True)
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers), **more)
        servers.append(server)
        return server.server_address[0], server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()


def to(address: tuple[str, int], *uids: str, **more: object) -> Association:
    settings = {"calling_aet": "ME", "called_aet": "OTHER", "contexts": proposed(*uids), **more}
    return connect(*address, **settings)  # type: ignore[arg-type]


def test_echo(serve: Serve) -> None:
    """C-ECHO and release."""
    released = []
    address = serve((evt.EVT_RELEASED, released.append))
    with to(address, VERIFICATION) as association:
        assert [c_echo(association) for _ in range(3)] == [0, 0, 0]
        assert association.is_requestor
        assert (association.peer.calling_aet, association.peer.called_aet) == ("ME", "OTHER")
    assert len(released) == 1


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize("max_pdu", [0, 4096, 16382])
def test_store_from_every_kind_of_source(serve: Serve, syntax: str, max_pdu: int) -> None:
    """Bytes, pieces of any size and open files arrive as the same data set."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, "1.2.3"
    dataset.PixelData = bytes(range(256)) * 3000
    dataset["PixelData"].VR = "OB"
    encoded = encode(dataset, syntax == IMPLICIT, True) or b""
    received: list[bytes] = []
    originators: list[tuple[str, int]] = []

    def keep(event: evt.Event) -> int:
        received.append(event.request.DataSet.getvalue())
        originators.append(
            (
                event.request.MoveOriginatorApplicationEntityTitle,
                event.request.MoveOriginatorMessageID,
            )
        )
        return 0xB007

    ae = AE("OTHER")
    ae.maximum_pdu_size = max_pdu
    address = serve((evt.EVT_C_STORE, keep), ae=ae)
    contexts = [ProposedContext(context_id=9, abstract_syntax=CT, transfer_syntaxes=(syntax,))]
    pieces = [encoded[:1], b"", memoryview(encoded)[1:1001], encoded[1001:]]
    with to(address, contexts=contexts) as association:
        context = association.context_for(CT, syntax)
        assert context is not None
        assert association.context_for(CT, "1.2.3") is None
        for source in (encoded, pieces, BytesIO(encoded)):
            response = c_store(
                association,
                context=context,
                sop_class_uid=CT,
                sop_instance_uid="1.2.3",
                data=source,
                move_originator=("MOVER", 17),
            )
            assert response.status == 0xB007
            assert response.command["AffectedSOPInstanceUID"] == "1.2.3"
    assert received == [encoded] * 3
    assert originators == [("MOVER", 17)] * 3


def test_find(serve: Serve) -> None:
    """Matches come one by one, the final response last."""

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(3):
            match = Dataset()
            match.PatientID = f"P{number}"
            yield 0xFF00, match

    address = serve((evt.EVT_C_FIND, find))
    with to(address, FIND) as association:
        context = association.context_for(FIND)
        assert context is not None
        responses = list(c_find(association, context=context, identifier=IDENTIFIER))
    assert [r.status for r in responses] == [0xFF00] * 3 + [0]
    ids = [decode(BytesIO(r.dataset), False, True).PatientID for r in responses if r.dataset]
    assert ids == ["P0", "P1", "P2"]


def test_closing_a_find_cancels_it(serve: Serve) -> None:
    """``close()`` sends C-CANCEL and waits for the final response; the association stays usable."""
    cancelled = []

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        while not event.is_cancelled:
            # pynetdicom queues responses without a bound, faster than it sends them.
            time.sleep(0.01)
            yield 0xFF00, QUERY
        cancelled.append(event.message_id)
        yield 0xFE00, None

    address = serve((evt.EVT_C_FIND, find))
    with to(address, FIND, VERIFICATION) as association:
        context = association.context_for(FIND)
        assert context is not None
        matches = c_find(association, context=context, identifier=IDENTIFIER)
        assert next(matches).status == 0xFF00
        matches.close()  # type: ignore[attr-defined]
        assert c_echo(association) == 0
    assert cancelled == [1]


def test_move(serve: Serve) -> None:
    """Progress and the final status of a move to an unknown destination."""
    asked = []

    def move(event: evt.Event) -> Iterator[object]:
        asked.append(event.move_destination)
        yield (None, None)

    address = serve((evt.EVT_C_MOVE, move))
    with to(address, MOVE) as association:
        context = association.context_for(MOVE)
        assert context is not None
        responses = list(
            c_move(association, context=context, identifier=IDENTIFIER, destination="NOWHERE")
        )
    assert [r.status for r in responses] == [Status.MOVE_DESTINATION_UNKNOWN]
    assert asked == ["NOWHERE"]


def test_get_serves_the_incoming_stores(serve: Serve, stored: Stored) -> None:
    """C-STORE requests of a C-GET go to our services while the iterator runs."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.PatientID = CT, "1.2.3", "4711"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    encoded = encode(dataset, False, True)

    def get(event: evt.Event) -> Iterator[object]:
        yield 3
        for _ in range(3):
            yield 0xFF00, dataset

    address = serve((evt.EVT_C_GET, get))
    with to(
        address, contexts=proposed(GET, CT, scp=True), services=Router([stored.service()])
    ) as association:
        context = association.context_for(GET)
        assert context is not None
        assert association.context_for(CT, scu=False) is not None
        responses = list(c_get(association, context=context, identifier=IDENTIFIER))
    assert [r.status for r in responses] == [0xFF00] * 3 + [0]
    assert responses[-1].command["NumberOfCompletedSuboperations"] == 3
    assert stored.instances == [("1.2.3", EXPLICIT, encoded)] * 3


def test_user_identity_and_extended_negotiation_are_answered(serve: Serve) -> None:
    """What the acceptor answers is there for the caller."""
    address = serve(
        (evt.EVT_USER_ID, lambda event: (event.user_id_type == 5, b"token")),
        (evt.EVT_SOP_EXTENDED, lambda event: {FIND: b"\1"}),
    )
    identity = UserIdentity(kind=5, primary=b"me", secondary=b"", response_requested=True)
    with to(
        address, FIND, user_identity=identity, extended_negotiation={FIND: b"\1\1"}
    ) as association:
        assert association.user_identity_response == b"token"
        assert association.extended_negotiation == {FIND: b"\1"}
        assert association.implementation[1].startswith("PYNETDICOM")


def test_a_rejection_is_raised_with_its_numbers(serve: Serve) -> None:
    """A-ASSOCIATE-RJ: permanent, service-user, called AE title not recognized."""
    ae = AE("OTHER")
    ae.require_called_aet = True
    address = serve(ae=ae)
    with pytest.raises(AssociationRejected) as raised:
        to(address, VERIFICATION, called_aet="WRONG")
    assert (raised.value.result, raised.value.source, raised.value.reason) == (1, 1, 7)


def test_nobody_there(serve: Serve) -> None:
    """ConnectionFailed names the address."""
    ae = AE()
    ae.add_supported_context(VERIFICATION)
    server = ae.start_server(("127.0.0.1", 0), block=False)
    port = server.server_address[1]
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionFailed, match=f"^cannot connect to '127.0.0.1' port {port}: "):
        to(("127.0.0.1", port), VERIFICATION)


def test_echo_over_tls(serve: Serve, certificates: Certificates) -> None:
    """We verify the server and show our certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.ca))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates.server)
    address = serve(ssl_context=context)
    tls = client_context(ca=certificates.ca, certificate=certificates.client)
    with to(address, VERIFICATION, tls=tls) as association:
        assert c_echo(association) == 0
        assert association.peer.tls_subject == "CN=server,O=Hospital"
