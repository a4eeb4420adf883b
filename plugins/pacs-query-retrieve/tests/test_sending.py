"""Receivers that take neither the stored transfer syntax nor native pixels, and rules for some."""

from __future__ import annotations

import struct

import pytest
from nodes import CT, EXPLICIT, IMPLICIT, J2K, RLE, Node, keys
from pydantic import ValidationError
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGBaseline8Bit,
)
from pynetdicom import evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs_framework.archive.archive import Archive
from pacs_framework.codecs.codec import Codec, Frame
from pacs_framework.codecs.loss import Measure
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.receiver import Receiver
from pacs_query_retrieve.conformance import contributions
from pacs_query_retrieve.plugin import dimse_services
from pacs_query_retrieve.settings import QueryRetrieveSettings

GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove
STUDY = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1"}
JPEG = str(JPEGBaseline8Bit)
BAD = 255  # a sample that no codec here encodes
PIXELS = bytes(range(16))
DERIVED = "2.25."
ALL = 8


class Inverting(Codec):
    """ "Compressed" samples are inverted; with loss, their lowest bit goes before."""

    name = "inverting"
    encodes = True

    def __init__(self, transfer_syntax: str, *, lossy: bool = False) -> None:
        self.transfer_syntax = transfer_syntax
        self.encodes = not lossy
        self.measures = frozenset({Measure.QUALITY} if lossy else ())

    def decode(self, frame, pixels):
        return Frame(inverted(bytes(frame)), pixels)

    def encode(self, frame):
        if bytes(frame.data)[0] == BAD:
            raise UnreadableInstance("inverting: cannot encode")
        return Frame(inverted(bytes(frame.data)), frame.pixels)

    def encode_lossy(self, frame, loss):
        del loss
        less = bytes(byte & ~1 for byte in bytes(frame.data))
        return self.encode(Frame(less, frame.pixels))


def inverted(data: bytes) -> bytes:
    return bytes(BAD - byte for byte in data)


@pytest.fixture
def archive_options():
    registry = CodecRegistry()
    registry.add([Inverting(J2K), Inverting(RLE), Inverting(JPEG, lossy=True)], plugin="test")
    return {"codecs": registry, "encoder": registry}


@pytest.fixture
def rules() -> list[dict[str, object]]:
    return []


@pytest.fixture
def settings(rules) -> QueryRetrieveSettings:
    return QueryRetrieveSettings(pending_interval=0, send_as=rules)


def image(node: Node, uid: str, *, data: bytes = PIXELS, syntax: str = EXPLICIT) -> str:
    """Store an image of 4 × 4 pixels; its SOP Instance UID."""
    study, series, number = uid.split(".")
    header = keys(
        SOPClassUID=CT,
        SOPInstanceUID=f"1.2.{study}.{series}.{number}",
        StudyInstanceUID=f"1.2.{study}",
        SeriesInstanceUID=f"1.2.{study}.{series}",
        PatientID="P1",
        ImageType="ORIGINAL\\PRIMARY",
        PhotometricInterpretation="MONOCHROME2",
    )
    header.Rows = header.Columns = 4
    header.SamplesPerPixel, header.PixelRepresentation = 1, 0
    header.BitsAllocated, header.BitsStored, header.HighBit = ALL, ALL, ALL - 1
    if syntax == EXPLICIT:
        element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, len(data)) + data
    else:
        element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
        for item in (b"", inverted(data)):
            element += struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
        element += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return node.store(uid, syntax=syntax, data=encode_identifier(header, EXPLICIT) + element)


def move(node: Node) -> Dataset:
    with node.association(MOVE) as association:
        *_, (final, _) = association.send_c_move(keys(**STUDY), "RECEIVER", MOVE)
    return final


def get(node: Node, *syntaxes: str) -> tuple[Dataset, dict[str, tuple[str, bytes]]]:
    """What a C-GET brings whose requestor takes only these, as `Receiver.instances`."""
    received: dict[str, tuple[str, bytes]] = {}

    def store(event: evt.Event) -> int:
        data = event.request.DataSet.getvalue()
        uid = str(event.request.AffectedSOPInstanceUID)
        received[uid] = (str(event.context.transfer_syntax), data)
        return 0x0000

    handlers = [(evt.EVT_C_STORE, store)]
    with node.association(GET, getting={CT: syntaxes}, handlers=handlers) as association:
        *_, (final, _) = association.send_c_get(keys(**STUDY), GET)
    return final, received


@pytest.mark.parametrize("stored", [EXPLICIT, RLE])
def test_who_takes_one_lossless_compressed_syntax_only_gets_that(
    node: Node, receiver: Receiver, stored: str
) -> None:
    """The same instance: nothing is lost, so nothing is derived."""
    uid = image(node, "1.1.1", syntax=stored)
    receiver.taken[CT] = [J2K]
    assert move(node).Status == Status.SUCCESS
    final, received = get(node, J2K)
    assert final.Status == Status.SUCCESS
    for instances in (receiver.instances, received):
        [(name, (syntax, data))] = instances.items()
        assert (name, syntax) == (uid, J2K)
        assert inverted(PIXELS) in data


@pytest.mark.parametrize("taken", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("stored", [EXPLICIT, RLE])
def test_a_destination_may_take_any_uncompressed_syntax_only(
    node: Node, receiver: Receiver, stored: str, taken: str
) -> None:
    uid = image(node, "1.1.1", syntax=stored)
    receiver.taken[CT] = [taken]
    assert move(node).Status == Status.SUCCESS
    assert receiver.instances[uid][0] == taken


def test_native_pixels_go_before_compressed_ones(node: Node, receiver: Receiver) -> None:
    image(node, "1.1.1", syntax=RLE)
    receiver.taken[CT] = [J2K, IMPLICIT, ExplicitVRBigEndian]
    move(node)
    assert [syntax for syntax, _ in receiver.instances.values()] == [IMPLICIT]


def test_nothing_is_lost_unless_a_rule_says_so(node: Node, receiver: Receiver) -> None:
    """Whoever takes a lossy transfer syntax only gets nothing, and is told."""
    image(node, "1.1.1")
    receiver.taken[CT] = [JPEG]
    assert move(node).NumberOfFailedSuboperations == 1
    final, received = get(node, JPEG)
    assert final.NumberOfFailedSuboperations == 1
    assert not received
    assert not receiver.instances


LOSSY = {"aet": "RECEIVER", "to": "jpeg", "lossy": True, "quality": 90}


@pytest.mark.parametrize("rules", [[LOSSY]])
def test_a_rule_with_loss_sends_another_instance_which_says_so(
    node: Node, receiver: Receiver
) -> None:
    """Under a UID of its own, in the request too; others get nothing of the kind."""
    uid = image(node, "1.1.1")
    receiver.taken[CT] = [JPEG]
    assert move(node).Status == Status.SUCCESS
    [(name, (syntax, data))] = receiver.instances.items()
    assert name.startswith(DERIVED)
    assert syntax == JPEG
    sent = decode_identifier(data, EXPLICIT)
    assert sent.SOPInstanceUID == name
    assert sent.LossyImageCompression == "01"
    assert sent.LossyImageCompressionMethod == "ISO_10918_1"
    assert sent.ImageType[0] == "DERIVED"
    assert sent.SourceImageSequence[0].ReferencedSOPInstanceUID == uid
    assert inverted(bytes(byte & ~1 for byte in PIXELS)) in data
    final, _ = get(node, JPEG)  # by another AE title
    assert final.NumberOfFailedSuboperations == 1


@pytest.mark.parametrize("rules", [[LOSSY | {"aet": "REQ*"}]])
def test_a_rule_for_a_requestor_counts_in_a_c_get(node: Node) -> None:
    """And gives the same UID each time."""
    image(node, "1.1.1")
    (_, first), (_, second) = get(node, JPEG), get(node, JPEG)
    assert first == second
    assert [name.startswith(DERIVED) for name in first] == [True]


@pytest.mark.parametrize(
    ("rules", "expected"), [([LOSSY], EXPLICIT), ([LOSSY | {"always": True}], JPEG)]
)
def test_what_is_stored_goes_out_as_it_is_unless_a_rule_is_for_always(
    node: Node, receiver: Receiver, expected: str
) -> None:
    image(node, "1.1.1")
    assert move(node).Status == Status.SUCCESS
    assert [syntax for syntax, _ in receiver.instances.values()] == [expected]


@pytest.mark.parametrize("rules", [[{"aet": "*", "to": "jpeg2000", "always": True}]])
def test_what_a_rule_cannot_do_goes_out_as_to_everybody(node: Node, receiver: Receiver) -> None:
    """What cannot be encoded, and what is no image; those beside them by the rule."""
    hard = image(node, "1.1.1", data=bytes([BAD]) + PIXELS[1:])
    report = node.store("1.1.2")
    easy = image(node, "1.1.3")
    assert move(node).Status == Status.SUCCESS
    assert receiver.instances[hard] == (EXPLICIT, node.sent[hard])
    assert receiver.instances[report] == (EXPLICIT, node.sent[report])
    assert receiver.instances[easy][0] == J2K


@pytest.mark.parametrize("rules", [[{"aet": "*", "to": "explicit", "always": True}]])
def test_a_rule_may_ask_for_native_pixels(node: Node, receiver: Receiver) -> None:
    """For receivers that take compressed ones and cannot show them."""
    uid = image(node, "1.1.1", syntax=RLE)
    assert move(node).Status == Status.SUCCESS
    syntax, data = receiver.instances[uid]
    assert syntax == EXPLICIT
    assert PIXELS in data


@pytest.mark.parametrize("rules", [[LOSSY | {"always": True}]])
def test_what_has_lost_something_is_not_made_to_lose_more(node: Node, receiver: Receiver) -> None:
    """A lossy syntax that the rule is not for."""
    near = "1.2.840.10008.1.2.4.81"
    uid = image(node, "1.1.1", syntax=near)
    assert move(node).Status == Status.SUCCESS
    assert receiver.instances[uid] == (near, node.sent[uid])


@pytest.mark.parametrize(
    ("rules", "to"),
    [
        (
            [{"aet": "RECEIVER", "sop_class": "MRImageStorage", "to": "rle", "always": True}],
            EXPLICIT,
        ),
        (
            [
                {"aet": ["A", "RECEIVER"], "sop_class": "CTImageStorage", "to": "rle", "always": 1},
                {"aet": "*", "to": "jpeg2000", "always": True},
            ],
            RLE,
        ),
        ([{"aet": "OTHER", "to": "rle", "always": True}], EXPLICIT),
    ],
)
def test_the_first_rule_for_recipient_and_class_counts(
    node: Node, receiver: Receiver, to: str
) -> None:
    image(node, "1.1.1")
    move(node)
    assert [syntax for syntax, _ in receiver.instances.values()] == [to]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"to": "rle"}, "aet"),
        ({"aet": [], "to": "rle"}, "aet"),
        ({"aet": "*", "to": "jpeg"}, "may lose information: lossy = true allows it"),
        ({"aet": "*", "to": "jpeg", "lossy": True}, "one of quality, ratio and near"),
        ({"aet": "*", "to": "rle", "quality": 90}, "one of quality, ratio and near"),
        ({"aet": "*", "to": "rle", "lossy": True, "quality": 90}, "nothing is compressed with"),
        ({"aet": "*", "to": "nonsense"}, "no transfer syntax is called 'nonsense'"),
        ({"aet": "*", "to": "rle", "sop_class": "Nonsense"}, "neither a UID nor the keyword"),
    ],
)
def test_a_rule_that_does_not_fit_together_is_refused(rule: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        QueryRetrieveSettings(send_as=[rule])


def test_a_rule_that_nobody_can_follow_stops_the_start(node: Node) -> None:
    archive: Archive = node.archive
    settings = QueryRetrieveSettings(send_as=[{"aet": "*", "to": "jpeg-ls"}])
    with pytest.raises(ValueError, match="no installed codec encodes JPEG-LS"):
        dimse_services(archive, settings)


def test_the_conformance_statement_tells_each_rule() -> None:
    settings = QueryRetrieveSettings(
        send_as=[
            {"aet": "TABLET*", "sop_class": "CTImageStorage", "to": "rle"},
            LOSSY | {"always": True},
        ]
    )
    [moves] = [each for each in contributions(settings) if getattr(each, "title", "") == "C-MOVE"]
    told = "\n".join(moves.behaviour)
    assert (
        "Images of CT Image Storage to the AE titles TABLET* go out as RLE Lossless without loss, "
        "where the receiver accepted that and not the one that is stored; what" in told
    )
    assert "to the AE titles RECEIVER go out as JPEG Baseline (Process 1) with loss" in told
