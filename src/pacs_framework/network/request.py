"""A request in the hands of a service: the `Request` of the service contract, on a real wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pacs_framework.dicom.status import Status, is_pending
from pacs_framework.network.channel import Channel
from pacs_framework.network.command_set import (
    DATASET,
    NO_DATASET,
    RESPONSE,
    encode_command,
    encode_response,
    shortened,
)
from pacs_framework.network.dimse import CommandReceived
from pacs_framework.network.service import AcceptedContext, CommandField

if TYPE_CHECKING:
    from pacs_framework.network.association import Association

__all__ = ["IncomingRequest", "refuse_operation"]

_IDENTIFIER_LIMIT = 1 << 20

# Of the request, these come back in the response (PS3.7 Tables 9.1-1 and 10.1-1 and following).
_MIRRORED = ("EventTypeID", "ActionTypeID")


class IncomingRequest:
    """One DIMSE request; see `pacs_framework.network.service.Request` for its contract."""

    __slots__ = (
        "_channel",
        "answered",
        "association",
        "command",
        "context",
        "field",
        "has_dataset",
        "message_id",
    )

    def __init__(
        self,
        *,
        association: Association,
        channel: Channel,
        context: AcceptedContext,
        command: CommandReceived,
        field: CommandField,
    ) -> None:
        self.association = association
        self.context = context
        self.command: Mapping[str, object] = command.elements
        self.field = field
        self.has_dataset = command.has_dataset
        self.message_id = command.number("MessageID")
        self.answered = False
        self._channel = channel

    @property
    def extended_negotiation(self) -> bytes:
        """What was agreed for this abstract syntax, empty when nothing was (PS3.7 D.3.3.5)."""
        return self.association.extended_negotiation.get(self.context.abstract_syntax, b"")

    def stream_dataset(self, sink: Callable[[memoryview], object]) -> int:
        """Hand the data set to ``sink`` as it arrives; its length, 0 when there is none."""
        return self._channel.read_dataset(sink) if self._channel.dataset_due else 0

    def read_dataset(self, limit: int = _IDENTIFIER_LIMIT) -> bytes:
        """The whole data set, empty when there is none. Raises QueryError beyond ``limit``."""
        return self._channel.collect_dataset(limit) if self._channel.dataset_due else b""

    def cancelled(self) -> bool:
        """Whether a C-CANCEL for this message has arrived (PS3.7 9.3.2.3)."""
        return self._channel.cancelled(self.message_id)

    def respond(
        self,
        status: int,
        *,
        dataset: bytes | None = None,
        comment: str = "",
        elements: Mapping[str, object] | None = None,
    ) -> None:
        """Send one response (PS3.7 section 9.3). Raises RuntimeError after a final one."""
        if self.answered:
            raise RuntimeError(f"message {self.message_id} already has its final response")
        if self._channel.dataset_due:
            self._channel.read_dataset(None)
        if comment or elements or self.field >= CommandField.N_EVENT_REPORT:
            encoded = encode_command(self._elements(status, dataset, comment, elements or {}))
        else:
            encoded = encode_response(
                self.field,
                self._sop_class(),
                self.message_id,
                status,
                has_dataset=dataset is not None,
                sop_instance_uid=self._sop_instance(),
            )
        self.answered = not is_pending(status)
        self._channel.send(self.context.context_id, encoded, dataset)

    def _sop_class(self) -> str:
        uid = self.command.get("AffectedSOPClassUID") or self.command.get("RequestedSOPClassUID")
        return str(uid or "")

    def _sop_instance(self) -> str:
        uid = self.command.get("AffectedSOPInstanceUID")
        return str(uid or self.command.get("RequestedSOPInstanceUID") or "")

    def _elements(
        self, status: int, dataset: bytes | None, comment: str, more: Mapping[str, object]
    ) -> dict[str, object]:
        return {
            "AffectedSOPClassUID": self._sop_class() or None,
            "AffectedSOPInstanceUID": self._sop_instance() or None,
            **{keyword: self.command.get(keyword) for keyword in _MIRRORED},
            "ErrorComment": shortened(comment) or None,
            **more,
            "CommandField": self.field | RESPONSE,
            "MessageIDBeingRespondedTo": self.message_id,
            "CommandDataSetType": NO_DATASET if dataset is None else DATASET,
            "Status": status,
        }

    def fail(
        self, status: int, comment: str = "", elements: Mapping[str, object] | None = None
    ) -> None:
        """A failure as the final response, unless there is one already."""
        if not self.answered:
            self.respond(status, comment=comment, elements=elements)


def refuse_operation(channel: Channel, command: CommandReceived) -> None:
    """Answer 0211H, unrecognized operation, and drain the data set (PS3.7 C.5.26)."""
    elements = command.elements
    uid = elements.get("AffectedSOPClassUID") or elements.get("RequestedSOPClassUID")
    instance = elements.get("AffectedSOPInstanceUID") or elements.get("RequestedSOPInstanceUID")
    message_id = command.number("MessageID")
    if channel.dataset_due:
        channel.read_dataset(None)
    encoded = encode_response(
        command.field,
        str(uid or ""),
        message_id,
        Status.UNRECOGNIZED_OPERATION,
        has_dataset=False,
        sop_instance_uid=str(instance or ""),
    )
    channel.send(command.context_id, encoded, None)
