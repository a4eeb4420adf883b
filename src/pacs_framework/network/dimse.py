"""Messages without a socket: put together from data values, and cut into them (PS3.8 Annex E)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from pacs_framework.network.command_set import NO_DATASET, RESPONSE, CommandReader
from pacs_framework.network.errors import ProtocolError
from pacs_framework.network.events import DataReceived
from pacs_framework.network.pdu import PDATA_OVERHEAD, data_header
from pacs_framework.network.service import CommandField

__all__ = [
    "COMMAND",
    "LARGEST_COMMAND_SET",
    "LAST",
    "CommandReceived",
    "MessageReader",
    "fragments",
    "largest_fragment",
]

COMMAND = 0x01
"""Bit 0 of the message control header: the fragment belongs to a command set (PS3.8 E.2)."""

LAST = 0x02
"""Bit 1 of the message control header: the last fragment of its command set or data set."""

LARGEST_COMMAND_SET = 1 << 16
"""Bytes of the longest command set we read; a longer one is a protocol error."""


@dataclass(slots=True)
class CommandReceived:
    """A complete command set. ``field`` is Command Field as sent, the response bit included."""

    context_id: int
    elements: dict[str, object]
    field: int
    has_dataset: bool

    @property
    def is_response(self) -> bool:
        """Whether it answers a request of ours."""
        return bool(self.field & RESPONSE)

    def number(self, keyword: str) -> int:
        """A required number; raises ProtocolError when the peer left it out."""
        value = self.elements.get(keyword)
        if not isinstance(value, int):
            raise ProtocolError(f"the command set of {self.name} has no usable {keyword}")
        return value

    @property
    def name(self) -> str:
        """The name of the operation, or its number when it has none."""
        field = self.field & ~RESPONSE
        if field not in _FIELD_NAMES:
            return f"{self.field:#06x}"
        return _FIELD_NAMES[field] + ("-RSP" if self.is_response else "-RQ")


_FIELD_NAMES = {int(field): field.name.replace("_", "-") for field in CommandField}


class _Expecting(Enum):
    COMMAND = "the start of a message"
    REST_OF_COMMAND = "more of a command set"
    DATASET = "a data set"


_COMMAND, _DATASET = _Expecting.COMMAND, _Expecting.DATASET


class MessageReader:
    """Puts messages together from presentation data values (PS3.8 Annex E, PS3.7 6.3).

    Fragments of one message are not mixed with those of another, nor a command with a data set:
    anything else raises ProtocolError. ``mid_message`` says that a message has begun and is not
    complete.
    """

    __slots__ = ("_command", "_commands", "_context_id", "_expecting", "mid_message")

    def __init__(self) -> None:
        self.mid_message = False
        self._expecting = _COMMAND
        self._command = bytearray()
        self._commands = CommandReader()
        self._context_id = 0

    def feed(self, piece: DataReceived) -> CommandReceived | DataReceived | None:
        """A piece of a PDV; gives a command when it is complete, and data sets piece by piece."""
        if piece.is_command:
            return self._feed_command(piece)
        if self._expecting is not _DATASET:
            raise ProtocolError(f"a data set fragment where {self._expecting.value} is due")
        if piece.context_id != self._context_id:
            self._refuse_context(piece)
        if piece.last:
            self._expecting, self.mid_message = _COMMAND, False
        return piece

    def _refuse_context(self, piece: DataReceived) -> NoReturn:
        raise ProtocolError(
            f"a fragment on presentation context {piece.context_id} within a message on "
            f"{self._context_id}"
        )

    def _feed_command(self, piece: DataReceived) -> CommandReceived | None:
        if self._expecting is _COMMAND:
            self._context_id = piece.context_id
            if piece.last:
                return self._complete(bytes(piece.data))
            self._expecting, self.mid_message = _Expecting.REST_OF_COMMAND, True
        elif self._expecting is _DATASET:
            raise ProtocolError("a command fragment where a data set is due")
        if piece.context_id != self._context_id:
            self._refuse_context(piece)
        self._command += piece.data
        if len(self._command) > LARGEST_COMMAND_SET:
            raise ProtocolError(f"a command set of more than {LARGEST_COMMAND_SET} bytes")
        if not piece.last:
            return None
        command = bytes(self._command)
        self._command.clear()
        return self._complete(command)

    def _complete(self, encoded: bytes) -> CommandReceived:
        elements = self._commands.decode(encoded)
        field, data_set_type = elements.get("CommandField"), elements.get("CommandDataSetType")
        if not isinstance(field, int) or not isinstance(data_set_type, int):
            raise ProtocolError("a command set without Command Field or Command Data Set Type")
        has_dataset = data_set_type != NO_DATASET
        self._expecting, self.mid_message = _DATASET if has_dataset else _COMMAND, has_dataset
        return CommandReceived(self._context_id, elements, field, has_dataset)


def fragments(
    context_id: int, kind: int, data: bytes | memoryview, size: int, *, complete: bool = True
) -> Iterator[bytes | memoryview]:
    """P-DATA-TF headers and views of ``data``, alternating, for sending as they are.

    ``kind`` is `COMMAND` or 0. ``size`` is the longest data of one PDV, see `largest_fragment`.
    With ``complete`` the final fragment is marked as the last one (PS3.8 E.2). Fragments are of
    even length, for receivers like DCMTK abort at an odd one: a data set that ends oddly, as a
    deflate stream may (PS3.5 A.5), gets a null behind it.
    """
    view, total = memoryview(data), len(data)
    for start in range(0, max(total, 1), size):
        stop = min(start + size, total)
        last = complete and stop == total
        padding = (stop - start) % 2 if last else 0
        yield data_header(context_id, kind | LAST if last else kind, stop - start + padding)
        if stop > start:
            yield view[start:stop]
        if padding:
            yield b"\0"


def largest_fragment(peer_max_pdu: int, ceiling: int) -> int:
    """Bytes of data in one PDV for a peer that announced ``peer_max_pdu`` (0: unlimited).

    ``ceiling`` is our own bound. Raises ProtocolError when nothing fits (PS3.8 D.1).
    """
    size = ceiling if peer_max_pdu == 0 else min(ceiling, peer_max_pdu - PDATA_OVERHEAD)
    # Fragments of an even number of bytes: some receivers rely on whole 16-bit words.
    size -= size % 2
    if size <= 0:
        raise ProtocolError(f"the peer's maximum length of {peer_max_pdu} leaves no room for data")
    return size
