"""A storage provider for tests: where C-MOVE sends to, and what C-GET delivers into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.network.limits import Limits
from pacs_framework.network.listener import Listener
from pacs_framework.network.router import Router
from pacs_framework.network.service import (
    CommandField,
    DimseService,
    Request,
    SupportedContext,
)

__all__ = ["Receiver", "listening"]


class Receiver(DimseService):
    """A storage provider that keeps what it gets, in any SOP class.

    ``answer`` is called with each request before it is answered, and gives the status. ``taken``
    are the transfer syntaxes it accepts by SOP class, all of them where nothing is said.
    ``instances`` maps a SOP Instance UID to transfer syntax and data set.
    """

    name: ClassVar[str] = "receiver"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_STORE})

    def __init__(self) -> None:
        self.taken: dict[str, Iterable[str]] = {}
        self.answer: Callable[[Request], int] = lambda _request: Status.SUCCESS
        self.instances: dict[str, tuple[str, bytes]] = {}
        self.commands_seen: list[Mapping[str, object]] = []
        self.associations: set[str] = set()

    def contexts(self) -> Iterable[SupportedContext]:
        """None by name."""
        return ()

    def context_for(self, abstract_syntax: str) -> SupportedContext:
        """Whatever is proposed."""
        taken = self.taken.get(abstract_syntax, TRANSFER_SYNTAXES)
        return SupportedContext(abstract_syntax=abstract_syntax, transfer_syntaxes=frozenset(taken))

    def serve(self, request: Request) -> None:
        """Keep the data set if the answer is success."""
        received = bytearray()
        request.stream_dataset(received.extend)
        self.commands_seen.append(request.command)
        self.associations.add(request.association.id)
        status = self.answer(request)
        if status == Status.SUCCESS:
            uid = str(request.command["AffectedSOPInstanceUID"])
            self.instances[uid] = (request.context.transfer_syntax, bytes(received))
        request.respond(status)


@contextmanager
def listening(
    aet: str, *services: DimseService, limits: Limits | None = None
) -> Iterator[Listener]:
    """A listener with ``services`` on a free port of 127.0.0.1; every association is let in."""
    listener = Listener(
        address=("127.0.0.1", 0),
        aet=aet,
        router=Router(services),
        limits=limits or Limits(),
        decide=lambda _request: None,
    )
    listener.start()
    try:
        yield listener
    finally:
        listener.stop(0.0)
