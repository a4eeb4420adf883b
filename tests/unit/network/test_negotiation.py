"""What an acceptor answers to a proposal, and what a requestor makes of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from pynetdicom.presentation import SCP_SCU_ROLES

from pacs_framework.network.associate import (
    AssociateAnswer,
    AssociateRequest,
    Proposal,
    ResultItem,
)
from pacs_framework.network.associate_reader import decode_accept
from pacs_framework.network.associate_writer import encode_accept
from pacs_framework.network.decisions import ProposedContext, UserIdentity
from pacs_framework.network.negotiation import Agreement, Negotiator, accepted_by_peer
from pacs_framework.network.router import Router
from pacs_framework.network.service import (
    AcceptedContext,
    CommandField,
    DimseService,
    Request,
    SupportedContext,
)

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT, EXPLICIT, JPEG = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.4.70",
)


class Storage(DimseService):
    """Takes CT in the roles and syntaxes given, and counts how often it is asked."""

    name = "storage"
    commands = frozenset({CommandField.C_STORE})

    def __init__(self, *contexts: SupportedContext) -> None:
        self.listed = contexts
        self.asked = 0

    def contexts(self) -> Iterable[SupportedContext]:
        return self.listed

    def negotiate(self, abstract_syntax: str, proposed: bytes) -> bytes | None:
        self.asked += 1
        return proposed[:1]

    def serve(self, request: Request) -> None:
        raise NotImplementedError


def supported(*syntaxes: str, scu: bool = True, scp: bool = False) -> SupportedContext:
    return SupportedContext(
        abstract_syntax=CT,
        transfer_syntaxes=frozenset(syntaxes),
        peer_as_scu=scu,
        peer_as_scp=scp,
    )


def request(
    *contexts: tuple[str, tuple[str, ...]],
    roles: Mapping[str, tuple[bool, bool]] | None = None,
    window: tuple[int, int] | None = None,
    identity: UserIdentity | None = None,
) -> AssociateRequest:
    roles = roles or {}
    proposed = tuple(
        ProposedContext(
            context_id=2 * number + 1,
            abstract_syntax=uid,
            transfer_syntaxes=syntaxes,
            scu=roles.get(uid, (True, False))[0],
            scp=roles.get(uid, (True, False))[1],
        )
        for number, (uid, syntaxes) in enumerate(contexts)
    )
    proposal = Proposal(
        encoded=repr((proposed, roles, window)).encode(),
        application_context="",
        contexts=proposed,
        roles=roles,
        extended={CT: b"\1\2"},
        common_extended={},
        asynchronous_operations=window,
        max_pdu=16384,
        implementation=("", ""),
    )
    return AssociateRequest(
        called_aet="", calling_aet="", titles=bytes(32), proposal=proposal, user_identity=identity
    )


def answer_of(agreement: Agreement) -> AssociateAnswer:
    return decode_accept(encode_accept(agreement.items, bytes(32))[6:])


def results(agreement: Agreement) -> dict[int, int]:
    return {result.context_id: result.result for result in answer_of(agreement).results}


def test_the_requestors_order_chooses_the_transfer_syntax() -> None:
    """Of the supported syntaxes, the one that the requestor names first."""
    negotiator = Negotiator(Router([Storage(supported(IMPLICIT, EXPLICIT))]), max_pdu=16384)
    agreement = negotiator.negotiate(request((CT, (JPEG, EXPLICIT, IMPLICIT))))
    assert agreement.contexts == {
        1: AcceptedContext(
            context_id=1, abstract_syntax=CT, transfer_syntax=EXPLICIT, scu=False, scp=True
        )
    }
    assert answer_of(agreement).max_pdu == 16384


def test_every_context_gets_its_result() -> None:
    """Acceptance 0, user rejection 1, abstract syntax 3, transfer syntaxes 4 (PS3.8 9-18)."""
    negotiator = Negotiator(Router([Storage(supported(IMPLICIT))]), max_pdu=0)
    proposed = request((CT, (IMPLICIT,)), (MR, (IMPLICIT,)), (CT, (JPEG,)), (CT, ()))
    assert results(negotiator.negotiate(proposed)) == {1: 0, 3: 3, 5: 4, 7: 4}
    narrowed = negotiator.negotiate(proposed, frozenset({3}))
    assert results(narrowed) == {1: 1, 3: 3, 5: 1, 7: 1}
    assert narrowed.contexts == {}


_WISHES = [(True, False), (False, True), (True, True), (False, False)]
_OFFERS = [(True, False), (False, True), (True, True)]


@pytest.mark.parametrize("wish", _WISHES)
@pytest.mark.parametrize("offer", _OFFERS)
def test_roles_come_out_as_the_standard_says(
    wish: tuple[bool, bool], offer: tuple[bool, bool]
) -> None:
    """PS3.7 D.3.3.4, with pynetdicom's table as the oracle: what both sides named, or rejection."""
    service = Storage(supported(IMPLICIT, scu=offer[0], scp=offer[1]))
    agreement = Negotiator(Router([service]), max_pdu=0).negotiate(
        request((CT, (IMPLICIT,)), roles={CT: wish})
    )
    answered = (wish[0] and offer[0], wish[1] and offer[1])
    _, _, our_scu, our_scp = SCP_SCU_ROLES[wish][answered]
    accepted = agreement.contexts.get(1)
    if our_scu or our_scp:
        assert accepted is not None
        assert (accepted.scu, accepted.scp) == (our_scu, our_scp)
        assert answer_of(agreement).roles == {CT: answered}
    else:
        assert accepted is None


def test_roles_are_not_answered_unasked() -> None:
    """Without role selection the requestor is SCU; a class that wants it as SCP is refused."""
    both = Negotiator(Router([Storage(supported(IMPLICIT, scp=True))]), max_pdu=0)
    agreement = both.negotiate(request((CT, (IMPLICIT,))))
    assert (agreement.contexts[1].scp, agreement.contexts[1].scu) == (True, False)
    assert answer_of(agreement).roles == {}
    only_scp = Negotiator(Router([Storage(supported(IMPLICIT, scu=False, scp=True))]), max_pdu=0)
    assert results(only_scp.negotiate(request((CT, (IMPLICIT,))))) == {1: 3}


def test_one_transfer_syntax_must_serve_both_roles() -> None:
    """Where none does, the requestor stays SCU."""
    service = Storage(supported(IMPLICIT), supported(EXPLICIT, JPEG, scu=False, scp=True))
    negotiator = Negotiator(Router([service]), max_pdu=0)
    agreement = negotiator.negotiate(request((CT, (EXPLICIT, IMPLICIT)), roles={CT: (True, True)}))
    accepted = agreement.contexts[1]
    assert (accepted.transfer_syntax, accepted.scp, accepted.scu) == (IMPLICIT, True, False)


def test_asynchronous_operations_are_answered_one_by_one() -> None:
    """1/1 where a window was proposed (PS3.7 D.3.3.3), and nothing where it was not."""
    negotiator = Negotiator(Router([Storage(supported(IMPLICIT))]), max_pdu=0)
    asked = negotiator.negotiate(request((CT, (IMPLICIT,)), window=(0, 0)))
    unasked = negotiator.negotiate(request((CT, (IMPLICIT,))))
    assert answer_of(asked).asynchronous_operations == (1, 1)
    assert answer_of(unasked).asynchronous_operations is None


@pytest.mark.parametrize(
    ("kind", "wanted", "response"),
    [(1, True, b""), (2, True, b""), (1, False, None), (3, True, None)],
)
def test_a_user_identity_is_answered_when_asked(
    kind: int, wanted: bool, response: bytes | None
) -> None:
    """A positive response only where requested, and none to a Kerberos ticket (D.3.3.7)."""
    negotiator = Negotiator(Router([Storage(supported(IMPLICIT))]), max_pdu=0)
    identity = UserIdentity(kind=kind, primary=b"x", secondary=b"", response_requested=wanted)
    agreement = negotiator.negotiate(request((CT, (IMPLICIT,)), identity=identity))
    assert answer_of(agreement).user_identity_response == response


def test_extended_negotiation_is_answered_for_accepted_classes() -> None:
    """The service's answer is sent and kept; a rejected class gets none."""
    service = Storage(supported(IMPLICIT))
    negotiator = Negotiator(Router([service]), max_pdu=0)
    assert negotiator.negotiate(request((CT, (IMPLICIT,)))).extended == {CT: b"\1"}
    assert negotiator.negotiate(request((CT, (JPEG,)))).extended == {}
    assert service.asked == 1


def test_identical_requests_are_negotiated_once() -> None:
    """The answer of an equal proposal is the same object; a narrowing makes it another."""
    negotiator = Negotiator(Router([Storage(supported(IMPLICIT))]), max_pdu=0)
    first = negotiator.negotiate(request((CT, (IMPLICIT,))))
    assert negotiator.negotiate(request((CT, (IMPLICIT,)))) is first
    assert negotiator.negotiate(request((CT, (IMPLICIT,))), frozenset()) is not first


@pytest.mark.parametrize("wish", [(False, True), (True, True)])
@pytest.mark.parametrize("answered", [None, *_WISHES])
def test_a_requestor_reads_its_roles(
    wish: tuple[bool, bool], answered: tuple[bool, bool] | None
) -> None:
    """What both sides named; without an answer SCU (pynetdicom's table is the oracle)."""
    scu, scp, _, _ = SCP_SCU_ROLES[wish][answered or (None, None)]
    accepted = accepted_by_peer(
        [
            ProposedContext(
                context_id=1,
                abstract_syntax=CT,
                transfer_syntaxes=(IMPLICIT,),
                scu=wish[0],
                scp=wish[1],
            )
        ],
        AssociateAnswer(
            results=(ResultItem(context_id=1, result=0, transfer_syntax=IMPLICIT),),
            max_pdu=0,
            roles={} if answered is None else {CT: answered},
            extended={},
        ),
    )
    if wish == (False, True) and answered == (True, True):
        scu, scp = False, True
    if wish == (False, True) and answered == (True, False):
        scu = scp = False
    assert [(c.scu, c.scp) for c in accepted.values()] == ([(scu, scp)] if scu or scp else [])


def test_an_answer_that_was_never_proposed_is_left_out() -> None:
    """Another id, or a transfer syntax that was not on the list, is no context."""
    proposed = ProposedContext(context_id=1, abstract_syntax=CT, transfer_syntaxes=(IMPLICIT,))
    answer = AssociateAnswer(
        results=(
            ResultItem(context_id=1, result=0, transfer_syntax=JPEG),
            ResultItem(context_id=3, result=0, transfer_syntax=IMPLICIT),
        ),
        max_pdu=0,
        roles={},
        extended={},
    )
    assert accepted_by_peer([proposed], answer) == {}
