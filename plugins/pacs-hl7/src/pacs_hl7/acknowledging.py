"""Acknowledgements: MSA and ERR, in the original and in the enhanced mode (HL7 2.9)."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_hl7.faults import Code, ErrorCode, Fault
from pacs_hl7.message import Separators

if TYPE_CHECKING:
    from pacs_hl7.message import Message

__all__ = ["Outcome", "acknowledgements", "new_control_id", "stamp"]

_SHORT = 80  # characters of MSA-3
_ERR_OF_FIELDS = "2.5"  # the version from which on ERR has a field for each fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message."""

    code: Code
    error: str = ""
    location: str = ""
    reason: str = ""

    @classmethod
    def of(cls, fault: Fault) -> Outcome:
        """A message that was not taken."""
        return cls(
            code=fault.code, error=fault.error.value, location=fault.location, reason=fault.reason
        )

    @classmethod
    def failed(cls, reason: str) -> Outcome:
        """A message that is good, and that we could not carry out."""
        return cls(code=Code.ERROR, error=ErrorCode.INTERNAL.value, reason=reason)


ACCEPTED = Outcome(code=Code.ACCEPT)


def acknowledgements(header: Message | None, outcome: Outcome) -> list[bytes]:
    """The messages that answer one: one in the original mode; up to two, or none, as MSH-15 and
    MSH-16 ask in the enhanced mode: that it is kept (CA, CE, CR), and what became of it.

    ``header`` is None for what has none that can be read; MSA-2 is empty then.
    """
    if header is None:
        return [_message(None, outcome.code.value, outcome)]
    accept, application = header.plain(15), header.plain(16)
    if not (accept or application):
        return [_message(header, outcome.code.value, outcome)]
    answers = []
    if _asked(accept, outcome):
        answers.append(_message(header, outcome.code.of_commit, outcome))
    if _asked(application, outcome):
        answers.append(_message(header, outcome.code.value, outcome))
    return answers


def _asked(condition: str, outcome: Outcome) -> bool:
    """HL7 table 0155: AL always, NE never, ER on errors, SU on success."""
    return condition in {"AL", "SU" if outcome.code is Code.ACCEPT else "ER"}


def new_control_id() -> str:
    """Twenty characters that nobody else uses (MSH-10)."""
    return secrets.token_hex(10).upper()


def stamp(moment: dt.datetime | None = None) -> str:
    """A time as MSH-7 has it, with the offset from UTC."""
    local = (moment or dt.datetime.now(dt.UTC)).astimezone()
    return f"{local:%Y%m%d%H%M%S%z}"


def _message(header: Message | None, code: str, outcome: Outcome) -> bytes:
    separators = header.separators if header is not None else Separators()
    version = (header.plain(12) if header is not None else "") or "2.5.1"
    segments = [_msh(header, separators, version)]
    reason = separators.escaped(outcome.reason)
    control_id = header.header.field(10) if header is not None else ""
    segments.append(
        [
            "MSA",
            code,
            control_id,
            *([separators.escaped(outcome.reason[:_SHORT])] if reason else []),
        ]
    )
    if outcome.error:
        segments.append(_err(outcome, separators, version, reason))
    text = "".join(f"{separators.field.join(fields)}\r" for fields in segments)
    # MSH was read as latin-1, byte by byte; what we add ourselves is ASCII.
    return text.encode("latin-1", "replace")


def _msh(header: Message | None, separators: Separators, version: str) -> list[str]:
    def of(number: int) -> str:
        return header.header.field(number) if header is not None else ""

    event = header.kind.split("^")[1:] if header is not None else []
    kind = separators.component.join(["ACK", *event, *(["ACK"] if event else [])])
    fields = ["MSH", of(2) or separators.encoding, of(5), of(6), of(3), of(4), stamp(), "", kind]
    fields += [new_control_id(), of(11) or "P", version, *[""] * 5, of(18)]
    return fields


def _err(outcome: Outcome, separators: Separators, version: str, reason: str) -> list[str]:
    location = outcome.location.replace("^", separators.component)
    if version < _ERR_OF_FIELDS:
        places = [*outcome.location.split("^"), "", "", ""][:3]
        return ["ERR", separators.component.join([*places, outcome.error])]
    return ["ERR", "", location, outcome.error, "E", "", "", "", reason]
