"""What the C-STORE sub-operations of a retrieval travel on (PS3.4 C.4.2.3, C.4.3.3).

That of a C-GET is the association of the request; those of a C-MOVE are sub-associations to the
peer behind the destination AE title.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import structlog

from pacs_framework.network.errors import AssociationError
from pacs_framework.network.routes import Converter, Routes, proposals
from pacs_framework.network.service import AcceptedContext

if TYPE_CHECKING:
    from pacs_framework.dicom.file_meta import InstanceKind
    from pacs_framework.network.association import Association
    from pacs_framework.network.decisions import ProposedContext
    from pacs_framework.network.peers import PeerAddress

    Route = tuple[Association, AcceptedContext]

__all__ = ["Carrier", "Destination", "SameAssociation"]

_log = structlog.get_logger(__name__)


class Carrier(Protocol):
    """Where instances are sent to."""

    @property
    def usable(self) -> bool:
        """Whether any instance can still be sent."""

    def route(self, kind: InstanceKind) -> Route | None:
        """The association and the context for a kind of instance; None when none fits."""

    def context_for(self, kind: InstanceKind) -> AcceptedContext | None:
        """What `route` would give, as far as it is known already: opens no association."""

    def lost(self, association: Association, error: Exception) -> None:
        """Take note that an association is over; raises ``error`` if the request's own is."""


class SameAssociation:
    """Carries instances on the association that the request came by."""

    usable = True

    def __init__(self, association: Association, converter: Converter) -> None:
        self._association = association
        self._routes = Routes(association, converter)

    def route(self, kind: InstanceKind) -> Route | None:
        """The association, where it has a context for the kind."""
        context = self.context_for(kind)
        return None if context is None else (self._association, context)

    def context_for(self, kind: InstanceKind) -> AcceptedContext | None:
        """The context of the association."""
        return self._routes.context_for(kind)

    def lost(self, _association: Association, error: Exception) -> None:
        """Nobody is left to answer."""
        raise error


@dataclass(slots=True)
class _Leg:
    """One sub-association: what it proposes, and how often it may still be opened.

    A receiver that drops an association in the middle gets the rest on a second one, once: a
    restarted peer is worth it, one that dies of an instance every time is not.
    """

    contexts: Sequence[ProposedContext]
    openings: int = 2
    association: Association | None = None
    routes: Routes | None = None


class Destination:
    """Carries instances to a peer. Several associations only where one has too few contexts.

    A context manager: a clean exit releases, an exception aborts.
    """

    def __init__(
        self,
        peer: PeerAddress,
        connect: Callable[[PeerAddress, Sequence[ProposedContext]], Association],
        converter: Converter,
        kinds: Iterable[InstanceKind],
    ) -> None:
        self._peer = peer
        self._connect = connect
        self._converter = converter
        self._legs = [_Leg(contexts) for contexts in proposals(kinds, self._converter)]
        self._leg_of = {
            context.abstract_syntax: leg for leg in self._legs for context in leg.contexts
        }

    @property
    def usable(self) -> bool:
        """Whether an association is open or may be opened."""
        return any(leg.association is not None or leg.openings for leg in self._legs)

    def route(self, kind: InstanceKind) -> Route | None:
        """The association for a kind of instance, opened when it is first needed."""
        leg = self._leg_of.get(kind.sop_class_uid)
        if leg is None:
            return None  # stored since the proposal was made
        if leg.association is None and leg.openings:
            self._open(leg)
        if leg.association is None or leg.routes is None:
            return None
        context = leg.routes.context_for(kind)
        return None if context is None else (leg.association, context)

    def context_for(self, kind: InstanceKind) -> AcceptedContext | None:
        """The same without opening one."""
        leg = self._leg_of.get(kind.sop_class_uid)
        return None if leg is None or leg.routes is None else leg.routes.context_for(kind)

    def _open(self, leg: _Leg) -> None:
        leg.openings -= 1
        try:
            leg.association = self._connect(self._peer, leg.contexts)
        except (AssociationError, OSError) as error:
            leg.openings = 0
            _log.warning("no sub-association", destination=self._peer.aet, error=str(error))
        else:
            leg.routes = Routes(leg.association, self._converter)

    def lost(self, association: Association, error: Exception) -> None:
        """The peer is gone; the next instance opens another association, if one is left."""
        _log.warning("sub-association lost", destination=self._peer.aet, error=str(error))
        association.abort()
        for leg in self._legs:
            if leg.association is association:
                leg.association = leg.routes = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exc_type: object, *exc: object) -> None:
        for leg in self._legs:
            if leg.association is None:
                continue
            if exc_type is not None:
                leg.association.abort()
                continue
            try:
                leg.association.release()
            except AssociationError as error:
                _log.warning("release failed", destination=self._peer.aet, error=str(error))
