"""Getting a report to the one who asked: N-EVENT-REPORT (PS3.4 J.3.3)."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import is_failure
from pacs_framework.errors import PacsError
from pacs_framework.network.errors import AssociationError
from pacs_framework.network.scu import n_event_report
from pacs_storage_commitment.datasets import report_dataset
from pacs_storage_commitment.model import (
    ALL_COMMITTED,
    PUSH_MODEL,
    SOME_FAILED,
    WELL_KNOWN_INSTANCE,
    Report,
    proposal,
)

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.network.association import Association
    from pacs_framework.network.service import AcceptedContext

__all__ = ["NotDelivered", "report_anew", "report_on"]


class NotDelivered(PacsError):
    """The peer does not have its report; the message says why."""


def report_on(association: Association, report: Report, timeout: float) -> bool:
    """Report on the association that asked, by its own thread; False when it is over or busy.

    Raises `NotDelivered` when the peer got the report and did not take it.
    """
    sent = association.post(lambda own: _send(own, report, timeout))
    try:
        sent.result(timeout)
    except FutureTimeout:
        if sent.cancel():
            return False
        # Under way: it ends by its own time-out.
        return _ended(sent.exception())
    except NotDelivered:
        raise
    except (AssociationError, PacsError):
        return False
    return True


def _ended(failure: BaseException | None) -> bool:
    if isinstance(failure, NotDelivered):
        raise failure
    return failure is None


def report_anew(archive: Archive, peer_aet: str, report: Report, timeout: float) -> None:
    """Report on an association of its own, to the peer with this AE title in ``[peers]``.

    We propose to be SCP (PS3.7 D.3.3.4). A peer that accepts the context and says nothing of roles
    is told all the same: many do not negotiate them. Raises `NotDelivered`.
    """
    peer = archive.peers.by_aet(peer_aet)
    if peer is None:
        raise NotDelivered(f"no peer has the AE title {peer_aet!r}; add it to [peers]")
    try:
        with archive.connect(peer, proposal(as_scp=True)) as association:
            _send(association, report, timeout)
    except NotDelivered:
        raise
    except (OSError, PacsError) as error:
        raise NotDelivered(f"{peer_aet} at {peer.host}:{peer.port}: {error}") from error


def _send(association: Association, report: Report, timeout: float) -> None:
    context = _context(association)
    peer = association.peer
    our_aet = peer.calling_aet if association.is_requestor else peer.called_aet
    information = encode_identifier(report_dataset(report, our_aet), context.transfer_syntax)
    association.limit_wait(timeout)
    response = n_event_report(
        association,
        context=context,
        sop_instance_uid=WELL_KNOWN_INSTANCE,
        event_type=SOME_FAILED if report.failed else ALL_COMMITTED,
        information=information,
    )
    association.limit_wait(0)
    if is_failure(response.status):
        comment = response.command.get("ErrorComment") or "no comment"
        raise NotDelivered(f"the peer answered the report with {response.status:04X}H ({comment})")


def _context(association: Association) -> AcceptedContext:
    found = association.context_for(PUSH_MODEL, scu=False) or association.context_for(PUSH_MODEL)
    if found is None:
        raise NotDelivered("the peer does not accept the Storage Commitment Push Model")
    return found
