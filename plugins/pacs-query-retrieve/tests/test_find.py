"""C-FIND on a real association, pynetdicom asking (PS3.4 C.4.1)."""

from __future__ import annotations

import threading

import pytest
from nodes import Node, keys
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    PatientStudyOnlyQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from pacs_framework.dicom.status import Status
from pacs_query_retrieve.models import FIND
from pacs_query_retrieve.settings import QueryRetrieveSettings

PATIENT_ROOT = PatientRootQueryRetrieveInformationModelFind
STUDY_ROOT = StudyRootQueryRetrieveInformationModelFind
PATIENT_STUDY_ONLY = PatientStudyOnlyQueryRetrieveInformationModelFind


def find(association, model, **wanted):
    """The identifiers of the matches and the statuses of all responses."""
    responses = list(association.send_c_find(keys(**wanted), model))
    return [i for _, i in responses if i is not None], [s.Status for s, _ in responses]


@pytest.fixture
def filled(node: Node) -> Node:
    node.store("1.1.1", StudyDate="20200102", StudyTime="1000")
    node.store("1.1.2", StudyDate="20200102", StudyTime="1000")
    node.store("1.2.1", StudyDate="20200102", StudyTime="1000", Modality="SR")
    node.store("2.1.1", StudyDate="20200103", StudyTime="0900", PatientID="P2", PatientName="Ä^B")
    return node


@pytest.mark.parametrize(
    ("model", "level", "wanted", "found"),
    [
        (PATIENT_ROOT, "PATIENT", {"PatientID": ""}, ["P1", "P2"]),
        (PATIENT_ROOT, "STUDY", {"PatientID": "P1", "StudyInstanceUID": ""}, ["1.2.1"]),
        (STUDY_ROOT, "STUDY", {"StudyInstanceUID": ""}, ["1.2.1", "1.2.2"]),
        (
            STUDY_ROOT,
            "SERIES",
            {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": ""},
            ["1.2.1.1", "1.2.1.2"],
        ),
        (
            STUDY_ROOT,
            "IMAGE",
            {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.1", "SOPInstanceUID": ""},
            ["1.2.1.1.1", "1.2.1.1.2"],
        ),
    ],
)
def test_both_roots_answer_all_their_levels(filled, model, level, wanted, found):
    """Each match is pending, and success comes last."""
    with filled.association(model) as association:
        identifiers, statuses = find(association, model, QueryRetrieveLevel=level, **wanted)
    answer = list(wanted)[-1]
    assert sorted(str(i[answer].value) for i in identifiers) == found
    assert statuses == [Status.PENDING] * len(found) + [Status.SUCCESS]
    for identifier in identifiers:
        assert identifier.QueryRetrieveLevel == level
        assert identifier.RetrieveAETitle == "ANY-SCP"  # as which the peer called us


def test_a_key_that_is_not_supported_makes_every_match_a_warning(filled):
    """FF01H instead of FF00H (PS3.4 C.4.1.1.4)."""
    with filled.association(STUDY_ROOT) as association:
        _, statuses = find(
            association, STUDY_ROOT, QueryRetrieveLevel="STUDY", SeriesInstanceUID=""
        )
    assert statuses == [Status.PENDING_KEYS_NOT_SUPPORTED] * 2 + [Status.SUCCESS]


@pytest.mark.parametrize(
    "wanted",
    [
        {"StudyInstanceUID": ""},
        {"QueryRetrieveLevel": "PATIENT"},
        {"QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": ""},
        {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1", "SOPInstanceUID": "1"},
    ],
)
def test_an_identifier_that_does_not_fit_the_model_is_refused(filled, wanted):
    """A900H, and the association goes on."""
    with filled.association(STUDY_ROOT) as association:
        for _ in range(2):
            _, statuses = find(association, STUDY_ROOT, **wanted)
            assert statuses == [Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS]


@pytest.mark.parametrize(
    ("proposed", "agreed"),
    [
        (b"\1", b"\1"),
        (b"\0\1", b"\0\1"),
        (b"\1\1\1\1\1", b"\1\1\1\0\0"),
        (b"\1" * 9, b"\1\1\1\0\0\1\1"),
    ],
)
def test_extended_negotiation_is_answered_truthfully(filled, proposed, agreed):
    """Time zones and multi-frame conversion are never agreed to (PS3.4 C.5.2)."""
    with filled.association(STUDY_ROOT, extended={STUDY_ROOT: proposed}) as association:
        (item,) = association.acceptor.sop_class_extended.items()
    assert item == (STUDY_ROOT, agreed)


@pytest.mark.parametrize(
    ("byte", "wanted", "found"),
    [
        (3, {"PatientName": "b a"}, ["1.2.2"]),
        (6, {"StudyDescription": '""', "PatientID": "P2"}, ["1.2.2"]),
        (7, {"ModalitiesInStudy": "CT\\SR"}, ["1.2.1"]),
    ],
)
def test_matching_is_extended_by_what_was_negotiated(filled, byte, wanted, found):
    """Fuzzy names, empty values, multiple values (PS3.4 Table C.5-1); else by the baseline."""
    wanted = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "", **wanted}
    proposed = bytes(number == byte for number in range(1, byte + 1))
    answers = []
    for extended in ({STUDY_ROOT: proposed}, None):
        with filled.association(STUDY_ROOT, extended=extended) as association:
            identifiers, _ = find(association, STUDY_ROOT, **wanted)
        answers.append(sorted(i.StudyInstanceUID for i in identifiers))
    assert answers[0] == found
    assert answers[1] != found


def test_relational_queries_need_their_negotiation(filled):
    wanted = {"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": ""}
    with filled.association(STUDY_ROOT, extended={STUDY_ROOT: b"\1"}) as association:
        identifiers, _ = find(association, STUDY_ROOT, **wanted)
    assert len(identifiers) == 4
    with filled.association(STUDY_ROOT) as association:
        assert find(association, STUDY_ROOT, **wanted)[0] == []


class TestAlwaysRelational:
    """For peers that leave keys out without negotiating."""

    @pytest.fixture
    def settings(self):
        return QueryRetrieveSettings(relational="always", patient_study_only=True)

    def test_relational_queries_can_be_allowed_to_everybody(self, filled):
        with filled.association(STUDY_ROOT) as association:
            identifiers, _ = find(
                association, STUDY_ROOT, QueryRetrieveLevel="IMAGE", SOPInstanceUID=""
            )
        assert len(identifiers) == 4

    def test_the_retired_model_ends_at_its_studies(self, filled):
        with filled.association(PATIENT_STUDY_ONLY) as association:
            found, _ = find(
                association, PATIENT_STUDY_ONLY, QueryRetrieveLevel="STUDY", StudyInstanceUID=""
            )
            assert len(found) == 2
            _, statuses = find(association, PATIENT_STUDY_ONLY, QueryRetrieveLevel="SERIES")
            assert statuses == [Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS]


def test_the_retired_model_is_offered_on_request_only(filled):
    ae = AE()
    for model in FIND:
        ae.add_requested_context(model)
    association = ae.associate(*filled.listener.address)
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    association.release()
    assert accepted == {PATIENT_ROOT, STUDY_ROOT}


def test_combined_date_time_needs_its_negotiation(filled):
    """2020-01-02 09:30 to 2020-01-03 09:30."""
    wanted = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ""}
    wanted |= {"StudyDate": "20200102-20200103", "StudyTime": "0930-0930"}
    with filled.association(STUDY_ROOT, extended={STUDY_ROOT: b"\0\1"}) as association:
        assert len(find(association, STUDY_ROOT, **wanted)[0]) == 2
    with filled.association(STUDY_ROOT) as association:
        assert len(find(association, STUDY_ROOT, **wanted)[0]) == 0


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_identifiers_travel_in_any_uncompressed_transfer_syntax(filled, syntax):
    ae = AE()
    ae.add_requested_context(STUDY_ROOT, syntax)
    association = ae.associate(*filled.listener.address)
    wanted = {
        "QueryRetrieveLevel": "STUDY",
        "PatientName": "ä*",
        "SpecificCharacterSet": "ISO_IR 192",
    }
    identifiers, _ = find(association, STUDY_ROOT, **wanted)
    association.release()
    assert [str(i.PatientName) for i in identifiers] == ["Ä^B"]


def test_a_cancel_in_the_middle_ends_the_answers(filled):
    """FE00H (PS3.4 C.4.1.2.3): no match is sent after the cancel was seen."""
    cancel_sent = threading.Event()
    find_all = filled.archive.query.find

    def find_slowly(*args, **options):
        for match in find_all(*args, **options | {"cancelled": lambda: False}):
            yield match
            assert cancel_sent.wait(30)
            if options["cancelled"]():
                return

    filled.archive.query.find = Gated(find_slowly)
    requested = threading.Event()

    def on_sent(_event):
        # Everything before the cancel has been answered, so that what is sent now is the cancel.
        if requested.is_set():
            cancel_sent.set()

    with filled.association(STUDY_ROOT, handlers=[(evt.EVT_PDU_SENT, on_sent)]) as association:
        responses = association.send_c_find(
            keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=""), STUDY_ROOT, msg_id=7
        )
        statuses = [next(responses)[0].Status]
        requested.set()
        association.send_c_cancel(7, query_model=STUDY_ROOT)
        statuses += [status.Status for status, _ in responses]
    assert statuses == [Status.PENDING, Status.CANCEL]


class Gated:
    """Answers of a generator, in the shape of those of a query."""

    all_keys_supported = True

    def __init__(self, answers):
        self._make = answers

    def __call__(self, *args, **options):
        self._answers = self._make(*args, **options)
        return self

    def __iter__(self):
        return self._answers
