"""The rules of pacs-access, as pure decisions."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs_access.rules import judge, services_of
from pacs_access.settings import AccessSettings, Service
from pacs_framework.network.decisions import (
    AssociationRequest,
    Narrowing,
    ProposedContext,
    Rejection,
    RejectReason,
)


def context(number: int, abstract_syntax: str, *, scu: bool = True, scp: bool = False):
    return ProposedContext(
        context_id=number,
        abstract_syntax=abstract_syntax,
        transfer_syntaxes=("1.2.840.10008.1.2",),
        scu=scu,
        scp=scp,
    )


CONTEXTS = (
    context(1, Verification),
    context(3, CTImageStorage),
    context(5, PatientRootQueryRetrieveInformationModelFind),
    context(7, StudyRootQueryRetrieveInformationModelMove),
    context(9, StudyRootQueryRetrieveInformationModelGet),
    context(11, CTImageStorage, scu=False, scp=True),
)


def request(
    *, aet: str = "CT1", address: str = "10.1.2.3", subject: str = ""
) -> AssociationRequest:
    return AssociationRequest(
        association_id="a1",
        calling_aet=aet,
        called_aet="PACS",
        address=address,
        port=40000,
        tls_subject=subject,
        user_identity=None,
        contexts=CONTEXTS,
    )


def settings(**values: object) -> AccessSettings:
    return AccessSettings.model_validate(values)


def test_without_rules_everybody_is_let_in() -> None:
    assert judge(request(), AccessSettings()) is None


def test_a_caller_without_a_rule_is_rejected_when_there_are_rules() -> None:
    answer = judge(request(aet="STRANGER"), settings(callers={"CT1": {}}))
    assert isinstance(answer, Rejection)
    assert answer.reason is RejectReason.CALLING_AE_TITLE_NOT_RECOGNIZED


def test_unknown_callers_come_in_where_the_site_wants_it() -> None:
    rules = settings(callers={"CT1": {"services": ["echo"]}}, unknown_callers=True)
    assert judge(request(aet="STRANGER"), rules) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fe80::1%eth0"])
def test_a_caller_from_its_own_network_comes_in(address: str) -> None:
    rules = settings(callers={"CT1": {"addresses": ["10.1.2.0/24", "fe80::/16"]}})
    assert judge(request(address=address), rules) is None


def test_a_caller_from_another_network_is_rejected_with_the_cause_in_the_note() -> None:
    answer = judge(
        request(address="10.9.9.9"), settings(callers={"CT1": {"addresses": ["10.1.2.0/24"]}})
    )
    assert isinstance(answer, Rejection)
    assert answer.note == "it calls from 10.9.9.9, outside the networks of its rule"


def test_a_caller_with_another_certificate_is_rejected() -> None:
    rules = settings(callers={"CT1": {"tls_subject": "CN=ct1"}})
    assert judge(request(subject="CN=ct1"), rules) is None
    assert isinstance(judge(request(subject="CN=ct2"), rules), Rejection)
    assert isinstance(judge(request(subject=""), rules), Rejection)


@pytest.mark.parametrize(
    ("services", "kept"),
    [
        (["echo"], {1}),
        (["echo", "store"], {1, 3}),
        (["find"], {5}),
        (["move"], {7}),
        (["get"], {9, 11}),
        ([], set()),
    ],
)
def test_a_rule_keeps_the_contexts_of_its_services(services: list[str], kept: set[int]) -> None:
    answer = judge(request(), settings(callers={"CT1": {"services": services}}))
    assert isinstance(answer, Narrowing)
    assert answer.context_ids == kept


def test_a_rule_that_allows_all_that_is_asked_changes_nothing() -> None:
    every = [service.value for service in Service]
    assert judge(request(), settings(callers={"CT1": {"services": every}})) is None
    assert judge(request(), settings(callers={"CT1": {}})) is None


def test_a_context_in_both_roles_needs_both_services() -> None:
    both = context(1, CTImageStorage, scu=True, scp=True)
    assert services_of(both) == {Service.STORE, Service.GET}


def test_worklist_is_found_and_a_private_class_is_other() -> None:
    assert services_of(context(1, ModalityWorklistInformationFind)) == {Service.FIND}
    assert services_of(context(1, "1.2.3.4.5")) == {Service.OTHER}


def test_an_unknown_service_word_is_a_wrong_setting() -> None:
    with pytest.raises(ValidationError, match="'echo', 'store', 'find', 'move', 'get' or 'other'"):
        settings(callers={"CT1": {"services": ["query"]}})
