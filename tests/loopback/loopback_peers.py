"""What the loopback tests are made of: small services, proposals, and a peer of bare bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.listener import Listener
from pacs_framework.network.service import (
    CommandField,
    DimseService,
    Request,
    SupportedContext,
)
from pacs_framework.testing import bare

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


class BarePeer(bare.BarePeer):
    """A peer of bare bytes that proposes verification, storage and query unless told otherwise."""

    def request(self, *contexts: ProposedContext, **more: object) -> None:
        super().request(*contexts or proposed(VERIFICATION, CT, FIND), **more)  # type: ignore[arg-type]

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
