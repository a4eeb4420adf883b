"""N-CREATE, N-SET and N-EVENT-REPORT towards peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.status import Status, is_failure
from pacs_framework.errors import PacsError
from pacs_framework.network.scu import n_create, n_event_report, n_set
from pacs_mpps.model import MAY_NO_LONGER_BE_UPDATED, MPPS, NOTIFICATION, EventType

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.network.association import Association, Response
    from pacs_framework.network.service import AcceptedContext

__all__ = ["Answered", "NoContext", "send_change", "send_creation", "send_event"]


class NoContext(PacsError):
    """The peer does not accept the SOP class."""


class Answered(PacsError):
    """The peer answered with a failure; ``status`` is what it said."""

    def __init__(self, operation: str, response: Response) -> None:
        comment = response.command.get("ErrorComment") or "no comment"
        super().__init__(
            f"the peer answered {operation} with {response.status:04X}H ({comment})",
            status=response.status,
        )
        self.error_id = response.command.get("ErrorID")

    @property
    def had_it_before(self) -> bool:
        """Whether the peer has what was sent, as far as one can tell: it was sent twice."""
        return (
            self.status == Status.DUPLICATE_SOP_INSTANCE
            or self.error_id == MAY_NO_LONGER_BE_UPDATED
        )


def send_creation(association: Association, uid: str, dataset: Dataset) -> None:
    """N-CREATE of a step. Raises `NoContext`, `Answered`, and AssociationError."""
    context = _context(association, MPPS)
    response = n_create(
        association,
        context=context,
        sop_instance_uid=uid,
        attributes=encode_identifier(dataset, context.transfer_syntax),
    )
    _check("N-CREATE", response)


def send_change(association: Association, uid: str, changes: Dataset) -> None:
    """N-SET of a step. Raises as `send_creation` does."""
    context = _context(association, MPPS)
    response = n_set(
        association,
        context=context,
        sop_instance_uid=uid,
        modifications=encode_identifier(changes, context.transfer_syntax),
    )
    _check("N-SET", response)


def send_event(association: Association, uid: str, event: EventType) -> None:
    """N-EVENT-REPORT of a new status (PS3.4 F.9.2), without information. Raises as above."""
    response = n_event_report(
        association,
        context=_context(association, NOTIFICATION),
        sop_instance_uid=uid,
        event_type=event,
    )
    _check("N-EVENT-REPORT", response)


def _context(association: Association, abstract_syntax: str) -> AcceptedContext:
    found = association.context_for(abstract_syntax, scu=abstract_syntax != NOTIFICATION)
    found = found or association.context_for(abstract_syntax)
    if found is None:
        raise NoContext(f"the peer does not accept SOP class {abstract_syntax}")
    return found


def _check(operation: str, response: Response) -> None:
    if is_failure(response.status):
        raise Answered(operation, response)
