"""What is done with a message: read it whole, carry it out, keep it, answer it. In this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import IndexUnavailable, PacsError
from pacs_hl7.acknowledging import ACCEPTED, Outcome, acknowledgements
from pacs_hl7.appointments import read_appointments
from pacs_hl7.correcting import Corrections
from pacs_hl7.faults import Code, ErrorCode, Fault
from pacs_hl7.journal import Arrival, Entry, Journal
from pacs_hl7.mapping import load_mapping
from pacs_hl7.message import Message, read_header, read_message
from pacs_hl7.orders import read_orders
from pacs_hl7.patients import read_pair, read_patients
from pacs_hl7.planning import Planning
from pacs_hl7.tables import NAME
from pacs_worklist.api import Worklist

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_hl7.settings import Hl7Settings

__all__ = ["Handler"]

_VERSION = "2."

_log = structlog.get_logger(__name__)


class Handler:
    """Takes messages. Safe to use from many threads."""

    def __init__(self, archive: Archive, settings: Hl7Settings) -> None:
        self._settings = settings
        self._mapping = load_mapping(settings.mapping)
        worklist = Worklist(archive.tables("worklist"))
        self._planning = Planning(worklist, archive.patients)
        self._actions: Mapping[str, Callable[[Message, str, str], None]] = {
            "orders": self._orders,
            "plan-appointments": self._plan_appointments,
            "cancel-appointments": self._cancel_appointments,
            "update-patient": self._update,
            "merge-patients": self._merge,
            "change-patient-id": self._change_id,
            "link-patients": self._link,
            "unlink-patients": self._unlink,
            "accept": self._accept,
            "refuse": self._refuse,
        }
        self._corrections = Corrections(archive.patients, worklist, settings.local_issuers)
        self.journal = Journal(
            archive.tables(NAME),
            keep_days=settings.keep_days,
            keep_rejected_days=settings.keep_rejected_days,
        )

    def handle(self, data: bytes, address: str) -> list[bytes]:
        """Take one message from ``address``; the acknowledgements. Everything that an AA promises
        is durable by then. Nothing is raised.
        """
        header: Message | None = None
        try:
            header = read_header(data)
            arrival = Arrival.of(data, address, header)
            outcome = self._once(arrival)
        except Fault as fault:
            outcome = self._kept(Arrival.of(data, address, header), Outcome.of(fault))
        except PacsError as error:
            outcome = Outcome.failed(str(error))
        except Exception:  # noqa: BLE001 - the sender gets its answer, whatever happened
            _log.exception("HL7 message failed", address=address)
            outcome = Outcome.failed("internal error; the log has more")
        _tell(header, address, outcome)
        return acknowledgements(header, outcome)

    def refuse(self, data: bytes, address: str, fault: Fault) -> list[bytes]:
        """Answer what was not read to its end; ``data`` are its beginning."""
        try:
            header = read_header(data)
        except Fault:
            header = None
        outcome = Outcome.of(fault)
        try:
            outcome = self._kept(Arrival.of(data, address, header), outcome)
        except IndexUnavailable as error:
            _log.warning("refused HL7 message is not kept", cause=str(error))
        _tell(header, address, outcome)
        return acknowledgements(header, outcome)

    def replay(self, entry: Entry) -> Outcome:
        """Try a kept message once more. Raises `IndexUnavailable` when that cannot be kept."""
        try:
            outcome = self._carried_out(entry.arrival)
        except Fault as fault:
            outcome = Outcome.of(fault)
        return self._kept(entry.arrival, outcome)

    def _once(self, arrival: Arrival) -> Outcome:
        """A repetition of what was accepted is accepted, and changes nothing."""
        before = self.journal.find(arrival)
        if before is not None and before.outcome.code is Code.ACCEPT:
            return before.outcome
        try:
            outcome = self._carried_out(arrival)
        except Fault as fault:
            outcome = Outcome.of(fault)
        return self._kept(arrival, outcome)

    def _kept(self, arrival: Arrival, outcome: Outcome) -> Outcome:
        self.journal.record(arrival, outcome)
        return outcome

    def _carried_out(self, arrival: Arrival) -> Outcome:
        """Raises `Fault` where nothing was done."""
        message = read_message(arrival.data, self._settings.default_charset)
        self._check(message)
        action = self._mapping.action(message.kind)
        if action is None:
            raise _unexpected(message, self._mapping.messages)
        reason = f"{message.kind} {message.control_id} of {message.sender}"
        try:
            self._actions[action](message, reason, arrival.address)
        except (Fault, IndexUnavailable):
            raise
        except PacsError as error:  # what worklist or archive refuse
            raise Fault(str(error), error=ErrorCode.UNKNOWN_KEY) from error
        return ACCEPTED

    def _check(self, message: Message) -> None:
        if not message.control_id:
            raise Fault(
                "MSH-10 is empty", code=Code.REJECT, error=ErrorCode.REQUIRED, location="MSH^1^10"
            )
        if not message.plain(12).startswith(_VERSION):
            raise Fault(
                f"MSH-12 is {message.plain(12)!r}; versions 2.x are known",
                code=Code.REJECT,
                error=ErrorCode.VERSION,
                location="MSH^1^12",
            )
        wanted = self._settings.processing_ids
        if wanted and message.plain(11) not in wanted:
            raise Fault(
                f"MSH-11 is {message.plain(11)!r}; taken are {', '.join(wanted)}",
                code=Code.REJECT,
                error=ErrorCode.PROCESSING_ID,
                location="MSH^1^11",
            )

    def _orders(self, message: Message, reason: str, address: str) -> None:
        del reason, address
        self._planning.carry_out(read_orders(message, self._mapping))

    def _plan_appointments(self, message: Message, reason: str, address: str) -> None:
        del reason, address
        self._planning.carry_out(read_appointments(message, self._mapping, cancelled=False))

    def _cancel_appointments(self, message: Message, reason: str, address: str) -> None:
        del reason, address
        self._planning.carry_out(read_appointments(message, self._mapping, cancelled=True))

    def _update(self, message: Message, reason: str, address: str) -> None:
        changes = read_patients(message, self._mapping, merged=False)
        self._corrections.update(changes, _by(message), reason, address)

    def _merge(self, message: Message, reason: str, address: str) -> None:
        changes = read_patients(message, self._mapping, merged=True)
        self._corrections.merge(changes, _by(message), reason, address)

    def _change_id(self, message: Message, reason: str, address: str) -> None:
        changes = read_patients(message, self._mapping, merged=True)
        self._corrections.merge(changes, _by(message), reason, address, anew=True)

    def _link(self, message: Message, reason: str, address: str) -> None:
        pair = read_pair(message, self._mapping)
        self._corrections.link(pair, _by(message), reason, address)

    def _unlink(self, message: Message, reason: str, address: str) -> None:
        pair = read_pair(message, self._mapping)
        self._corrections.link(pair, _by(message), reason, address, apart=True)

    def _accept(self, message: Message, reason: str, address: str) -> None:
        del reason, address
        _log.info("HL7 message accepted unread", kind=message.kind)

    def _refuse(self, message: Message, reason: str, address: str) -> None:
        del reason, address
        raise Fault(
            f"{message.kind} is not taken here",
            code=Code.REJECT,
            error=ErrorCode.EVENT,
            location="MSH^1^9",
        )


def _by(message: Message) -> str:
    return message.sender.replace("|", " at ").strip() or "HL7"


def _unexpected(message: Message, known: Mapping[str, str]) -> Fault:
    kind = message.kind.partition("^")[0]
    is_event = any(each.startswith(f"{kind}^") for each in known)
    return Fault(
        f"MSH-9 is {message.kind!r}, which is not taken; [messages] of the mapping lists what is",
        code=Code.REJECT,
        error=ErrorCode.EVENT if is_event else ErrorCode.MESSAGE_TYPE,
        location="MSH^1^9",
    )


def _tell(header: Message | None, address: str, outcome: Outcome) -> None:
    """The log; reasons name fields, never what a patient is called."""
    facts = {"kind": header.kind, "control_id": header.control_id} if header is not None else {}
    if outcome.code is Code.ACCEPT:
        _log.info("HL7 message accepted", address=address, **facts)
    else:
        _log.warning(
            "HL7 message not accepted",
            address=address,
            code=outcome.code.value,
            reason=outcome.reason,
            **facts,
        )
