"""pynetdicom asks, we answer."""

from __future__ import annotations

import ssl
from queue import Queue

import pytest
from loopback_peers import (
    CT,
    EXPLICIT,
    FIND,
    GET,
    IMPLICIT,
    MOVE,
    VERIFICATION,
    Listen,
    Service,
    Stored,
    echo_service,
    supported,
)
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import JPEG2000Lossless, RLELossless
from pynetdicom import AE, evt
from pynetdicom import build_role as role_for
from pynetdicom.dsutils import encode
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)

from pacs_framework.dicom.status import Status
from pacs_framework.network.decisions import AssociationRequest, Rejection, RejectReason
from pacs_framework.network.scu import c_store
from pacs_framework.network.service import CommandField, Request
from pacs_framework.network.tls import server_context
from pacs_framework.testing.certificates import Certificates

SYNTAXES = [IMPLICIT, EXPLICIT, str(RLELossless), str(JPEG2000Lossless)]


def instance(uid: str, syntax: str = EXPLICIT) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, uid
    dataset.PatientName = "Test^Patient"
    dataset.PixelData = bytes(range(256)) * 300
    if syntax in SYNTAXES[2:]:
        dataset.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
        dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def requestor(*uids: str, syntaxes: list[str] | None = None) -> AE:
    ae = AE("ANOTHER")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
    for uid in uids:
        ae.add_requested_context(uid, syntaxes or [EXPLICIT, IMPLICIT])
    return ae


def test_echo(listen: Listen) -> None:
    """C-ECHO, several on one association, then release."""
    listener = listen(echo_service())
    association = requestor(VERIFICATION).associate(*listener.address)
    assert association.is_established
    assert [association.send_c_echo().Status for _ in range(3)] == [0, 0, 0]
    association.release()
    assert association.is_released


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("max_pdu", [0, 4096, 16382])
def test_store_in_several_syntaxes(
    listen: Listen, stored: Stored, syntax: str, max_pdu: int
) -> None:
    """The data set arrives byte for byte, whatever the syntax and the fragments."""
    listener = listen(stored.service())
    ae = requestor(CT, syntaxes=[syntax])
    association = ae.associate(*listener.address, max_pdu=max_pdu)
    dataset = instance("1.2.3.4", syntax)
    assert association.send_c_store(dataset, msg_id=7).Status == 0
    association.release()
    implicit = syntax == IMPLICIT
    assert stored.instances == [("1.2.3.4", syntax, encode(dataset, implicit, True))]
    assert stored.commands[0]["MessageID"] == 7


def test_find(listen: Listen) -> None:
    """Pending responses with their data sets in order, then the final one."""

    def find(request: Request) -> None:
        identifier = request.read_dataset()
        for _ in range(3):
            request.respond(Status.PENDING, dataset=identifier)
        request.respond(Status.SUCCESS)

    listener = listen(Service("find", [CommandField.C_FIND], find, supported(FIND)))
    association = requestor(FIND).associate(*listener.address)
    query = Dataset()
    query.QueryRetrieveLevel, query.PatientID = "STUDY", "4711"
    answers = list(association.send_c_find(query, FIND))
    association.release()
    assert [status.Status for status, _ in answers] == [0xFF00] * 3 + [0]
    assert [match.PatientID for _, match in answers[:3] if match] == ["4711"] * 3


def test_find_is_cancelled_in_the_middle(listen: Listen) -> None:
    """C-CANCEL is seen between two responses, without anybody waiting for it."""

    def find(request: Request) -> None:
        request.read_dataset()
        while not request.cancelled():
            request.respond(Status.PENDING, dataset=encode(Dataset(), True, True))
        request.respond(Status.CANCEL)

    listener = listen(Service("find", [CommandField.C_FIND], find, supported(FIND)))
    association = requestor(FIND).associate(*listener.address)
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    statuses = []
    for number, (status, _) in enumerate(association.send_c_find(query, FIND, msg_id=5)):
        statuses.append(status.Status)
        if number == 2:
            association.send_c_cancel(5, query_model=FIND)
    assert set(statuses[:-1]) == {0xFF00}
    assert statuses[-1] == Status.CANCEL
    association.release()


def test_move_reports_its_progress(listen: Listen) -> None:
    """Counters and the destination pass through the command set."""

    def move(request: Request) -> None:
        request.read_dataset()
        counts = {"NumberOfRemainingSuboperations": 1, "NumberOfCompletedSuboperations": 2}
        counts |= {"NumberOfFailedSuboperations": 3, "NumberOfWarningSuboperations": 4}
        request.respond(Status.PENDING, elements=counts)
        known = request.command["MoveDestination"] == "THERE"
        request.respond(
            Status.SUCCESS if known else Status.MOVE_DESTINATION_UNKNOWN, comment="unknown"
        )

    listener = listen(Service("move", [CommandField.C_MOVE], move, supported(MOVE)))
    association = requestor(MOVE).associate(*listener.address)
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    (pending, _), (final, _) = association.send_c_move(query, "THERE", MOVE)
    counts = (
        pending.NumberOfRemainingSuboperations,
        pending.NumberOfCompletedSuboperations,
        pending.NumberOfFailedSuboperations,
        pending.NumberOfWarningSuboperations,
    )
    assert (counts, final.Status) == ((1, 2, 3, 4), 0)
    *_, (final, _) = association.send_c_move(query, "ELSEWHERE", MOVE)
    assert (final.Status, final.ErrorComment) == (0xA801, "unknown")
    association.release()


def get_service(datasets: list[Dataset]) -> Service:
    """C-GET that sends its instances on the association it is asked on."""

    def get(request: Request) -> None:
        request.read_dataset()
        association = request.association
        for number, dataset in enumerate(datasets):
            context = association.context_for(CT, scu=True)
            assert context is not None
            implicit = context.transfer_syntax == IMPLICIT
            encoded = encode(dataset, implicit, True)
            assert encoded is not None
            if request.cancelled():
                request.respond(Status.CANCEL)
                return
            response = c_store(
                association,
                context=context,
                sop_class_uid=CT,
                sop_instance_uid=dataset.SOPInstanceUID,
                data=[encoded[:5], encoded[5:]],
            )
            assert response.status == 0
            left = len(datasets) - number - 1
            request.respond(
                Status.PENDING,
                elements={
                    "NumberOfRemainingSuboperations": left,
                    "NumberOfCompletedSuboperations": number + 1,
                },
            )
        request.respond(Status.SUCCESS)

    return Service(
        "get",
        [CommandField.C_GET],
        get,
        supported(GET),
        supported(CT, scu=False, scp=True),
    )


def test_get_sends_on_the_same_association(listen: Listen) -> None:
    """C-STORE sub-operations go out on the context where the requestor is SCP."""
    datasets = [instance(f"1.2.3.{n}") for n in range(1, 6)]
    listener = listen(get_service(datasets))
    received: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        received.append(event.dataset)
        return 0

    association = requestor(GET, CT).associate(
        *listener.address,
        ext_neg=[role_for(CT, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, keep)],
    )
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    statuses = [status.Status for status, _ in association.send_c_get(query, GET)]
    association.release()
    assert statuses == [0xFF00] * 5 + [0]
    assert [d.SOPInstanceUID for d in received] == [d.SOPInstanceUID for d in datasets]
    assert received[0].PixelData == datasets[0].PixelData


def test_negotiation_reaches_the_service(listen: Listen) -> None:
    """Extended negotiation, a user identity, and an operations window, all at once."""
    seen: list[AssociationRequest] = []
    agreed: list[bytes] = []

    def find(request: Request) -> None:
        request.read_dataset()
        agreed.append(request.extended_negotiation)
        request.respond(Status.SUCCESS)

    listener = listen(
        Service("find", [CommandField.C_FIND], find, supported(FIND), agreed=b"\1\0"),
        decide=seen.append,
    )
    extended, identity, window = (
        SOPClassExtendedNegotiation(),
        UserIdentityNegotiation(),
        AsynchronousOperationsWindowNegotiation(),
    )
    extended.sop_class_uid, extended.service_class_application_information = FIND, b"\1\1"
    identity.user_identity_type, identity.primary_field = 2, b"user"
    identity.secondary_field, identity.positive_response_requested = b"passcode", True
    window.maximum_number_operations_invoked = 4
    association = requestor(FIND).associate(*listener.address, ext_neg=[extended, identity, window])
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    assert [s.Status for s, _ in association.send_c_find(query, FIND)] == [0]
    acceptor = association.acceptor
    assert acceptor.asynchronous_operations == (1, 1)
    assert acceptor.user_identity is not None
    assert acceptor.sop_class_extended == {FIND: b"\1\0"}
    association.release()
    assert agreed == [b"\1\0"]
    assert seen[0].user_identity is not None
    assert (seen[0].user_identity.primary, seen[0].user_identity.secondary) == (
        b"user",
        b"passcode",
    )
    assert (seen[0].calling_aet, seen[0].address) == ("ANOTHER", "127.0.0.1")


def test_a_rejection_is_understood(listen: Listen) -> None:
    """Result, source and reason as the other side reads them."""
    refusal = Rejection(reason=RejectReason.CALLING_AE_TITLE_NOT_RECOGNIZED)
    listener = listen(echo_service(), decide=lambda _: refusal)
    # By event, because is_rejected is set only when its threads run in one certain order.
    received: Queue[A_ASSOCIATE_RJ] = Queue()
    association = requestor(VERIFICATION).associate(
        *listener.address, evt_handlers=[(evt.EVT_PDU_RECV, lambda event: received.put(event.pdu))]
    )
    pdu = received.get(timeout=60)
    assert (pdu.result, pdu.source, pdu.reason_diagnostic) == (1, 1, 3)
    assert not association.is_established


def test_echo_over_tls(listen: Listen, certificates: Certificates) -> None:
    """TLS with a certificate on both sides, and its subject known to whoever decides."""
    seen: list[str] = []
    context = server_context(
        certificates.server, ca=certificates.ca, client_certificates="required"
    )
    listener = listen(
        echo_service(), tls=context, decide=lambda request: seen.append(request.tls_subject)
    )
    client = ssl.create_default_context(cafile=str(certificates.ca))
    client.load_cert_chain(certificates.client)
    association = requestor(VERIFICATION).associate(
        *listener.address, tls_args=(client, "127.0.0.1")
    )
    assert association.send_c_echo().Status == 0
    association.release()
    assert seen == ["CN=client,O=Hospital"]
