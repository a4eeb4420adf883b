"""C-GET on a real association: the instances come back on it (PS3.4 C.4.3)."""

from __future__ import annotations

import threading

import pytest
from nodes import CT, EXPLICIT, IMPLICIT, J2K, MR, RLE, Node, keys
from pynetdicom import evt
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelGet,
)

from pacs_framework.dicom.matching import values_of
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.requestor import connect
from pacs_query_retrieve.settings import QueryRetrieveSettings

PATIENT_ROOT = PatientRootQueryRetrieveInformationModelGet
STUDY_ROOT = StudyRootQueryRetrieveInformationModelGet
FAILED_UIDS = 0x00080058
KINDS = ("Remaining", "Completed", "Failed", "Warning")


class Getting:
    """A C-GET by pynetdicom: what arrived, and what was answered."""

    def __init__(self, node, model=STUDY_ROOT, *, taking=None, answer=lambda _uid: 0x0000):
        self.node, self.model, self.answer = node, model, answer
        self.taking = taking or {CT: [EXPLICIT], MR: [EXPLICIT]}
        self.received, self.responses, self.failed = {}, [], []

    def store(self, event):
        uid = str(event.request.AffectedSOPInstanceUID)
        status = self.answer(uid)
        if status == Status.SUCCESS:
            self.received[uid] = event.request.DataSet.getvalue()
        return status

    def run(self, extended=None, **wanted):
        with self.node.association(
            self.model,
            getting=self.taking,
            extended=extended,
            handlers=[(evt.EVT_C_STORE, self.store)],
        ) as association:
            responses = list(association.send_c_get(keys(**wanted), self.model))
        self.responses = [
            (s.Status, *(s.get(f"NumberOf{kind}Suboperations") for kind in KINDS))
            for s, _ in responses
        ]
        identifier = responses[-1][1]
        self.failed = values_of(identifier.get(FAILED_UIDS)) if identifier else []
        return self


def study(uid="1.2.1", level="STUDY"):
    return {"QueryRetrieveLevel": level, "StudyInstanceUID": uid}


def test_a_study_comes_back_byte_for_byte(node: Node):
    """One pending response for each instance, with counts; success last, without remaining."""
    for uid in ("1.1.1", "1.1.2", "1.2.1"):
        node.store(uid)
    got = Getting(node).run(**study())
    assert got.responses == [
        (Status.PENDING, 2, 1, 0, 0),
        (Status.PENDING, 1, 2, 0, 0),
        (Status.PENDING, 0, 3, 0, 0),
        (Status.SUCCESS, None, 3, 0, 0),
    ]
    assert got.received == node.sent


@pytest.mark.parametrize(
    ("model", "wanted", "expected"),
    [
        (PATIENT_ROOT, {"QueryRetrieveLevel": "PATIENT", "PatientID": "P1"}, 3),
        (PATIENT_ROOT, {"PatientID": "P1"} | study("1.2.2"), 1),
        (STUDY_ROOT, study("1.2.1\\1.2.2"), 3),
        (STUDY_ROOT, study(level="SERIES") | {"SeriesInstanceUID": "1.2.1.2"}, 1),
        (STUDY_ROOT, study("9.9"), 0),
    ],
)
def test_both_roots_give_at_their_levels(node, model, wanted, expected):
    for uid in ("1.1.1", "1.2.1", "2.1.1"):
        node.store(uid)
    node.store("3.1.1", PatientID="P2")
    got = Getting(node, model).run(**wanted)
    assert got.responses[-1] == (Status.SUCCESS, None, expected, 0, 0)
    assert len(got.received) == expected


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, RLE, J2K])
def test_every_transfer_syntax_comes_as_it_is_stored(node, syntax):
    node.store("1.1.1", syntax=syntax)
    got = Getting(node, taking={CT: [syntax]}).run(**study())
    assert got.received == node.sent


def test_what_the_requestor_did_not_offer_to_take_fails_alone(node):
    """By SOP class and by transfer syntax; uncompressed ones are converted."""
    node.store("1.1.1", syntax=EXPLICIT)
    refused = [node.store("1.1.2", syntax=RLE), node.store("1.1.3", sop_class=MR)]
    got = Getting(node, taking={CT: [IMPLICIT]}).run(**study())
    assert got.responses[-1] == (Status.SUBOPERATIONS_WITH_FAILURES, None, 1, 2, 0)
    assert sorted(got.failed) == refused
    assert list(got.received) == ["1.2.1.1.1"]
    assert got.received["1.2.1.1.1"] != node.sent["1.2.1.1.1"]


def test_the_requestor_may_refuse_an_instance(node):
    good, bad = node.store("1.1.1"), node.store("1.1.2")
    answers = {good: 0x0000, bad: 0xA700}
    got = Getting(node, answer=answers.get).run(**study())
    assert got.responses[-1] == (Status.SUBOPERATIONS_WITH_FAILURES, None, 1, 1, 0)
    assert got.failed == [bad]


def test_an_identifier_that_names_nothing_is_refused(node):
    node.store("1.1.1")
    got = Getting(node).run(QueryRetrieveLevel="STUDY")
    assert [r[0] for r in got.responses] == [Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS]
    assert got.received == {}


def test_relational_retrieval_needs_its_negotiation(node):
    node.store("1.1.1")
    wanted = {"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": "1.2.1.1.1"}
    assert Getting(node).run(extended={STUDY_ROOT: b"\1"}, **wanted).received == node.sent
    assert Getting(node).run(**wanted).received == {}


def test_a_cancel_in_the_middle_ends_the_sub_operations(node):
    """FE00H with all four counts (PS3.4 C.4.3.3.1)."""
    for number in range(1, 6):
        node.store(f"1.1.{number}")
    requested, cancel_sent = threading.Event(), threading.Event()
    arrived = []

    def store(event):
        arrived.append(event.request.AffectedSOPInstanceUID)
        if len(arrived) == 2:
            requested.set()
            event.assoc.send_c_cancel(9, query_model=STUDY_ROOT)
            assert cancel_sent.wait(30)
        return 0x0000

    def on_sent(_event):
        if requested.is_set():
            cancel_sent.set()

    with node.association(
        STUDY_ROOT,
        getting={CT: [EXPLICIT]},
        handlers=[(evt.EVT_C_STORE, store), (evt.EVT_PDU_SENT, on_sent)],
    ) as association:
        *_, (final, _) = association.send_c_get(keys(**study()), STUDY_ROOT, msg_id=9)
    assert final.Status == Status.CANCEL
    assert [final[f"NumberOf{kind}Suboperations"].value for kind in KINDS] == [3, 2, 0, 0]
    assert len(arrived) == 2


def test_a_private_storage_class_is_given_to_a_peer_that_offers_to_take_it(node):
    node.store("1.1.1", sop_class="1.2.3.4")
    got = Getting(node, taking={"1.2.3.4": [EXPLICIT]}).run(**study())
    assert got.received == node.sent


def test_storage_contexts_are_for_getting_alone(node):
    """Without role selection the requestor would be SCU: that is another plugin's service."""
    contexts = [
        ProposedContext(context_id=1, abstract_syntax=STUDY_ROOT, transfer_syntaxes=(EXPLICIT,)),
        ProposedContext(
            context_id=3, abstract_syntax=CT, transfer_syntaxes=TRANSFER_SYNTAXES, scp=True
        ),
        ProposedContext(context_id=5, abstract_syntax=MR, transfer_syntaxes=(EXPLICIT,)),
    ]
    with connect(
        *node.listener.address, calling_aet="ME", called_aet="PACS", contexts=contexts
    ) as association:
        accepted = association.contexts
    assert set(accepted) == {1, 3}
    assert (accepted[3].scu, accepted[3].scp) == (False, True)


class TestPendingResponses:
    """They are apart by the time that is set, so a fast retrieval has none."""

    @pytest.fixture
    def settings(self):
        return QueryRetrieveSettings(pending_interval=3600)

    def test_none_is_sent_before_its_time(self, node):
        node.store("1.1.1")
        node.store("1.1.2")
        assert Getting(node).run(**study()).responses == [(Status.SUCCESS, None, 2, 0, 0)]
