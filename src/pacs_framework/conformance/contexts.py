"""The presentation contexts that the services accept together, read from their router."""

from __future__ import annotations

import itertools

from pacs_framework.conformance.names import Family, family_of, named
from pacs_framework.conformance.statement import AcceptedContext, SyntaxSet
from pacs_framework.network.router import Capability, Router

__all__ = ["SyntaxSets", "accepted_contexts", "unlisted_context"]

# No registered class and nobody's private one: made from a UUID (PS3.5 B.2) for this question.
_NOBODYS = "2.25.251602113428731203962384729836524161113"
_NOTHING = Capability(frozenset(), frozenset())
_EVERY_OPTION = b"\x01" * 16


class SyntaxSets:
    """Gives each different set of transfer syntaxes a name, in the order they come up."""

    def __init__(self) -> None:
        self._names: dict[frozenset[str], str] = {}
        self._numbers = itertools.count(1)

    def name_of(self, transfer_syntaxes: frozenset[str]) -> str:
        """``T1``, ``T2`` …; empty for the empty set."""
        if not transfer_syntaxes:
            return ""
        if transfer_syntaxes not in self._names:
            self._names[transfer_syntaxes] = f"T{next(self._numbers)}"
        return self._names[transfer_syntaxes]

    def all(self) -> tuple[SyntaxSet, ...]:
        """Every set that was named so far."""
        return tuple(
            SyntaxSet(
                name=name,
                transfer_syntaxes=tuple(named(uid) for uid in sorted(uids, key=_by_number)),
            )
            for uids, name in self._names.items()
        )


def _by_number(uid: str) -> tuple[int, ...]:
    return tuple(int(part) for part in uid.split(".") if part.isdigit())


def accepted_contexts(router: Router, sets: SyntaxSets) -> tuple[AcceptedContext, ...]:
    """Every abstract syntax that a service lists and that can be accepted, by number."""
    found = (
        _context(uid, router.capability(uid), router, sets)
        for uid in sorted(router.abstract_syntaxes, key=_by_number)
    )
    return tuple(context for context in found if context.as_scp or context.as_scu)


def unlisted_context(router: Router, sets: SyntaxSets) -> AcceptedContext:
    """How an abstract syntax is accepted that no service lists: asked with one that nobody has."""
    return _context(_NOBODYS, router.capability(_NOBODYS), router, sets)


def _context(
    uid: str, capability: Capability | None, router: Router, sets: SyntaxSets
) -> AcceptedContext:
    able = capability or _NOTHING
    listed = uid != _NOBODYS
    return AcceptedContext(
        uid=uid if listed else "",
        name=named(uid).name if listed else "any other abstract syntax",
        family=family_of(uid) if listed else Family.OTHER,
        as_scp=sets.name_of(able.peer_as_scu),
        as_scu=sets.name_of(able.peer_as_scp),
        extended_negotiation=router.negotiate(uid, _EVERY_OPTION) is not None,
    )
