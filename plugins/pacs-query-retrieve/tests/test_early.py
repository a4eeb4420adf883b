"""Images are decoded while others are sent, for receivers that take native pixels only."""

from __future__ import annotations

import struct
import threading

import pytest
from nodes import CT, EXPLICIT, IMPLICIT, J2K, Node, keys
from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs_framework.codecs.codec import Codec, Frame
from pacs_framework.codecs.early import EarlyLimits
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.errors import UnreadableInstance
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.peers import PeerAddress
from pacs_framework.network.requestor import connect
from pacs_framework.network.service import CommandField
from pacs_framework.testing.receiver import Receiver

GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove
STUDY = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1"}
KINDS = ("Remaining", "Completed", "Failed", "Warning")
PATIENCE = 30.0
AHEAD = 2
BAD = 255


class Inverting(Codec):
    """ "Compressed" samples are inverted. Frames whose number is in ``held`` take their time."""

    name = "inverting"
    transfer_syntax = J2K

    def __init__(self):
        self.held, self.begun, self.lock = {}, [], threading.Condition()
        self.patience_lost = threading.Event()

    def decode(self, frame, pixels):
        number = BAD - bytes(frame)[0]
        with self.lock:
            self.begun.append(number)
            self.lock.notify_all()
        if number in self.held and not self.held[number].wait(PATIENCE / 2):
            self.patience_lost.set()
        if number == BAD:
            raise UnreadableInstance("inverting: a bad frame")
        return Frame(inverted(bytes(frame)), pixels)

    def wait_for(self, number):
        with self.lock:
            assert self.lock.wait_for(lambda: number in self.begun, PATIENCE)


def inverted(data):
    return bytes(BAD - byte for byte in data)


def native(number):
    return bytes([number] * 16)


def compressed(node, uid, number):
    """Store an image of 4 × 4 pixels of this value."""
    study, series, position = uid.split(".")
    header = keys(
        PatientID="P1",
        StudyInstanceUID=f"1.2.{study}",
        SeriesInstanceUID=f"1.2.{study}.{series}",
        SOPInstanceUID=f"1.2.{study}.{series}.{position}",
        SOPClassUID=CT,
        InstanceNumber=position,
        PhotometricInterpretation="MONOCHROME2",
    )
    header.Rows = header.Columns = 4
    header.SamplesPerPixel, header.PixelRepresentation = 1, 0
    header.BitsAllocated, header.BitsStored, header.HighBit = 8, 8, 7
    start = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    items = [b"", inverted(native(number))]
    fragments = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(each)) + each for each in items)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return node.store(
        uid, syntax=J2K, data=encode_identifier(header, EXPLICIT) + start + fragments + end
    )


@pytest.fixture
def codec():
    made = Inverting()
    yield made
    for event in made.held.values():
        event.set()


@pytest.fixture
def archive_options(codec):
    registry = CodecRegistry()
    registry.add([codec], plugin="test")
    return {"codecs": registry, "early": EarlyLimits(images=AHEAD, room=1 << 20, threads=2)}


class Getting:
    """A C-GET that takes explicit VR little endian; ``on_store`` is called with each number."""

    def __init__(self, node, on_store=lambda _event, _number: None):
        self.node, self.on_store = node, on_store
        self.received: dict[str, Dataset] = {}
        self.final = Dataset()

    def store(self, event):
        self.received[str(event.request.AffectedSOPInstanceUID)] = event.dataset
        self.on_store(event, len(self.received))
        return 0x0000

    def run(self, **options):
        handlers = [(evt.EVT_C_STORE, self.store), *options.pop("handlers", ())]
        with self.node.association(GET, getting={CT: [EXPLICIT]}, handlers=handlers) as association:
            *_, (self.final, _) = association.send_c_get(keys(**STUDY), GET, **options)
        return self

    @property
    def counts(self):
        found = [self.final.get(f"NumberOf{kind}Suboperations") for kind in KINDS]
        return (self.final.Status, *found)


def test_they_come_decoded_and_in_order(node: Node):
    """Also with others among them that need no decoding."""
    sent = [
        node.store(f"1.1.{n}") if n % 4 == 0 else compressed(node, f"1.1.{n}", n)
        for n in range(1, 12)
    ]
    got = Getting(node).run()
    assert got.counts == (Status.SUCCESS, None, 11, 0, 0)
    assert list(got.received) == sent
    for uid, dataset in got.received.items():
        number = int(dataset.InstanceNumber)
        assert uid.endswith(f".{number}")
        if number % 4:
            assert dataset.PixelData == native(number)


def test_a_few_are_decoded_while_one_is_sent_and_not_more(node, codec):
    """As many as are set, behind the one that the receiver has."""
    for number in range(1, 11):
        compressed(node, f"1.1.{number}", number)
    begun = []

    def look(_event, number):
        if number == 1:
            codec.wait_for(1 + AHEAD)
        begun.append(len(codec.begun))

    assert Getting(node, look).run().counts == (Status.SUCCESS, None, 10, 0, 0)
    assert begun[0] == 1 + AHEAD
    assert all(number <= n + AHEAD for n, number in enumerate(begun, start=1))


def test_one_that_cannot_be_decoded_fails_alone_and_in_its_turn(node):
    sent = [compressed(node, f"1.1.{n}", BAD if n == 3 else n) for n in range(1, 7)]
    got = Getting(node).run()
    assert got.counts == (Status.SUBOPERATIONS_WITH_FAILURES, None, 5, 1, 0)
    assert list(got.received) == [*sent[:2], *sent[3:]]


def test_a_cancel_does_not_wait_for_what_is_being_decoded(node, codec):
    """The final response comes while a decoder still works on an image that nobody gets."""
    for number in range(1, 7):
        compressed(node, f"1.1.{number}", number)
    codec.held[3] = threading.Event()
    requested, cancel_sent = threading.Event(), threading.Event()

    def cancel_at_the_second(event, number):
        if number == 2:
            codec.wait_for(3)
            requested.set()
            event.assoc.send_c_cancel(9, query_model=GET)
            assert cancel_sent.wait(PATIENCE)

    sending = (evt.EVT_PDU_SENT, lambda _: requested.is_set() and cancel_sent.set())
    got = Getting(node, cancel_at_the_second).run(msg_id=9, handlers=[sending])
    assert not codec.patience_lost.is_set()
    assert got.counts == (Status.CANCEL, 4, 2, 0, 0)
    codec.held[3].set()
    node.archive.early.close()
    assert max(codec.begun) <= 2 + AHEAD


def test_an_association_that_is_over_does_not_wait_for_what_is_being_decoded(node, receiver, codec):
    for number in range(1, 7):
        compressed(node, f"1.1.{number}", number)
    receiver.taken[CT] = [EXPLICIT]
    codec.held[5] = threading.Event()
    gone = threading.Event()

    def wait_at_the_fourth(_request):
        if len(receiver.commands_seen) == 4:
            codec.wait_for(5)
            assert gone.wait(PATIENCE)
        return Status.SUCCESS

    receiver.answer = wait_at_the_fourth
    context = ProposedContext(context_id=1, abstract_syntax=MOVE, transfer_syntaxes=(EXPLICIT,))
    association = connect(
        *node.listener.address, calling_aet="ME", called_aet="PACS", contexts=[context]
    )
    association.send_request(
        association.contexts[1],
        CommandField.C_MOVE,
        {"Priority": 0, "MoveDestination": "RECEIVER"},
        encode_identifier(keys(**STUDY), EXPLICIT),
    )
    codec.wait_for(5)
    association.abort()
    gone.set()
    node.listener.stop(PATIENCE)  # until the archive has ended what it was doing
    assert not codec.patience_lost.is_set()
    codec.held[5].set()


def test_what_was_decoded_for_a_receiver_that_went_is_decoded_for_its_next_association(
    node, receiver, listening, codec
):
    """Behind the same address may be another node, which takes another transfer syntax."""
    sent = [compressed(node, f"1.1.{number}", number) for number in range(1, 8)]
    other = Receiver()
    receiver.taken[CT], other.taken[CT] = [EXPLICIT], [IMPLICIT]
    host, port = listening("RECEIVER", other).address
    moved, connected = [], node.archive.connect
    node.archive.connect = lambda peer, contexts: connected(*(moved or [peer]), contexts)

    def abort_at_the_fifth(request):
        if len(receiver.commands_seen) == 5:
            codec.wait_for(6)
            moved.append(PeerAddress(aet="RECEIVER", host=host, port=port))
            request.association.abort()
            return Status.PROCESSING_FAILURE  # nor is it kept
        return Status.SUCCESS

    receiver.answer = abort_at_the_fifth
    with node.association(MOVE) as association:
        *_, (final, identifier) = association.send_c_move(keys(**STUDY), "RECEIVER", MOVE)
    assert final.Status == Status.SUBOPERATIONS_WITH_FAILURES
    assert identifier.FailedSOPInstanceUIDList == sent[4]
    assert [syntax for syntax, _ in receiver.instances.values()] == [EXPLICIT] * 4
    assert [syntax for syntax, _ in other.instances.values()] == [IMPLICIT] * 2
    got = receiver.instances | other.instances
    assert list(got) == [*sent[:4], *sent[5:]]
    for number, (_, data) in zip((1, 2, 3, 4, 6, 7), got.values(), strict=True):
        assert native(number) in data
    assert codec.begun.count(6) == 2
