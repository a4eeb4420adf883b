"""On the wire, with pynetdicom as the peer: stored, found, moved and got (PS3.4 GG, U)."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.network.service import CommandField
from pacs_framework.testing.receiver import Receiver, listening
from pacs_non_patient import plugin
from pacs_non_patient.categories import BY_CLASS, MODELS
from pacs_non_patient.tables import NAME

PROTOCOL = MODELS[0]
COUNTS = ("Remaining", "Completed", "Failed", "Warning")


def keys(**values: object) -> Dataset:
    """An identifier."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.fixture
def site(pacs_archive):
    """Runs an archive with the plugin, once on each engine."""

    def run(settings=None, **more):
        tree = {"plugin": {NAME: settings}} if settings else {}
        return pacs_archive({NAME: plugin}, settings={**tree, **more})

    return run


@pytest.fixture
def store(pacs_association):
    """Sends instances by C-STORE; the statuses."""

    def send(archive, *datasets, syntax=ExplicitVRLittleEndian):
        classes = sorted({str(each.SOPClassUID) for each in datasets})
        association = pacs_association.pynetdicom(archive, *classes, transfer_syntaxes=syntax)
        statuses = [association.send_c_store(plain(each, syntax)).Status for each in datasets]
        association.release()
        return statuses

    return send


def plain(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """The same, as pynetdicom wants what it sends."""
    copy = Dataset()
    copy.update({each.tag: each for each in dataset})
    copy.file_meta = Dataset()
    copy.file_meta.TransferSyntaxUID = syntax
    copy.set_original_encoding(syntax == ImplicitVRLittleEndian, True)
    return copy


@pytest.fixture
def ask(pacs_association):
    """C-FIND: the statuses, and the answers."""

    def find(archive, model, identifier):
        association = pacs_association.pynetdicom(archive, model.find)
        responses = list(association.send_c_find(identifier, model.find))
        association.release()
        return [status.Status for status, _ in responses], [each for _, each in responses if each]

    return find


def model_of(dataset: Dataset):
    return BY_CLASS[str(dataset.SOPClassUID)]


def test_each_kind_is_stored_found_and_comes_back(site, store, ask, one_of_each):
    """By the model of its own class, with what its table wants to have returned."""
    archive = site()
    assert store(archive, *one_of_each) == [Status.SUCCESS] * len(one_of_each)
    for dataset in one_of_each:
        model = model_of(dataset)
        identifier = keys(SOPInstanceUID="", **{model.label: str(dataset.get(model.label) or "")})
        statuses, (answer,) = ask(archive, model, identifier)
        assert statuses == [Status.PENDING, Status.SUCCESS]
        assert answer.SOPInstanceUID == dataset.SOPInstanceUID
        assert str(answer[model.label].value or "") == str(dataset.get(model.label) or "")


@pytest.mark.postgresql
def test_two_nodes_on_one_database_are_one_collection(
    site, store, ask, pacs_postgres, hanging_protocol
):
    index = {"url": pacs_postgres.new_database()}
    nodes = [site(index=index) for _ in range(2)]
    assert store(nodes[0], hanging_protocol()) == [Status.SUCCESS]
    _, answers = ask(nodes[1], PROTOCOL, keys(HangingProtocolName="CHEST"))
    assert len(answers) == 1


def test_an_answer_has_what_was_asked_for_in_the_character_set_of_the_query(
    site, store, ask, one_of_each
):
    archive = site()
    store(archive, *one_of_each)
    model = next(each for each in MODELS if each.label == "ProtocolName")
    identifier = keys(
        SpecificCharacterSet="ISO_IR 100",
        ContentCreatorName="Müller*",
        PotentialRequestedProcedureCodeSequence=[],
        CustodialOrganizationSequence=[keys(InstitutionName="Clinic")],
        PotentialDiagnosticTasks="",
    )
    _, (answer,) = ask(archive, model, identifier)
    assert answer.SpecificCharacterSet == "ISO_IR 100"
    assert answer.ContentCreatorName == "Müller^Käthe"
    assert answer.PotentialRequestedProcedureCodeSequence[0].CodeValue == "P1"
    assert answer.CustodialOrganizationSequence[0].InstitutionName == "Clinic"
    assert answer.PotentialDiagnosticTasks == ""
    assert "ProtocolName" not in answer


def test_private_keys_come_back_empty_and_are_told(site, store, ask, hanging_protocol):
    archive = site()
    store(archive, hanging_protocol())
    identifier = keys(HangingProtocolName="")
    identifier.private_block(0x0099, "SOMEBODY", create=True).add_new(1, "LO", "value")
    assert ask(archive, PROTOCOL, identifier)[0] == [
        Status.PENDING_KEYS_NOT_SUPPORTED,
        Status.SUCCESS,
    ]


class Getting:
    """A peer that gets: what arrived, and the responses."""

    def __init__(self, archive, model, taking, answer=0x0000) -> None:
        self.received: dict[str, bytes] = {}
        ae = AE(ae_title="TESTSCU")
        ae.add_requested_context(model.get)
        for sop_class in taking:
            ae.add_requested_context(sop_class, ExplicitVRLittleEndian)
        self.model, self.answer = model, answer
        self.association = ae.associate(
            archive.host,
            archive.port,
            ae_title=archive.aet,
            ext_neg=[build_role(sop_class, scp_role=True) for sop_class in taking],
            evt_handlers=[(evt.EVT_C_STORE, self._take)],
        )

    def _take(self, event) -> int:
        if self.answer == Status.SUCCESS:
            uid = str(event.request.AffectedSOPInstanceUID)
            self.received[uid] = event.request.DataSet.getvalue()
        return self.answer

    def get(self, identifier: Dataset):
        responses = list(self.association.send_c_get(identifier, self.model.get))
        self.association.release()
        final, failed = responses[-1]
        counts = tuple(final.get(f"NumberOf{kind}Suboperations") for kind in COUNTS)
        return final.Status, counts, failed, len(responses)


def test_c_get_brings_them_back_byte_for_byte(site, store, one_of_each):
    archive = site()
    store(archive, *one_of_each)
    for dataset in one_of_each:
        getting = Getting(archive, model_of(dataset), [str(dataset.SOPClassUID)])
        uid = str(dataset.SOPInstanceUID)
        status, counts, _, responses = getting.get(keys(SOPInstanceUID=[uid, "1.2.3"]))
        assert (status, counts, responses) == (Status.SUCCESS, (None, 1, 0, 0), 2)
        assert getting.received == {uid: encode_identifier(dataset, ExplicitVRLittleEndian)}


def test_what_is_stored_otherwise_is_converted(site, store, hanging_protocol):
    """Stored in implicit VR, got in explicit VR: the same data set."""
    archive, dataset = site(), hanging_protocol()
    store(archive, dataset, syntax=ImplicitVRLittleEndian)
    getting = Getting(archive, PROTOCOL, [str(dataset.SOPClassUID)])
    assert getting.get(keys(SOPInstanceUID=dataset.SOPInstanceUID))[0] == Status.SUCCESS
    assert list(getting.received.values()) == [encode_identifier(dataset, ExplicitVRLittleEndian)]


def test_what_is_of_another_model_is_not_got(site, store, one_of_each):
    archive = site()
    store(archive, *one_of_each)
    palette = one_of_each[1]
    getting = Getting(archive, PROTOCOL, list(PROTOCOL.storage))
    status, counts, *_ = getting.get(keys(SOPInstanceUID=palette.SOPInstanceUID))
    assert (status, counts) == (Status.SUCCESS, (None, 0, 0, 0))


@pytest.mark.parametrize("taking", [True, False])
def test_what_the_peer_does_not_take_has_failed(site, store, hanging_protocol, taking):
    """Refused by its answer, or without a presentation context: A702H, with the UIDs."""
    archive, dataset = site(), hanging_protocol()
    store(archive, dataset)
    classes = [str(dataset.SOPClassUID)] if taking else []
    getting = Getting(archive, PROTOCOL, classes, answer=Status.OUT_OF_RESOURCES)
    status, counts, failed, _ = getting.get(keys(SOPInstanceUID=dataset.SOPInstanceUID))
    assert status == Status.UNABLE_TO_PERFORM_SUBOPERATIONS
    assert counts == (None, 0, 1, 0)
    assert failed.FailedSOPInstanceUIDList == dataset.SOPInstanceUID


def test_c_move_sends_them_to_a_peer(site, store, pacs_association, one_of_each):
    """Each by its model; the C-STORE requests name who asked."""
    receiver = Receiver()
    with listening("THERE", receiver) as listener:
        peers = {"there": {"aet": "THERE", "host": "127.0.0.1", "port": listener.address[1]}}
        archive = site(peers=peers)
        store(archive, *one_of_each)
        for dataset in one_of_each:
            model = model_of(dataset)
            association = pacs_association.pynetdicom(archive, model.move)
            identifier = keys(SOPInstanceUID=dataset.SOPInstanceUID)
            responses = list(association.send_c_move(identifier, "THERE", model.move))
            association.release()
            assert responses[-1][0].Status == Status.SUCCESS
    expected = {
        str(each.SOPInstanceUID): encode_identifier(each, ExplicitVRLittleEndian)
        for each in one_of_each
    }
    assert {uid: data for uid, (_, data) in receiver.instances.items()} == expected
    assert receiver.commands_seen[0]["MoveOriginatorApplicationEntityTitle"] == "TESTSCU"


def test_nobody_is_moved_to_who_is_unknown(site, pacs_association):
    association = pacs_association.pynetdicom(site(), PROTOCOL.move)
    responses = association.send_c_move(keys(SOPInstanceUID="1.2.3"), "NOBODY", PROTOCOL.move)
    assert [status.Status for status, _ in responses] == [Status.MOVE_DESTINATION_UNKNOWN]


def test_a_destination_that_is_away_fails_all(site, store, pacs_association, hanging_protocol):
    peers = {"there": {"aet": "THERE", "host": "127.0.0.1", "port": 1}}
    archive, dataset = site(peers=peers), hanging_protocol()
    store(archive, dataset)
    association = pacs_association.pynetdicom(archive, PROTOCOL.move)
    responses = list(
        association.send_c_move(keys(SOPInstanceUID=dataset.SOPInstanceUID), "THERE", PROTOCOL.move)
    )
    assert responses[-1][0].Status == Status.UNABLE_TO_PERFORM_SUBOPERATIONS


@pytest.mark.parametrize("operation", ["get", "move"])
def test_a_retrieval_that_names_nothing_is_refused(site, pacs_association, operation):
    peers = {"there": {"aet": "THERE", "host": "127.0.0.1", "port": 1}}
    uid = getattr(PROTOCOL, operation)
    association = pacs_association.pynetdicom(site(peers=peers), uid)
    identifier = keys(HangingProtocolName="CHEST")
    responses = (
        association.send_c_get(identifier, uid)
        if operation == "get"
        else association.send_c_move(identifier, "THERE", uid)
    )
    expected = Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
    assert [status.Status for status, _ in responses] == [expected]


def test_too_large_an_instance_is_refused_and_the_association_lives(
    site, store, hanging_protocol, one_of_each
):
    archive = site({"max_size": 20_000})
    statuses = store(archive, one_of_each[2], hanging_protocol())
    assert statuses == [Status.OUT_OF_RESOURCES, Status.SUCCESS]


def test_what_is_not_what_was_announced_is_refused(site, pacs_association, hanging_protocol):
    """Another UID in the data set, another class, no data set that can be read; nothing is kept."""
    archive, dataset = site(), hanging_protocol()
    association = pacs_association(archive, str(dataset.SOPClassUID))
    context = association.context_for(str(dataset.SOPClassUID), ExplicitVRLittleEndian)
    good = encode_identifier(dataset, ExplicitVRLittleEndian)
    uid = str(dataset.SOPInstanceUID)
    cases = [
        ({"AffectedSOPInstanceUID": "1.2.3"}, good, Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS),
        (
            {"AffectedSOPInstanceUID": uid, "AffectedSOPClassUID": "1.2.840.10008.5.1.4.39.1"},
            good,
            Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
        ),
        ({"AffectedSOPInstanceUID": uid}, good[:-3], Status.CANNOT_UNDERSTAND),
        ({"AffectedSOPInstanceUID": uid}, good, Status.SUCCESS),
    ]
    for elements, data, expected in cases:
        command = {"Priority": 0, **elements}
        number = association.send_request(context, CommandField.C_STORE, command, data)
        assert association.receive_response(number).status == expected
