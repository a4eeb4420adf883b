"""Passing steps on to other peers, and notifying them of a new status."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pacs_framework.dicom.packed import unpack
from pacs_framework.dicom.status import Status
from pacs_framework.errors import PacsError
from pacs_framework.tables import Pauses
from pacs_mpps.courier import NotDelivered, Refused, Route
from pacs_mpps.model import MPPS, NOTIFICATION, EventType, proposal
from pacs_mpps.outbox import Delivery, Kind
from pacs_mpps.sending import Answered, send_change, send_creation, send_event

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.network.association import Association
    from pacs_mpps.settings import MppsSettings

__all__ = ["peer_routes"]

# What a peer says of a step itself: the same again would be answered the same again.
_FINAL = frozenset(
    {
        Status.NO_SUCH_ATTRIBUTE,
        Status.INVALID_ATTRIBUTE_VALUE,
        Status.MISSING_ATTRIBUTE,
        Status.MISSING_ATTRIBUTE_VALUE,
        Status.NO_SUCH_SOP_INSTANCE,
        Status.INVALID_SOP_INSTANCE,
        Status.SOP_CLASS_NOT_SUPPORTED,
    }
)


def peer_routes(archive: Archive, settings: MppsSettings) -> list[Route]:
    """One for each peer that steps are forwarded to, and for each that is notified."""
    pauses = Pauses(
        first=settings.retry_first,
        longest=settings.retry_longest,
        give_up_after=settings.give_up_after,
    )
    return [
        Route(
            kind=kind,
            receiver=aet,
            open=_line(archive, aet, kind, settings.timeout),
            pauses=pauses,
        )
        for kind, aets in ((Kind.FORWARD, settings.forward_to), (Kind.NOTIFY, settings.notify))
        for aet in dict.fromkeys(aets)
    ]


def _line(archive: Archive, aet: str, kind: Kind, timeout: float) -> Callable[[], _Line]:
    return lambda: _Line(archive, aet, kind, timeout)


class _Line:
    """One association for the rows of a batch, opened with the first one."""

    def __init__(self, archive: Archive, aet: str, kind: Kind, timeout: float) -> None:
        self._archive = archive
        self._aet = aet
        self._kind = kind
        self._timeout = timeout
        self._association: Association | None = None

    def __enter__(self) -> Callable[[Delivery], None]:
        return self._deliver

    def __exit__(self, *_: object) -> None:
        if self._association is None:
            return
        try:
            self._association.limit_wait(0)
            self._association.release()
        except PacsError:
            self._association.abort()  # all that was sent was answered

    def _deliver(self, row: Delivery) -> None:
        try:
            association = self._open()
            association.limit_wait(self._timeout)
            self._send(association, row)
        except Answered as error:
            if error.had_it_before:
                return
            if error.status in _FINAL:
                raise Refused(str(error)) from error
            raise NotDelivered(str(error)) from error
        except (OSError, PacsError) as error:
            raise NotDelivered(f"{self._aet}: {error}", out_of_reach=True) from error

    def _open(self) -> Association:
        if self._association is None:
            peer = self._archive.peers.by_aet(self._aet)
            if peer is None:
                raise PacsError(f"no peer has the AE title {self._aet!r}; add it to [peers]")
            told = self._kind is Kind.NOTIFY
            contexts = proposal(NOTIFICATION, as_scp=True) if told else proposal(MPPS)
            self._association = self._archive.connect(peer, contexts)
        return self._association

    def _send(self, association: Association, row: Delivery) -> None:
        if self._kind is Kind.NOTIFY:
            send_event(association, row.lane, EventType(int(row.event)))
        elif row.event == "N-CREATE":
            send_creation(association, row.lane, unpack(row.payload))
        else:
            send_change(association, row.lane, unpack(row.payload))
