"""DICOM nodes: instances go there by C-STORE (PS3.4 Annex B), this archive being the SCU."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.errors import (
    AssociationError,
)
from pacs_framework.network.routes import Routes, encoded_for, proposals
from pacs_framework.network.scu import c_echo
from pacs_framework.network.service import AcceptedContext, CommandField
from pacs_routing.places.contract import Away, Broken, Carrier, NotTaken, Place, Taken
from pacs_routing.places.encoding import Encoded, Encoding
from pacs_routing.places.verdicts import taken
from pacs_routing.settings import Priority

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.dicom.file_meta import InstanceKind
    from pacs_framework.network.association import Association
    from pacs_framework.network.peers import PeerAddress
    from pacs_routing.parcels import Parcel

__all__ = ["DicomPlace"]

_PRIORITY = {Priority.MEDIUM: 0x0000, Priority.HIGH: 0x0001, Priority.LOW: 0x0002}
_MOST_BREAKS = 2

_log = structlog.get_logger(__name__)


class DicomPlace(Place):
    """The node ``peer``; each answer may take ``timeout`` seconds."""

    def __init__(
        self, archive: Archive, peer: PeerAddress, encoding: Encoding, timeout: float
    ) -> None:
        self.aet = peer.aet
        self._archive = archive
        self._peer = peer
        self._encoding = encoding
        self.timeout = timeout

    def where(self) -> str:
        """AE title, host and port."""
        tls = " by TLS" if self._peer.tls else ""
        return f"{self.aet} at {self._peer.host}:{self._peer.port}{tls}"

    @contextmanager
    def open(self, kinds: Collection[InstanceKind]) -> Iterator[Carrier]:
        """Associations with a context for each kind, opened when they are needed."""
        wanted = (self._encoding.wanted(kind) for kind in kinds)
        proposed = dict.fromkeys([*kinds, *(kind for kind in wanted if kind is not None)])
        carrier = _Associations(self, proposals(proposed, self._archive.transcoding))
        try:
            yield carrier
        except BaseException:
            carrier.abort()
            raise
        carrier.release()

    def check(self) -> str:
        """C-ECHO (PS3.4 Annex A)."""
        context = ProposedContext(
            context_id=1, abstract_syntax=str(Verification), transfer_syntaxes=tuple(UNCOMPRESSED)
        )
        try:
            with self.associate([context]) as association:
                association.limit_wait(self.timeout)
                status = c_echo(association)
        except (AssociationError, OSError) as error:
            raise Away(str(error)) from error
        if status != Status.SUCCESS:
            raise Away(f"C-ECHO was answered with {status:04X}H")
        return "C-ECHO: success"

    # --- for those who carry ----------------------------------------------------------------------

    def associate(self, contexts: Sequence[ProposedContext]) -> Association:
        """Raises AssociationError and OSError."""
        return self._archive.connect(self._peer, contexts)

    def routes(self, association: Association) -> Routes:
        """By which context which instance goes."""
        return Routes(association, self._archive.transcoding)

    def encoded(self, parcel: Parcel, routes: Routes) -> tuple[AcceptedContext, Encoded]:
        """As it is wanted, or as it can be. Raises `NotTaken` where it has no context."""
        wanted = self._encoding.wanted(parcel.opened.instance.kind)
        context = None if wanted is None else routes.context_for(wanted)
        if wanted and context and context.transfer_syntax == wanted.transfer_syntax_uid:
            made = self._encoding.made(parcel)
            if made is not None:
                return context, made
        instance = parcel.opened.instance
        context = routes.context_for(instance.kind)
        if context is None:
            raise NotTaken(
                f"{self.aet} takes no instances of SOP class {instance.sop_class_uid} in a "
                f"transfer syntax that {instance.transfer_syntax_uid} can be made",
                final=True,
            )
        data = encoded_for(
            context, instance.transfer_syntax_uid, parcel.opened.data, self._archive.transcoding
        )
        uid, syntax = instance.sop_instance_uid, context.transfer_syntax
        return context, Encoded(instance.sop_class_uid, uid, syntax, data)


@dataclass(slots=True)
class _Leg:
    """One association: what it proposes, and itself while it is open."""

    contexts: Sequence[ProposedContext]
    association: Association | None = None
    routes: Routes | None = None


class _Associations(Carrier):
    """Associations to one node: one, unless there are more than 128 presentation contexts."""

    def __init__(self, place: DicomPlace, proposed: Sequence[Sequence[ProposedContext]]) -> None:
        self._place = place
        self._legs = [_Leg(contexts) for contexts in proposed]
        self._leg_of = {
            context.abstract_syntax: leg for leg in self._legs for context in leg.contexts
        }
        self._breaks = 0

    def carry(self, parcel: Parcel, priority: Priority, meanwhile: Callable[[], object]) -> Taken:
        """C-STORE (PS3.7 9.1.1)."""
        leg, association, routes = self._way(parcel.opened.instance.sop_class_uid)
        context, encoded = self._place.encoded(parcel, routes)
        elements = {
            "AffectedSOPInstanceUID": encoded.sop_instance_uid,
            "Priority": _PRIORITY[priority],
        }
        try:
            sent = association.send_request(context, CommandField.C_STORE, elements, encoded.data)
            meanwhile()
            association.limit_wait(self._place.timeout)
            response = association.receive_response(sent)
            association.limit_wait(0)
            self._breaks = 0
        except AssociationError as error:
            raise self._broken(leg, error) from error
        except BaseException:
            if not association.is_established:  # its data could not be read to the end
                self._drop(leg)
            raise
        comment = str(response.command.get("ErrorComment") or "")
        return taken(encoded.sop_instance_uid, response.status, comment)

    def look_again(self, parcel: Parcel) -> None:
        """By another association, which the next instance then uses."""
        self._way(parcel.opened.instance.sop_class_uid)

    def _way(self, sop_class_uid: str) -> tuple[_Leg, Association, Routes]:
        leg = self._leg_of.get(sop_class_uid)
        if leg is None:
            raise NotTaken(f"SOP class {sop_class_uid} was not proposed: it is another one by now")
        if leg.association is None or leg.routes is None:
            try:
                leg.association = self._place.associate(leg.contexts)
            except (AssociationError, OSError) as error:
                raise Away(str(error)) from error
            leg.routes = self._place.routes(leg.association)
        return leg, leg.association, leg.routes

    def _broken(self, leg: _Leg, error: AssociationError) -> Away | Broken:
        """One that is used up by a single instance says nothing of others; several do."""
        self._drop(leg)
        self._breaks += 1
        if self._breaks > _MOST_BREAKS:
            return Away(f"it ended {self._breaks} associations in a row, the last time: {error}")
        return Broken(str(error))

    def _drop(self, leg: _Leg) -> None:
        if leg.association is not None:
            leg.association.abort()
        leg.association = leg.routes = None

    def abort(self) -> None:
        """End all at once."""
        for leg in self._legs:
            self._drop(leg)

    def release(self) -> None:
        """End all as it should be; everything was answered, so a failure changes nothing."""
        for leg in self._legs:
            if leg.association is None:
                continue
            try:
                leg.association.release()
            except AssociationError as error:
                _log.warning("release failed", destination=self._place.aet, error=str(error))
