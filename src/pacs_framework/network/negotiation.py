"""What two sides agree on: presentation contexts, roles, and the rest of PS3.7 Annex D.3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from pydicom.uid import ImplicitVRLittleEndian

from pacs_framework.network.associate import (
    AssociateAnswer,
    AssociateRequest,
    Proposal,
    ResultItem,
)
from pacs_framework.network.associate_writer import encode_items
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.router import Router
from pacs_framework.network.service import AcceptedContext

__all__ = ["Agreement", "ContextResult", "Negotiator", "accepted_by_peer"]

_CACHED_AGREEMENTS = 64
_LARGEST_CACHED = 1 << 16
_SYNCHRONOUS = (1, 1)

# PS3.7 D.3.3.7: the acceptor of a Kerberos ticket answers with one of its own, which only a plugin
# could make; for user names, SAML and tokens the answer is empty.
_IDENTITIES_ANSWERED_EMPTY = frozenset((1, 2, 4, 5))


class ContextResult(IntEnum):
    """Result/Reason of a presentation context (PS3.8 Table 9-18)."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was agreed: contexts by id, extended negotiation by abstract syntax, and as acceptor
    the encoded items of A-ASSOCIATE-AC.
    """

    contexts: Mapping[int, AcceptedContext]
    extended: Mapping[str, bytes]
    items: bytes = b""


@dataclass(frozen=True, slots=True)
class _Roles:
    """The roles of the requestor for one abstract syntax, and what each context may carry."""

    scu: bool
    scp: bool
    transfer_syntaxes: frozenset[str]


class Negotiator:
    """The acceptor's side, against the services of a router. Identical requests are answered from
    a cache; only requests of moderate size are kept.
    """

    def __init__(self, router: Router, *, max_pdu: int) -> None:
        self._router = router
        self._max_pdu = max_pdu
        self._cached = lru_cache(maxsize=_CACHED_AGREEMENTS)(self._negotiate)

    def negotiate(self, request: AssociateRequest, kept: frozenset[int] | None = None) -> Agreement:
        """Answer a request; only the context ids in ``kept`` stay, all when None."""
        identity = request.user_identity
        answer_identity = (
            identity is not None
            and identity.response_requested
            and identity.kind in _IDENTITIES_ANSWERED_EMPTY
        )
        proposal = request.proposal
        small = len(proposal.encoded) <= _LARGEST_CACHED
        negotiate = self._cached if small else self._negotiate
        return negotiate(proposal, kept, answer_identity)

    def _negotiate(
        self, proposal: Proposal, kept: frozenset[int] | None, answer_identity: bool
    ) -> Agreement:
        roles = self._roles(proposal)
        results, contexts = [], {}
        for context in proposal.contexts:
            result, accepted = _judged(context, roles[context.abstract_syntax], kept)
            results.append(result)
            if accepted is not None:
                contexts[context.context_id] = accepted
        agreed = {context.abstract_syntax for context in contexts.values()}
        extended = self._extended(proposal, agreed)
        answer = AssociateAnswer(
            results=tuple(results),
            max_pdu=self._max_pdu,
            roles=_role_answers(proposal, roles, agreed),
            extended=extended,
            asynchronous_operations=_SYNCHRONOUS if proposal.asynchronous_operations else None,
            user_identity_response=b"" if answer_identity else None,
        )
        return Agreement(contexts, extended, encode_items(answer))

    def _roles(self, proposal: Proposal) -> dict[str, _Roles | None]:
        """By abstract syntax: role selection is for SOP classes, not for contexts (D.3.3.4)."""
        proposed: dict[str, set[str]] = {}
        for context in proposal.contexts:
            proposed.setdefault(context.abstract_syntax, set()).update(context.transfer_syntaxes)
        return {
            uid: self._role(uid, proposal.roles.get(uid, (True, False)), syntaxes)
            for uid, syntaxes in proposed.items()
        }

    def _role(self, uid: str, role: tuple[bool, bool], proposed: set[str]) -> _Roles | None:
        capability = self._router.capability(uid)
        if capability is None:
            return None
        scu = role[0] and bool(capability.peer_as_scu)
        scp = role[1] and bool(capability.peer_as_scp)
        if scu and scp:
            both = capability.peer_as_scu & capability.peer_as_scp
            if both & proposed:
                return _Roles(True, True, both)
            # No transfer syntax serves both roles: the plain one goes first.
            scp = False
        if scu:
            return _Roles(True, False, capability.peer_as_scu)
        return _Roles(False, True, capability.peer_as_scp) if scp else None

    def _extended(self, proposal: Proposal, agreed: set[str]) -> dict[str, bytes]:
        answers = {}
        for uid, proposed in proposal.extended.items():
            answer = self._router.negotiate(uid, proposed) if uid in agreed else None
            if answer is not None:
                answers[uid] = answer
        return answers


def _judged(
    context: ProposedContext, roles: _Roles | None, kept: frozenset[int] | None
) -> tuple[ResultItem, AcceptedContext | None]:
    """One presentation context: of what we support, the transfer syntax named first is taken."""
    chosen = ""
    if kept is not None and context.context_id not in kept:
        result = ContextResult.USER_REJECTION
    elif roles is None:
        result = ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
    else:
        supported = roles.transfer_syntaxes
        chosen = next((uid for uid in context.transfer_syntaxes if uid in supported), "")
        result = (
            ContextResult.ACCEPTANCE if chosen else ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED
        )
    item = ResultItem(
        context_id=context.context_id,
        result=result,
        # Not significant in a rejection, yet the item must be there (PS3.8 Table 9-18).
        transfer_syntax=chosen or str(ImplicitVRLittleEndian),
    )
    if roles is None or result is not ContextResult.ACCEPTANCE:
        return item, None
    return item, AcceptedContext(
        context_id=context.context_id,
        abstract_syntax=context.abstract_syntax,
        transfer_syntax=chosen,
        scu=roles.scp,
        scp=roles.scu,
    )


def _role_answers(
    proposal: Proposal, roles: Mapping[str, _Roles | None], agreed: set[str]
) -> dict[str, tuple[bool, bool]]:
    """Role selection is answered where it was proposed, and only there (PS3.7 D.3.3.4)."""
    answers = {}
    for uid in proposal.roles:
        role = roles.get(uid)
        if role is not None and uid in agreed:
            answers[uid] = (role.scu, role.scp)
    return answers


def _own_roles(
    proposed: tuple[bool, bool], answered: tuple[bool, bool] | None
) -> tuple[bool, bool]:
    """Our roles as requestor: those that both sides named; SCU when selection was not answered."""
    if proposed == (True, False) or answered is None:
        return True, False
    return proposed[0] and answered[0], proposed[1] and answered[1]


def accepted_by_peer(
    proposed: Sequence[ProposedContext], answer: AssociateAnswer
) -> dict[int, AcceptedContext]:
    """The contexts that the peer accepted of ours; an answer that fits no proposal is left out."""
    by_id = {context.context_id: context for context in proposed}
    offered: dict[str, tuple[bool, bool]] = {}
    for context in proposed:
        scu, scp = offered.get(context.abstract_syntax, (False, False))
        offered[context.abstract_syntax] = (scu or context.scu, scp or context.scp)
    accepted = {}
    for result in answer.results:
        match = by_id.get(result.context_id)
        if match is None or result.result != ContextResult.ACCEPTANCE:
            continue
        uid = match.abstract_syntax
        scu, scp = _own_roles(offered[uid], answer.roles.get(uid))
        if result.transfer_syntax in match.transfer_syntaxes and (scu or scp):
            accepted[match.context_id] = AcceptedContext(
                context_id=match.context_id,
                abstract_syntax=uid,
                transfer_syntax=result.transfer_syntax,
                scu=scu,
                scp=scp,
            )
    return accepted
