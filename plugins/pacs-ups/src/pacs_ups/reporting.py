"""Telling a subscriber: N-EVENT-REPORT on an association of our own (PS3.4 CC.2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import UnifiedProcedureStepEvent  # type: ignore[attr-defined]

from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import is_failure
from pacs_framework.errors import PacsError
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.scu import n_event_report
from pacs_ups.state.steps import PUSH

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.network.association import Association
    from pacs_framework.network.service import AcceptedContext
    from pacs_ups.state.model import Event

__all__ = ["EVENT", "SYNTAXES", "Line", "NotTold", "line_to"]

EVENT = str(UnifiedProcedureStepEvent)
SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))


class NotTold(PacsError):
    """A subscriber does not have a report; the message says why."""


class Line:
    """An association to a subscriber that takes reports."""

    def __init__(self, association: Association, context: AcceptedContext, timeout: float) -> None:
        self._association = association
        self._context = context
        self._timeout = timeout

    def tell(self, event: Event) -> None:
        """Send one report and wait for its answer. Raises `NotTold`."""
        information = encode_identifier(
            encode_identifier_charset(event.information), self._context.transfer_syntax
        )
        self._association.limit_wait(self._timeout)
        response = n_event_report(
            self._association,
            context=self._context,
            sop_class_uid=PUSH,
            sop_instance_uid=event.uid,
            event_type=event.type,
            information=information,
        )
        self._association.limit_wait(0)
        if is_failure(response.status):
            comment = response.command.get("ErrorComment") or "no comment"
            raise NotTold(f"the peer answered a report with {response.status:04X}H ({comment})")


@contextmanager
def line_to(archive: Archive, aet: str, timeout: float) -> Iterator[Line]:
    """An association to the peer with this AE title in ``[peers]``. Raises `NotTold`.

    We propose to be SCP (PS3.7 D.3.3.4). A peer that accepts the context and says nothing of roles
    is told all the same: many do not negotiate them.
    """
    peer = archive.peers.by_aet(aet)
    if peer is None:
        raise NotTold(f"no peer has the AE title {aet!r}; add it to [peers]")
    proposed = ProposedContext(
        context_id=1, abstract_syntax=EVENT, transfer_syntaxes=SYNTAXES, scu=False, scp=True
    )
    try:
        with archive.connect(peer, [proposed]) as association:
            yield Line(association, _context(association), timeout)
    except NotTold:
        raise
    except (OSError, PacsError) as error:
        raise NotTold(f"{aet} at {peer.host}:{peer.port}: {error}") from error


def _context(association: Association) -> AcceptedContext:
    found = association.context_for(EVENT, scu=False) or association.context_for(EVENT)
    if found is None:
        raise NotTold("the peer does not accept the UPS Event SOP Class")
    return found
