"""A peer of bare bytes, for what a well-behaved requestor would never send."""

from __future__ import annotations

import socket
import struct
from typing import Self

from pacs_framework.network.associate_writer import encode_request
from pacs_framework.network.command_set import DATASET, NO_DATASET, decode_command, encode_command
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.dimse import COMMAND, fragments

__all__ = ["BarePeer", "message"]

_FRAGMENT = 16000
_ACCEPTED = 0x02  # A-ASSOCIATE-AC (PS3.8 Table 9-11)
_DATA = 0x04  # P-DATA-TF (PS3.8 Table 9-22)
_COMMAND_AT = 12  # behind the PDU header, the item length, the context and the control header
_NET_SECONDS = 60  # a safety net against tests that never end, not a measurement


class BarePeer:
    """A connection that sends whatever bytes a test wants; a context manager that closes it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.settimeout(_NET_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes | memoryview) -> None:
        """All parts in one call, so that they arrive together when they are short."""
        self.socket.sendall(b"".join(parts))

    def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes. Raises EOFError with what came when the other side closes."""
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError(data)
            data += piece
        return data

    def pdu(self) -> bytes:
        """The next PDU, whole."""
        header = self.exactly(6)
        return header + self.exactly(struct.unpack(">I", header[2:])[0])

    def is_closed(self) -> bool:
        """Wait for the other side to close."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def request(
        self, *contexts: ProposedContext, called_aet: str = "PACS", max_pdu: int = 0
    ) -> None:
        """Send A-ASSOCIATE-RQ."""
        self.send(
            encode_request(
                calling_aet="BARE",
                called_aet=called_aet,
                contexts=contexts,
                max_pdu=max_pdu,
                extended={},
                user_identity=None,
            )
        )

    def associate(
        self, *contexts: ProposedContext, called_aet: str = "PACS", max_pdu: int = 0
    ) -> Self:
        """Send A-ASSOCIATE-RQ and read the acceptance."""
        self.request(*contexts, called_aet=called_aet, max_pdu=max_pdu)
        answer = self.pdu()
        assert answer[0] == _ACCEPTED, answer.hex()
        return self

    def command(self, context_id: int = 1, **elements: object) -> None:
        """Send a command set of exactly these elements."""
        self.send(*fragments(context_id, COMMAND, encode_command(elements), _FRAGMENT))

    def dataset(self, data: bytes, context_id: int = 1, *, size: int = _FRAGMENT) -> None:
        """Send a data set, in fragments of ``size`` bytes."""
        self.send(*fragments(context_id, 0, data, size))

    def response(self) -> dict[str, object]:
        """The command set of the next PDU, which holds it whole."""
        pdu = self.pdu()
        assert pdu[0] == _DATA, pdu.hex()
        return decode_command(pdu[_COMMAND_AT:])


def message(context_id: int, dataset: bytes | None = None, **elements: object) -> bytes:
    """A whole message, encoded: its command set and its data set, if it has one."""
    data_set_type = NO_DATASET if dataset is None else DATASET
    command = encode_command({"CommandDataSetType": data_set_type, **elements})
    parts = list(fragments(context_id, COMMAND, command, _FRAGMENT))
    if dataset is not None:
        parts += fragments(context_id, 0, dataset, _FRAGMENT)
    return b"".join(parts)
