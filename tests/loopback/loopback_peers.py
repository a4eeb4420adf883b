"""What the loopback tests are made of: small services, proposals, and a peer of bare bytes."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.network.associate_writer import encode_request
from pacs_framework.network.association import Association
from pacs_framework.network.command_set import decode_command, encode_command
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.dimse import COMMAND, fragments
from pacs_framework.network.listener import Listener
from pacs_framework.network.service import (
    CommandField,
    DimseService,
    Request,
    SupportedContext,
)

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


class Service(DimseService):
    """A service made of a function; counts nothing, keeps nothing."""

    def __init__(
        self,
        name: str,
        commands: Iterable[CommandField],
        serve: Callable[[Request], None],
        *contexts: SupportedContext,
        agreed: bytes | None = None,
    ) -> None:
        self.name = name  # type: ignore[misc]
        self.commands = frozenset(commands)  # type: ignore[misc]
        self._serve = serve
        self._contexts = contexts
        self._agreed = agreed

    def contexts(self) -> Iterable[SupportedContext]:
        return self._contexts

    def negotiate(self, abstract_syntax: str, proposed: bytes) -> bytes | None:
        return self._agreed

    def serve(self, request: Request) -> None:
        self._serve(request)


def supported(uid: str, *, scu: bool = True, scp: bool = False) -> SupportedContext:
    return SupportedContext(
        abstract_syntax=uid,
        transfer_syntaxes=frozenset(TRANSFER_SYNTAXES),
        peer_as_scu=scu,
        peer_as_scp=scp,
    )


def echo_service() -> Service:
    """C-ECHO."""
    return Service(
        "echo", [CommandField.C_ECHO], lambda request: request.respond(0), supported(VERIFICATION)
    )


@dataclass
class Stored:
    """What a store service got."""

    instances: list[tuple[str, str, bytes]] = field(default_factory=list)
    commands: list[Mapping[str, object]] = field(default_factory=list)

    def service(self) -> Service:
        def store(request: Request) -> None:
            received = bytearray()
            request.stream_dataset(received.extend)
            uid = str(request.command["AffectedSOPInstanceUID"])
            self.instances.append((uid, request.context.transfer_syntax, bytes(received)))
            self.commands.append(request.command)
            request.respond(0)

        return Service("store", [CommandField.C_STORE], store, supported(CT))


def proposed(*uids: str, scp: bool = False) -> list[ProposedContext]:
    return [
        ProposedContext(
            context_id=2 * number + 1,
            abstract_syntax=uid,
            transfer_syntaxes=(EXPLICIT, IMPLICIT),
            scp=scp and uid == CT,
        )
        for number, uid in enumerate(uids)
    ]


class BarePeer:
    """A peer that sends whatever bytes a test wants."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        # A safety net against tests that never end, not a measurement.
        self.socket.settimeout(60)

    def send(self, *parts: bytes | memoryview) -> None:
        self.socket.sendall(b"".join(parts))

    def exactly(self, size: int) -> bytes:
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
        self.send(
            encode_request(
                calling_aet="BARE",
                called_aet=called_aet,
                contexts=contexts or tuple(proposed(VERIFICATION, CT, FIND)),
                max_pdu=max_pdu,
                extended={},
                user_identity=None,
            )
        )

    def associate(self, *contexts: ProposedContext, **more: object) -> BarePeer:
        self.request(*contexts, **more)  # type: ignore[arg-type]
        assert self.pdu()[0] == 0x02
        return self

    def command(self, context_id: int = 1, **elements: object) -> None:
        self.send(*fragments(context_id, COMMAND, encode_command(elements), 16000))

    def dataset(self, data: bytes, context_id: int = 1, *, size: int = 16000) -> None:
        self.send(*fragments(context_id, 0, data, size))

    def response(self) -> dict[str, object]:
        """The command set of the next PDU, which holds it whole."""
        pdu = self.pdu()
        assert pdu[0] == 0x04, pdu.hex()
        return decode_command(pdu[12:])

    def echo(self, message_id: int = 1) -> None:
        self.command(
            AffectedSOPClassUID=VERIFICATION,
            CommandField=CommandField.C_ECHO,
            MessageID=message_id,
            CommandDataSetType=0x0101,
        )


def at_rest(listener: Listener) -> None:
    """Wait until no connection has a thread any more; 60 s are a net, not a measurement."""
    with listener._changed:
        assert listener._changed.wait_for(lambda: not listener._all(), 60)


Listen = Callable[..., Listener]
Associate = Callable[..., Association]
Bare = Callable[[Listener], BarePeer]
