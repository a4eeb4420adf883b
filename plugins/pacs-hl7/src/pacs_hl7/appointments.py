"""Appointments (SIU^S12 and its kind): from messages to what is to be done with worklist items.

Each AIS segment is a step, with the AIG, AIL and AIP segments that follow it. An appointment for
an order, which SCH-26 or SCH-27 names, is about the steps of that order; any other has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_hl7.faults import ErrorCode, Fault
from pacs_hl7.orders import Wish, divided, wish_of, with_own_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_hl7.mapping import MessageMapping
    from pacs_hl7.message import Message, Segment

__all__ = ["read_appointments"]

_DELETED = "D"


def read_appointments(message: Message, mapping: MessageMapping, *, cancelled: bool) -> list[Wish]:
    """Everything that a message wants, complete and checked. Raises `Fault`.

    One that is ``cancelled`` is so with all of its steps, whatever the message says of them.
    """
    first = _schedule(message)
    if cancelled:
        return [
            wish_of(
                message,
                mapping,
                message.segments,
                first,
                action="cancel",
                names=(mapping.appointment, ()),
            )
        ]
    names = (mapping.appointment, mapping.service)
    return with_own_names(
        wish_of(message, mapping, each, first, action=_action(each), names=names, appointment=True)
        for each in divided(message.segments, "AIS")
    )


def _action(segments: Sequence[Segment]) -> str:
    """A service may leave its appointment (Segment Action Code, HL7 table 0206)."""
    left = any(each.name == "AIS" and each.field(2) == _DELETED for each in segments)
    return "cancel" if left else "plan"


def _schedule(message: Message) -> Segment:
    """The SCH segment, in a message about one patient."""
    found = {
        name: [each for each in message.segments if each.name == name] for name in ("SCH", "PID")
    }
    for name, segments in found.items():
        if len(segments) != 1:
            raise Fault(
                f"an appointment has one {name} segment, and there are {len(segments)}",
                error=ErrorCode.SEQUENCE,
                location=f"{name}^{min(len(segments), 1) + 1}",
            )
    return found["SCH"][0]
