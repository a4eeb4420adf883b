"""The score of a retrieval, and the contexts that are proposed for one."""

from __future__ import annotations

import pytest
from nodes import CT, EXPLICIT, IMPLICIT, J2K, MR, RLE
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from pacs_framework.dicom.file_meta import InstanceKind
from pacs_framework.dicom.identifier import decode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.network.routes import proposals
from pacs_framework.network.score import Score


def test_counts_stay_within_their_vr():
    """US ends at 65535; a retrieval does not."""
    score = Score(remaining=100_000)
    assert score.elements(final=False)["NumberOfRemainingSuboperations"] == 65535


def test_remaining_never_falls_below_none():
    """Instances may have been stored since they were counted."""
    score = Score(remaining=1)
    for number in range(3):
        score.record(f"1.{number}", Status.SUCCESS)
    assert score.elements(final=False)["NumberOfRemainingSuboperations"] == 0
    assert score.final_status is Status.SUCCESS


@pytest.mark.parametrize(
    ("sent", "status"),
    [(0, Status.UNABLE_TO_PERFORM_SUBOPERATIONS), (2, Status.SUBOPERATIONS_WITH_FAILURES)],
)
def test_what_was_counted_and_never_came_has_failed(sent, status):
    """Instances may have been deleted since they were counted; a part of them is no success."""
    score = Score(remaining=5)
    for number in range(sent):
        score.record(f"1.{number}", Status.SUCCESS)
    score.end()
    assert score.final_status is status
    told = score.elements(final=True)
    assert told["NumberOfCompletedSuboperations"] == sent
    assert told["NumberOfFailedSuboperations"] == 5 - sent
    assert score.failed_identifier(EXPLICIT) is None


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, str(DeflatedExplicitVRLittleEndian)])
@pytest.mark.parametrize("number", [1, 2, 3000])
def test_the_list_of_failed_uids_is_complete_however_long(syntax, number):
    """More than 64 KiB do not fit the length of VR UI (PS3.5 6.2.2 allows UN then)."""
    uids = [f"1.2.826.0.1.3680043.8.498.{n:030}" for n in range(number)]
    score = Score(remaining=number)
    for uid in uids:
        score.record(uid, Status.PROCESSING_FAILURE)
    identifier = decode_identifier(score.failed_identifier(syntax), syntax)
    value = identifier.FailedSOPInstanceUIDList
    if isinstance(value, bytes):
        value = value.decode("ascii").rstrip("\0").split("\\")
    assert ([value] if isinstance(value, str) else list(value)) == uids


def test_nothing_failed_needs_no_identifier():
    assert Score(remaining=0).failed_identifier(EXPLICIT) is None


def kind(sop_class, syntax):
    return InstanceKind(sop_class_uid=sop_class, transfer_syntax_uid=syntax)


def test_each_kind_is_proposed_alone_and_uncompressed_ones_with_a_fallback():
    """So that the receiver cannot choose one transfer syntax for all (PS3.8 9.3.2.2)."""
    ((*contexts,),) = proposals([kind(CT, EXPLICIT), kind(CT, RLE), kind(MR, J2K)])
    assert [(c.abstract_syntax, c.transfer_syntaxes) for c in contexts] == [
        (CT, (EXPLICIT,)),
        (CT, (RLE,)),
        (CT, (IMPLICIT,)),
        (CT, (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)),
        (MR, (J2K,)),
    ]
    assert [c.context_id for c in contexts] == [1, 3, 5, 7, 9]


def test_no_proposal_has_more_than_128_contexts_or_splits_a_class():
    kinds = [kind(f"1.2.{n}", syntax) for n in range(60) for syntax in (EXPLICIT, RLE, J2K)]
    batches = proposals(kinds)
    assert all(len(batch) <= 128 for batch in batches)
    classes = [{c.abstract_syntax for c in batch} for batch in batches]
    assert len(set.union(*classes)) == sum(len(each) for each in classes) == 60


def test_nothing_to_send_needs_no_proposal():
    assert proposals([]) == []
