"""The decision itself: a request and the rules in, an answer out."""

from __future__ import annotations

from ipaddress import ip_address

from pydicom.uid import UID
from pynetdicom.presentation import AllStoragePresentationContexts
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pacs_access.settings import AccessSettings, CallerRule, Service
from pacs_framework.network.decisions import (
    AssociationRequest,
    Narrowing,
    ProposedContext,
    Rejection,
    RejectReason,
)

__all__ = ["judge", "services_of"]

_STORAGE = frozenset(str(context.abstract_syntax) for context in AllStoragePresentationContexts)


def judge(request: AssociationRequest, settings: AccessSettings) -> Rejection | Narrowing | None:
    """Reject callers without a rule or from the wrong place; keep what the rule allows."""
    if not settings.callers:
        return None
    rule = settings.callers.get(request.calling_aet)
    if rule is None:
        return None if settings.unknown_callers else _reject("no rule for this calling AE title")
    if cause := _wrong_place(request, rule):
        return _reject(cause)
    return _narrow(request, rule)


def _reject(note: str) -> Rejection:
    return Rejection(reason=RejectReason.CALLING_AE_TITLE_NOT_RECOGNIZED, note=note)


def _wrong_place(request: AssociationRequest, rule: CallerRule) -> str:
    """Why this request cannot be the peer that the rule means; empty when it can."""
    if rule.tls_subject and request.tls_subject != rule.tls_subject:
        return f"the TLS subject is {request.tls_subject!r}, not {rule.tls_subject!r}"
    address = ip_address(request.address.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if rule.addresses and not any((mapped or address) in network for network in rule.addresses):
        return f"it calls from {request.address}, outside the networks of its rule"
    return ""


def _narrow(request: AssociationRequest, rule: CallerRule) -> Narrowing | None:
    allowed = rule.services
    if allowed is None:
        return None
    kept = frozenset(c.context_id for c in request.contexts if services_of(c) <= allowed)
    if len(kept) == len(request.contexts):
        return None
    return Narrowing(context_ids=kept, note=f"its rule allows {', '.join(sorted(allowed))}")


def services_of(context: ProposedContext) -> frozenset[Service]:
    """The services that a presentation context asks for: two when it takes both roles."""
    if context.abstract_syntax == Verification:
        return frozenset({Service.ECHO})
    if context.abstract_syntax in _STORAGE:
        roles = {Service.STORE: context.scu, Service.GET: context.scp}
        return frozenset(service for service, played in roles.items() if played)
    return frozenset({_by_name(UID(context.abstract_syntax).name)})


def _by_name(name: str) -> Service:
    """The standard names query/retrieve and worklist classes after their operation."""
    for ending, service in (
        ("FIND", Service.FIND),
        ("MOVE", Service.MOVE),
        ("GET", Service.GET),
        ("Without Bulk Data", Service.GET),
    ):
        if name.endswith(ending):
            return service
    return Service.OTHER
