"""Which statuses the standard defines for a command on a SOP class, by pynetdicom's tables."""

from __future__ import annotations

from collections.abc import Iterable

from pynetdicom import status
from pynetdicom.sop_class import uid_to_service_class

from pacs_framework.network.service import CommandField

__all__ = ["defined_statuses"]

_BY_COMMAND: dict[CommandField, Iterable[int]] = {
    CommandField.C_STORE: status.STORAGE_SERVICE_CLASS_STATUS,
    CommandField.C_FIND: status.QR_FIND_SERVICE_CLASS_STATUS,
    CommandField.C_MOVE: status.QR_MOVE_SERVICE_CLASS_STATUS,
    CommandField.C_GET: status.QR_GET_SERVICE_CLASS_STATUS,
}


def defined_statuses(abstract_syntax: str, command: CommandField) -> frozenset[int]:
    """Those of the service class (PS3.4), of the operation, and the general ones (PS3.7 Annex C).

    A SOP class that pynetdicom does not know, such as a private one, has the latter two.
    """
    service_class = uid_to_service_class(abstract_syntax)
    of_class: Iterable[int] = getattr(service_class, "statuses", ())
    return frozenset((*of_class, *_BY_COMMAND.get(command, ()), *status.GENERAL_STATUS))
