"""C-MOVE on real associations: pynetdicom asks, another node receives (PS3.4 C.4.2)."""

from __future__ import annotations

import io
import threading
import zlib

import pytest
from nodes import CT, EXPLICIT, IMPLICIT, J2K, MR, RLE, Node, keys
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.matching import values_of
from pacs_framework.dicom.status import Status
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.peers import PeerAddress, PeerBook
from pacs_framework.network.requestor import connect
from pacs_framework.network.service import CommandField
from pacs_framework.testing.receiver import Receiver
from pacs_query_retrieve.settings import QueryRetrieveSettings

PATIENT_ROOT = PatientRootQueryRetrieveInformationModelMove
STUDY_ROOT = StudyRootQueryRetrieveInformationModelMove
FAILED_UIDS = 0x00080058
DEFLATED = str(DeflatedExplicitVRLittleEndian)


def move(node, model=STUDY_ROOT, destination="RECEIVER", extended=None, **wanted):
    """All responses as (status, remaining, completed, failed, warning), and the failed UIDs."""
    with node.association(model, extended=extended) as association:
        responses = list(association.send_c_move(keys(**wanted), destination, model))
    identifier = responses[-1][1]
    failed = values_of(identifier.get(FAILED_UIDS)) if identifier else []
    return [counts(status) for status, _ in responses], failed


def counts(status):
    kinds = ("Remaining", "Completed", "Failed", "Warning")
    return (status.Status, *(status.get(f"NumberOf{kind}Suboperations") for kind in kinds))


def study(uid="1.2.1", level="STUDY"):
    return {"QueryRetrieveLevel": level, "StudyInstanceUID": uid}


def test_a_study_goes_to_the_destination_byte_for_byte(node: Node, receiver: Receiver):
    """One pending response for each instance, with counts; success last, without remaining."""
    for uid in ("1.1.1", "1.1.2", "1.2.1"):
        node.store(uid)
    node.store("2.1.1")
    responses, failed = move(node, **study())
    assert responses == [
        (Status.PENDING, 2, 1, 0, 0),
        (Status.PENDING, 1, 2, 0, 0),
        (Status.PENDING, 0, 3, 0, 0),
        (Status.SUCCESS, None, 3, 0, 0),
    ]
    assert failed == []
    expected = {uid: data for uid, data in node.sent.items() if not uid.startswith("1.2.2")}
    assert {uid: data for uid, (_, data) in receiver.instances.items()} == expected


@pytest.mark.parametrize(
    ("model", "wanted", "expected"),
    [
        (PATIENT_ROOT, {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"}, 3),
        (PATIENT_ROOT, {"PatientID": "P1"} | study("1.2.2"), 1),
        (STUDY_ROOT, study("1.2.1\\1.2.2"), 3),
        (STUDY_ROOT, study(level="SERIES") | {"SeriesInstanceUID": "1.2.1.2"}, 1),
        (
            STUDY_ROOT,
            study(level="IMAGE")
            | {"SeriesInstanceUID": "1.2.1.1", "SOPInstanceUID": "1.2.1.1.1\\9.9"},
            1,
        ),
        (STUDY_ROOT, study("9.9"), 0),
    ],
)
def test_both_roots_move_at_all_their_levels(node, receiver, model, wanted, expected):
    for uid in ("1.1.1", "1.2.1", "2.1.1"):
        node.store(uid)
    node.store("3.1.1", PatientID="P2")
    responses, _ = move(node, model, **wanted)
    assert responses[-1] == (Status.SUCCESS, None, expected, 0, 0)
    assert len(receiver.instances) == expected


def test_the_receiver_is_told_who_asked(node, receiver):
    """Move Originator (PS3.7 9.1.1.1): AE title and message id of the C-MOVE."""
    node.store("1.1.1")
    with node.association(STUDY_ROOT) as association:
        list(association.send_c_move(keys(**study()), "RECEIVER", STUDY_ROOT, msg_id=77))
    (command,) = receiver.commands_seen
    assert command["MoveOriginatorApplicationEntityTitle"] == "REQUESTOR"
    assert command["MoveOriginatorMessageID"] == 77


def test_an_unknown_destination_is_refused(node):
    """A801H."""
    node.store("1.1.1")
    responses, _ = move(node, destination="NOBODY", **study())
    assert [response[0] for response in responses] == [Status.MOVE_DESTINATION_UNKNOWN]


def test_a_destination_that_does_not_listen_fails_everything(node, receiver):
    """A702H with the list of all UIDs, and no pending response."""
    sent = [node.store("1.1.1"), node.store("1.1.2")]
    node.archive.peers = PeerBook([PeerAddress(aet="RECEIVER", host="127.0.0.1", port=1)])
    responses, failed = move(node, **study())
    assert responses[-1] == (Status.UNABLE_TO_PERFORM_SUBOPERATIONS, None, 0, 2, 0)
    assert failed == sent


@pytest.mark.parametrize(
    "wanted",
    [
        {"QueryRetrieveLevel": "STUDY"},
        {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"},
        {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": "1.2.1.1"},
        {"StudyInstanceUID": "1.2.1"},
    ],
)
def test_an_identifier_that_names_nothing_is_refused(node, receiver, wanted):
    """A900H, never everything."""
    node.store("1.1.1")
    responses, _ = move(node, **wanted)
    assert [r[0] for r in responses] == [Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS]
    assert receiver.instances == {}


def test_relational_retrieval_needs_its_negotiation(node, receiver):
    """PS3.4 C.5.3."""
    node.store("1.1.1")
    wanted = {"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": "1.2.1.1.1"}
    responses, _ = move(node, extended={STUDY_ROOT: b"\1"}, **wanted)
    assert responses[-1][0] == Status.SUCCESS
    assert move(node, **wanted)[0][-1][0] == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS


@pytest.mark.parametrize(
    ("answers", "final"),
    [
        ([Status.OUT_OF_RESOURCES, Status.SUCCESS], (Status.SUBOPERATIONS_WITH_FAILURES, 1, 1, 0)),
        (
            [Status.COERCION_OF_DATA_ELEMENTS, Status.SUCCESS],
            (Status.SUBOPERATIONS_WITH_FAILURES, 1, 0, 1),
        ),
        (
            [Status.COERCION_OF_DATA_ELEMENTS, Status.CANNOT_UNDERSTAND],
            (Status.SUBOPERATIONS_WITH_FAILURES, 0, 1, 1),
        ),
        (
            [Status.CANNOT_UNDERSTAND, Status.OUT_OF_RESOURCES],
            (Status.UNABLE_TO_PERFORM_SUBOPERATIONS, 0, 2, 0),
        ),
    ],
)
def test_the_final_status_follows_from_how_the_sub_operations_went(node, receiver, answers, final):
    """PS3.4 C.4.2.1.5: B000H for a part, A702H when all failed; the failed UIDs are listed."""
    sent = [node.store("1.1.1"), node.store("1.1.2")]
    left = iter(answers)
    receiver.answer = lambda _request: next(left)
    responses, failed = move(node, **study())
    assert (responses[-1][0], *responses[-1][2:]) == final
    bad = (Status.OUT_OF_RESOURCES, Status.CANNOT_UNDERSTAND)
    assert failed == [uid for uid, status in zip(sent, answers, strict=True) if status in bad]


def test_instances_travel_in_a_transfer_syntax_that_the_receiver_took(node, receiver):
    """As stored where it took that; converted among the uncompressed ones; else failed."""
    receiver.taken = {CT: [IMPLICIT, RLE]}
    kept = [node.store("1.1.1", syntax=RLE), node.store("1.1.2", syntax=IMPLICIT)]
    converted = node.store("1.1.3", syntax=EXPLICIT, PatientName="Doe^Converted")
    refused = node.store("1.1.4", syntax=J2K)
    responses, failed = move(node, **study())
    assert responses[-1] == (Status.SUBOPERATIONS_WITH_FAILURES, None, 3, 1, 0)
    assert failed == [refused]
    assert {receiver.instances[uid][1] for uid in kept} == {node.sent[uid] for uid in kept}
    assert [receiver.instances[uid][0] for uid in kept] == [RLE, IMPLICIT]
    syntax, data = receiver.instances[converted]
    assert syntax == IMPLICIT
    assert b"Doe^Converted" in data
    assert data != node.sent[converted]


class Held(io.BytesIO):
    """A source that offers what it has in memory."""

    def held(self):
        return self.getbuffer()[self.tell() :]


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("odd", [True, False])
def test_a_data_set_of_odd_length_is_padded_on_the_wire(node, receiver, odd, held, monkeypatch):
    """Some writers leave out the null byte behind a deflated stream (PS3.5 A.5); a receiver that
    gets fragments of odd length aborts."""
    data = deflated(odd=odd)
    if held:
        opened = node.storage.open
        monkeypatch.setattr(
            node.storage, "open", lambda key, **part: Held(opened(key, **part).read())
        )
    node.store("1.1.1", syntax=DEFLATED, data=data)
    responses, _ = move(node, **study())
    assert responses[-1][0] == Status.SUCCESS
    assert receiver.instances["1.2.1.1.1"] == (DEFLATED, data + b"\0" * odd)


def deflated(*, odd):
    """A deflated data set whose length is odd or not."""
    for length in range(1, 1000):
        dataset = keys(
            SOPClassUID=CT,
            SOPInstanceUID="1.2.1.1.1",
            StudyInstanceUID="1.2.1",
            SeriesInstanceUID="1.2.1.1",
            ImageComments="x" * length,
        )
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = packer.compress(encode_identifier(dataset, EXPLICIT)) + packer.flush()
        if len(data) % 2 == odd:
            return data
    raise AssertionError


def test_every_kind_of_instance_gets_a_context_of_its_own(node, receiver):
    """A receiver that takes whatever comes gets every transfer syntax as it is stored."""
    sent = [
        node.store(f"1.1.{number}", syntax=syntax, sop_class=sop_class)
        for number, (sop_class, syntax) in enumerate(
            [(CT, EXPLICIT), (CT, IMPLICIT), (CT, RLE), (MR, J2K), (MR, EXPLICIT)], start=1
        )
    ]
    responses, _ = move(node, **study())
    assert responses[-1] == (Status.SUCCESS, None, 5, 0, 0)
    assert {uid: receiver.instances[uid][1] for uid in sent} == node.sent
    assert len(receiver.associations) == 1


def test_many_kinds_take_several_associations(node, receiver):
    """128 presentation contexts fit on one (PS3.8 9.3.2.2)."""
    classes = [f"1.2.3.{number}" for number in range(70)]
    for number, sop_class in enumerate(classes):
        node.store(f"1.1.{number + 1}", sop_class=sop_class)
    responses, _ = move(node, **study())
    assert responses[-1] == (Status.SUCCESS, None, 70, 0, 0)
    assert len(receiver.associations) == 2


def test_an_object_that_is_missing_fails_alone(node, receiver):
    lost, kept = node.store("1.1.1"), node.store("1.1.2")
    node.storage.delete(next(k for k in node.storage.objects if k.startswith(f"{lost}/")))
    responses, failed = move(node, **study())
    assert responses[-1] == (Status.SUBOPERATIONS_WITH_FAILURES, None, 1, 1, 0)
    assert failed == [lost]
    assert list(receiver.instances) == [kept]


def test_a_receiver_that_drops_the_association_gets_the_rest_on_a_second(node, receiver):
    """Once: the instance that was under way has failed."""
    sent = [node.store(f"1.1.{number}") for number in range(1, 5)]

    def abort_at_the_second(request):
        if len(receiver.commands_seen) == 2:
            request.association.abort()
        return Status.SUCCESS

    receiver.answer = abort_at_the_second
    responses, failed = move(node, **study())
    assert responses[-1] == (Status.SUBOPERATIONS_WITH_FAILURES, None, 3, 1, 0)
    assert failed == [sent[1]]
    assert len(receiver.associations) == 2


def test_a_receiver_that_drops_every_association_fails_the_rest(node, receiver):
    sent = [node.store(f"1.1.{number}") for number in range(1, 6)]

    def abort(request):
        request.association.abort()
        return Status.SUCCESS

    receiver.answer = abort
    responses, failed = move(node, **study())
    assert responses[-1] == (Status.UNABLE_TO_PERFORM_SUBOPERATIONS, None, 0, 5, 0)
    assert failed == sent
    assert len(receiver.associations) == 2


def test_a_cancel_in_the_middle_ends_the_sub_operations(node, receiver):
    """FE00H with all four counts (PS3.4 C.4.2.3.1): the receiver sees no further instance."""
    for number in range(1, 6):
        node.store(f"1.1.{number}")
    requested = threading.Event()
    cancel_sent = threading.Event()
    with node.association(
        STUDY_ROOT,
        handlers=[(evt.EVT_PDU_SENT, lambda _: requested.is_set() and cancel_sent.set())],
    ) as association:

        def cancel_at_the_second(_request):
            if len(receiver.commands_seen) == 2:
                requested.set()
                association.send_c_cancel(9, query_model=STUDY_ROOT)
                assert cancel_sent.wait(30)
            return Status.SUCCESS

        receiver.answer = cancel_at_the_second
        responses = association.send_c_move(keys(**study()), "RECEIVER", STUDY_ROOT, msg_id=9)
        final = [counts(status) for status, _ in responses][-1]
    assert final == (Status.CANCEL, 3, 2, 0, 0)
    assert len(receiver.instances) == 2


def test_a_requestor_that_goes_takes_the_sub_association_with_it(node, receiver):
    """Nobody is left to tell, so nothing more is sent."""
    for number in range(1, 20):
        node.store(f"1.1.{number}")
    gone = threading.Event()

    def wait_at_the_second(_request):
        if len(receiver.commands_seen) == 2:
            assert gone.wait(30)
        return Status.SUCCESS

    receiver.answer = wait_at_the_second
    context = ProposedContext(
        context_id=1, abstract_syntax=STUDY_ROOT, transfer_syntaxes=(EXPLICIT,)
    )
    association = connect(
        *node.listener.address, calling_aet="ME", called_aet="PACS", contexts=[context]
    )
    identifier = encode_identifier(keys(**study()), EXPLICIT)
    elements = {"Priority": 0, "MoveDestination": "RECEIVER"}
    message_id = association.send_request(
        association.contexts[1], CommandField.C_MOVE, elements, identifier
    )
    assert association.receive_response(message_id).status == Status.PENDING
    association.abort()
    gone.set()
    node.listener.stop(30)  # until the archive has ended what it was doing
    assert len(receiver.commands_seen) in (1, 2)  # the second may have been on its way


def test_pynetdicom_receives_what_we_send(node, listening):
    """An independent storage provider; every instance is read back by pydicom."""
    received = {}

    def on_store(event):
        received[str(event.request.AffectedSOPInstanceUID)] = event.request.DataSet.getvalue()
        return 0x0000

    ae = AE("PYNETDICOM")
    for sop_class in (CT, MR):
        ae.add_supported_context(sop_class, [EXPLICIT, IMPLICIT, RLE, J2K])
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)]
    )
    try:
        host, port = server.server_address[:2]
        node.archive.peers = PeerBook([PeerAddress(aet="PYNETDICOM", host=host, port=port)])
        node.store("1.1.1")
        node.store("1.1.2", sop_class=MR, syntax=J2K)
        node.store("1.1.3", syntax=RLE)
        responses, _ = move(node, destination="PYNETDICOM", **study())
    finally:
        server.shutdown()
    assert responses[-1] == (Status.SUCCESS, None, 3, 0, 0)
    assert received == node.sent


class TestPendingResponses:
    """They are apart by the time that is set, so a fast retrieval has none."""

    @pytest.fixture
    def settings(self):
        return QueryRetrieveSettings(pending_interval=3600)

    def test_none_is_sent_before_its_time(self, node, receiver):
        node.store("1.1.1")
        node.store("1.1.2")
        assert move(node, **study())[0] == [(Status.SUCCESS, None, 2, 0, 0)]
