"""What a service can be asked, and the presentation contexts to propose for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.service import (
    ASKED_BY_SCP,
    AcceptedContext,
    CommandField,
    DimseService,
    SupportedContext,
)

__all__ = ["UNKNOWN_UID", "Asked", "askable", "offers", "one_of_each", "pieces", "propose"]

UNKNOWN_UID = "1.2.826.0.1.3680043.10.543.999"
"""A UID that no service names."""

_MOST = 100  # contexts of one association, which may be 128 (PS3.8 9.3.2.2)
_PREFERRED = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command on a SOP class that a service declares, in a transfer syntax that it takes."""

    service: str
    abstract_syntax: str
    command: CommandField
    transfer_syntax: str

    @property
    def context(self) -> ProposedContext:
        """The first context of an association, for this alone."""
        return propose([self])[0]

    @property
    def accepted(self) -> AcceptedContext:
        """`context` as it is when it was accepted."""
        return AcceptedContext(
            context_id=self.context.context_id,
            abstract_syntax=self.abstract_syntax,
            transfer_syntax=self.transfer_syntax,
            scu=True,
            scp=False,
        )


def askable(services: Iterable[DimseService]) -> list[Asked]:
    """Every command of every service on every SOP class where the requestor is SCU.

    Not N-EVENT-REPORT: what is told by it depends on what was asked before.
    A service that lists none is asked on `UNKNOWN_UID`, if it takes that.
    """
    found = []
    for service in services:
        contexts = [context for context in service.contexts() if context.peer_as_scu]
        if not contexts and (offer := service.context_for(UNKNOWN_UID)) and offer.peer_as_scu:
            contexts = [offer]
        found += [
            Asked(
                service=service.name,
                abstract_syntax=str(context.abstract_syntax),
                command=command,
                transfer_syntax=_chosen(context.transfer_syntaxes),
            )
            for context in contexts
            for command in sorted(service.commands - ASKED_BY_SCP)
        ]
    return found


def _chosen(syntaxes: Iterable[str]) -> str:
    """The plainest of them."""
    known = {str(uid) for uid in syntaxes}
    return next((uid for uid in _PREFERRED if uid in known), min(known))


def one_of_each(asked: Iterable[Asked]) -> list[Asked]:
    """For each command the first SOP class that it is declared for."""
    first: dict[CommandField, Asked] = {}
    for each in asked:
        first.setdefault(each.command, each)
    return list(first.values())


def pieces(asked: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
    """As many at a time as one association has room for."""
    for start in range(0, len(asked), _MOST):
        yield asked[start : start + _MOST]


def propose(asked: Iterable[Asked]) -> list[ProposedContext]:
    """A context for each SOP class; and one to be SCP on, for what a C-GET brings."""
    syntaxes = {each.abstract_syntax: each.transfer_syntax for each in asked}
    contexts = [
        _proposed(number, uid, syntax) for number, (uid, syntax) in enumerate(syntaxes.items())
    ]
    if str(CTImageStorage) not in syntaxes:
        number = len(contexts)
        contexts.append(_proposed(number, str(CTImageStorage), _PREFERRED[0], scu=False, scp=True))
    return contexts


def offers(contexts: Iterable[SupportedContext]) -> Iterator[list[ProposedContext]]:
    """Every SOP class in each transfer syntax alone, in the roles that are offered; in as many
    associations as it takes, each of which has one role for a SOP class (PS3.7 D.3.3.4).
    """

    def role(context: SupportedContext) -> tuple[bool, bool]:
        return context.peer_as_scu, context.peer_as_scp

    for (scu, scp), group in groupby(sorted(contexts, key=role), role):
        pairs = [
            (str(context.abstract_syntax), str(syntax))
            for context in group
            for syntax in sorted(context.transfer_syntaxes)
        ]
        for start in range(0, len(pairs), _MOST):
            yield [
                _proposed(number, uid, syntax, scu=scu, scp=scp)
                for number, (uid, syntax) in enumerate(pairs[start : start + _MOST])
            ]


def _proposed(
    number: int, uid: str, syntax: str, *, scu: bool = True, scp: bool = False
) -> ProposedContext:
    return ProposedContext(
        context_id=2 * number + 1,
        abstract_syntax=uid,
        transfer_syntaxes=(syntax,),
        scu=scu,
        scp=scp,
    )
