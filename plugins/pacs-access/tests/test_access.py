"""The rules on the wire: what a peer is answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from pacs_framework.testing.process import ServedArchive, served

RULES = """
[plugin.access.callers.CT1]
addresses = ["127.0.0.0/8"]
services = ["echo", "store"]

[plugin.access.callers.ELSEWHERE]
addresses = ["192.0.2.0/24"]
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedArchive]:
    with served(tmp_path_factory.mktemp("archive"), config=RULES) as running:
        yield running


def test_a_known_caller_gets_the_contexts_of_its_services(archive: ServedArchive) -> None:
    ae = AE(ae_title="CT1")
    for sop_class in (Verification, CTImageStorage, StudyRootQueryRetrieveInformationModelFind):
        ae.add_requested_context(sop_class)
    association = ae.associate(archive.host, archive.port)
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    [refused] = association.rejected_contexts
    association.release()
    assert accepted == {Verification, CTImageStorage}
    assert refused.abstract_syntax == StudyRootQueryRetrieveInformationModelFind
    assert refused.result == 1, "user rejection, not an unknown abstract syntax"


@pytest.mark.parametrize("aet", ["STRANGER", "ELSEWHERE"])
def test_others_are_rejected_as_callers_that_are_not_recognized(
    archive: ServedArchive, aet: str
) -> None:
    answers = []
    ae = AE(ae_title=aet)
    ae.add_requested_context(Verification)
    watch = [(evt.EVT_PDU_RECV, lambda event: answers.append(event.pdu))]
    association = ae.associate(archive.host, archive.port, evt_handlers=watch)
    assert not association.is_established
    [answer] = answers
    assert isinstance(answer, A_ASSOCIATE_RJ)
    assert (answer.result, answer.source, answer.reason_diagnostic) == (1, 1, 3)


def test_the_log_says_why(archive: ServedArchive) -> None:
    ae = AE(ae_title="ELSEWHERE")
    ae.add_requested_context(Verification)
    ae.associate(archive.host, archive.port)
    assert "outside the networks of its rule" in archive.log_text()
