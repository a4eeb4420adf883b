"""The operations of DIMSE-C (PS3.7 section 9.1) and DIMSE-N (10.1) as their invoker, on an
established association.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from pynetdicom import sop_class

from pacs_framework.dicom.status import is_pending
from pacs_framework.network.association import Association, Response
from pacs_framework.network.errors import AssociationError
from pacs_framework.network.service import AcceptedContext, CommandField

if TYPE_CHECKING:
    from pacs_framework.network.channel import DataSource

__all__ = [
    "c_echo",
    "c_find",
    "c_get",
    "c_move",
    "c_store",
    "n_action",
    "n_create",
    "n_delete",
    "n_event_report",
    "n_get",
    "n_set",
]

_VERIFICATION = str(sop_class.Verification)  # type: ignore[attr-defined]
_MEDIUM = 0x0000  # Priority (0000,0700); LOW is 2, HIGH is 1


def c_echo(association: Association) -> int:
    """C-ECHO; the status (PS3.7 9.1.5). Raises AssociationError without a verification context."""
    context = association.context_for(_VERIFICATION)
    if context is None:
        raise AssociationError("the peer did not accept the Verification SOP Class")
    message_id = association.send_request(context, CommandField.C_ECHO, {})
    return association.receive_response(message_id).status


def c_store(
    association: Association,
    *,
    context: AcceptedContext,
    sop_class_uid: str,
    sop_instance_uid: str,
    data: DataSource | bytes,
    priority: int = _MEDIUM,
    move_originator: tuple[str, int] | None = None,
) -> Response:
    """C-STORE of one data set in the transfer syntax of ``context`` (PS3.7 9.1.1).

    ``move_originator`` is the AE title and message id of the C-MOVE that this is part of.
    """
    aet, message = move_originator or (None, None)
    message_id = association.send_request(
        context,
        CommandField.C_STORE,
        {
            "AffectedSOPClassUID": sop_class_uid,
            "AffectedSOPInstanceUID": sop_instance_uid,
            "Priority": priority,
            "MoveOriginatorApplicationEntityTitle": aet,
            "MoveOriginatorMessageID": message,
        },
        data,
    )
    return association.receive_response(message_id)


def _responses(
    association: Association, context: AcceptedContext, message_id: int
) -> Generator[Response, None, None]:
    """Pending responses, then the final one. Closing the generator early sends C-CANCEL and waits
    for the final response, so that the association can be used on.
    """
    final = False
    try:
        while not final:
            response = association.receive_response(message_id)
            final = not is_pending(response.status)
            yield response
    except GeneratorExit:
        if not final:
            association.cancel(context, message_id)
            while is_pending(association.receive_response(message_id).status):
                pass
        raise


def c_find(
    association: Association,
    *,
    context: AcceptedContext,
    identifier: bytes,
    priority: int = _MEDIUM,
) -> Generator[Response, None, None]:
    """C-FIND (PS3.7 9.1.2): each match as a pending response with its data set, then the final.

    ``identifier`` is encoded in the transfer syntax of ``context``. ``close()`` of the iterator
    cancels.
    """
    message_id = association.send_request(
        context, CommandField.C_FIND, {"Priority": priority}, identifier
    )
    return _responses(association, context, message_id)


def c_move(
    association: Association,
    *,
    context: AcceptedContext,
    identifier: bytes,
    destination: str,
    priority: int = _MEDIUM,
) -> Generator[Response, None, None]:
    """C-MOVE to the AE ``destination`` (PS3.7 9.1.4): progress, then the final response."""
    message_id = association.send_request(
        context,
        CommandField.C_MOVE,
        {"Priority": priority, "MoveDestination": destination},
        identifier,
    )
    return _responses(association, context, message_id)


def c_get(
    association: Association,
    *,
    context: AcceptedContext,
    identifier: bytes,
    priority: int = _MEDIUM,
) -> Generator[Response, None, None]:
    """C-GET (PS3.7 9.1.3): progress, then the final response.

    The instances arrive as C-STORE requests and go to the services given to `connect`, while this
    iterator is advanced.
    """
    message_id = association.send_request(
        context, CommandField.C_GET, {"Priority": priority}, identifier
    )
    return _responses(association, context, message_id)


# --- DIMSE-N --------------------------------------------------------------------------------
# Data sets are encoded in the transfer syntax of ``context``. The SOP class is the abstract syntax
# of the context unless ``sop_class_uid`` names another one: that of a meta SOP class (PS3.4 H.3),
# or UPS Push, by which every UPS instance goes (PS3.4 CC.3.1).


def n_create(
    association: Association,
    *,
    context: AcceptedContext,
    sop_instance_uid: str | None = None,
    attributes: bytes | None = None,
    sop_class_uid: str | None = None,
) -> Response:
    """N-CREATE (PS3.7 10.1.5). Without ``sop_instance_uid`` the peer makes one up: it is
    ``AffectedSOPInstanceUID`` of the response's command.
    """
    elements = {
        "AffectedSOPClassUID": sop_class_uid or context.abstract_syntax,
        "AffectedSOPInstanceUID": sop_instance_uid,
    }
    message_id = association.send_request(context, CommandField.N_CREATE, elements, attributes)
    return association.receive_response(message_id)


def n_set(
    association: Association,
    *,
    context: AcceptedContext,
    sop_instance_uid: str,
    modifications: bytes,
    sop_class_uid: str | None = None,
) -> Response:
    """N-SET (PS3.7 10.1.3): change attributes of an instance."""
    elements = _requested(context, sop_class_uid, sop_instance_uid)
    message_id = association.send_request(context, CommandField.N_SET, elements, modifications)
    return association.receive_response(message_id)


def n_get(
    association: Association,
    *,
    context: AcceptedContext,
    sop_instance_uid: str,
    attributes: Sequence[int] = (),
    sop_class_uid: str | None = None,
) -> Response:
    """N-GET (PS3.7 10.1.2) of the ``attributes``, by tag; of all where none is named."""
    elements = _requested(context, sop_class_uid, sop_instance_uid)
    elements["AttributeIdentifierList"] = tuple(attributes) or None
    message_id = association.send_request(context, CommandField.N_GET, elements)
    return association.receive_response(message_id)


def n_action(
    association: Association,
    *,
    context: AcceptedContext,
    sop_instance_uid: str,
    action_type: int,
    information: bytes | None = None,
    sop_class_uid: str | None = None,
) -> Response:
    """N-ACTION (PS3.7 10.1.4); what ``action_type`` means is for the SOP class to say."""
    elements = _requested(context, sop_class_uid, sop_instance_uid)
    elements["ActionTypeID"] = action_type
    message_id = association.send_request(context, CommandField.N_ACTION, elements, information)
    return association.receive_response(message_id)


def n_delete(
    association: Association,
    *,
    context: AcceptedContext,
    sop_instance_uid: str,
    sop_class_uid: str | None = None,
) -> Response:
    """N-DELETE (PS3.7 10.1.6)."""
    elements = _requested(context, sop_class_uid, sop_instance_uid)
    message_id = association.send_request(context, CommandField.N_DELETE, elements)
    return association.receive_response(message_id)


def n_event_report(
    association: Association,
    *,
    context: AcceptedContext,
    sop_instance_uid: str,
    event_type: int,
    information: bytes | None = None,
    sop_class_uid: str | None = None,
) -> Response:
    """N-EVENT-REPORT (PS3.7 10.1.1): as SCP of ``context``, tell its SCU of an event.

    On an association that the peer opened, from the thread of that association: while a request is
    being served and has its final response, or in an errand (`Association.post`). On one of our own
    the context is proposed with ``scu=False, scp=True`` (PS3.7 D.3.3.4).
    """
    elements = {
        "AffectedSOPClassUID": sop_class_uid or context.abstract_syntax,
        "AffectedSOPInstanceUID": sop_instance_uid,
        "EventTypeID": event_type,
    }
    message_id = association.send_request(
        context, CommandField.N_EVENT_REPORT, elements, information
    )
    return association.receive_response(message_id)


def _requested(
    context: AcceptedContext, sop_class_uid: str | None, sop_instance_uid: str
) -> dict[str, object]:
    return {
        "RequestedSOPClassUID": sop_class_uid or context.abstract_syntax,
        "RequestedSOPInstanceUID": sop_instance_uid,
    }
