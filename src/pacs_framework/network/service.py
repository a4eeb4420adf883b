"""What a plugin writes to answer on the wire: a service, and the request it is handed.

A `DimseService` states which presentation contexts it accepts and which commands it answers. The
engine calls `DimseService.serve` in the thread of the association with a `Request`: one command,
its data set still on the wire, and the means to answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from pacs_framework.network.association import Association
    from pacs_framework.network.decisions import UserIdentity

__all__ = [
    "ASKED_BY_SCP",
    "AcceptedContext",
    "CommandField",
    "DimseService",
    "Peer",
    "Request",
    "SupportedContext",
]


class CommandField(IntEnum):
    """Command Field (0000,0100) of requests (PS3.7 E.1); a response has bit 15 set."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_GET = 0x0110
    N_SET = 0x0120
    N_ACTION = 0x0130
    N_CREATE = 0x0140
    N_DELETE = 0x0150
    C_CANCEL = 0x0FFF


ASKED_BY_SCP = frozenset({CommandField.N_EVENT_REPORT})
"""Requests that the SCP of a service class makes and its SCU answers (PS3.7 10.1.1): a service that
declares one is our SCU, and takes it where the peer may be SCP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedContext:
    """An abstract syntax that a service takes, with the transfer syntaxes it can carry.

    ``transfer_syntaxes`` are a set: of those, the one that the requestor names first is chosen.
    ``peer_as_scu`` and ``peer_as_scp`` say which roles the requestor may play (PS3.7 D.3.3.4):
    C-GET needs storage contexts with the requestor as SCP, N-EVENT-REPORT on an association of its
    own the same.
    """

    abstract_syntax: str
    transfer_syntaxes: frozenset[str]
    peer_as_scu: bool = True
    peer_as_scp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedContext:
    """A presentation context as both sides agreed on it. ``scu`` and ``scp``: our own roles."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str
    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The other side of an association."""

    calling_aet: str
    called_aet: str
    address: str
    port: int
    tls_subject: str = ""
    user_identity: UserIdentity | None = None


class Request(Protocol):
    """One DIMSE request on its way through a service.

    Whatever of the data set a service does not read is drained by the engine before the next
    command. A service that returns without a final response, or raises, has the engine answer:
    the status of a `PacsError`, else 0110H.
    """

    @property
    def association(self) -> Association:
        """The association, for its peer and for sub-operations on it (C-GET)."""

    @property
    def context(self) -> AcceptedContext:
        """The presentation context of this message."""

    @property
    def command(self) -> Mapping[str, object]:
        """The command set by keyword: ``MessageID``, ``AffectedSOPInstanceUID``, ``Priority`` …
        UIDs and AE titles are stripped strings, numbers are int.
        """

    @property
    def field(self) -> CommandField:
        """Which operation is asked for."""

    @property
    def has_dataset(self) -> bool:
        """Whether a data set follows the command (Command Data Set Type is not 0101H)."""

    @property
    def extended_negotiation(self) -> bytes:
        """Service-class-application-information that was agreed for this abstract syntax."""

    def stream_dataset(self, sink: Callable[[memoryview], object]) -> int:
        """Hand the data set to ``sink`` piece by piece as it arrives; its length in bytes.

        A piece is valid only during the call. An exception of ``sink`` is raised after the rest of
        the data set has been drained, so that the association stays usable.
        """

    def read_dataset(self, limit: int = 1 << 20) -> bytes:
        """The whole data set, for identifiers; longer than ``limit`` bytes raises QueryError."""

    def respond(
        self,
        status: int,
        *,
        dataset: bytes | None = None,
        comment: str = "",
        elements: Mapping[str, object] | None = None,
    ) -> None:
        """Send one response: pending ones any number of times, then a final one.

        ``dataset`` is encoded in the transfer syntax of the context. ``comment`` becomes Error
        Comment (0000,0902), cut to 64 characters. ``elements`` are further command elements by
        keyword (``NumberOfRemainingSuboperations`` …).
        """

    def cancelled(self) -> bool:
        """Whether a C-CANCEL for this message has arrived. Looks at the wire, never waits."""


class DimseService(ABC):
    """A service class as SCP. One object serves all associations, from many threads at once.

    A service may declare N-EVENT-REPORT as well, of which it is the receiver and so the SCU: it
    comes on contexts with ``peer_as_scp``, and on associations that we opened ourselves.
    """

    name: ClassVar[str]
    commands: ClassVar[frozenset[CommandField]]

    @abstractmethod
    def contexts(self) -> Iterable[SupportedContext]:
        """Every abstract syntax that this service knows; asked once at start."""

    def context_for(self, abstract_syntax: str) -> SupportedContext | None:
        """For an abstract syntax that no service listed: take it (then with what), or None."""
        return None

    def negotiate(self, abstract_syntax: str, proposed: bytes) -> bytes | None:
        """Answer SOP class extended negotiation (PS3.7 D.3.3.5); None leaves it out."""
        return None

    @abstractmethod
    def serve(self, request: Request) -> None:
        """Carry out one request and respond to it."""

    def start(self) -> None:
        """Begin what runs beside requests, such as a thread; called when a listener starts.

        Not where services are only looked at. What is raised stops the start of the archive.
        """

    def stop(self) -> None:
        """End what `start` began, when the listener has stopped; nothing is asked any more."""
