"""What a handler gets: a request as it arrived, and what the server found out about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import structlog

from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.outgoing import Recipient
from pacs_http.access.principal import NOBODY, Principal
from pacs_http.access.scope import EVERYTHING, Scope
from pacs_http.route import Resource

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["Body", "EmptyBody", "Headers", "Request"]

_CHUNK = 1 << 18

_T = TypeVar("_T")


class Headers(Mapping[str, str]):
    """Headers by name, whatever its case; several of one name are joined by a comma."""

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self._pairs = tuple((name.lower(), value) for name, value in pairs)
        self._joined: dict[str, str] = {}
        for name, value in self._pairs:
            before = self._joined.get(name)
            self._joined[name] = value if before is None else f"{before}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._joined[name.lower()]

    def __contains__(self, name: object) -> bool:  # the inherited one looks by raising KeyError
        return isinstance(name, str) and name.lower() in self._joined

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str) -> str: ...
    @overload
    def get(self, name: str, /, default: _T) -> str | _T: ...
    def get(self, name: str, /, default: object = None) -> object:
        """The value of a name, or ``default``."""
        return self._joined.get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined)

    def __len__(self) -> int:
        return len(self._joined)

    def all(self, name: str) -> tuple[str, ...]:
        """Each value of a name, in order."""
        return tuple(value for key, value in self._pairs if key == name.lower())


class Body(Protocol):
    """The body of a request, read by the handler's thread as it arrives.

    What nobody reads stays in the network: a slow handler slows the sender. Raises `ClientGone`
    where the connection breaks, and `Problem` 408 or 413 where the body comes too slowly or is too
    long. A handler lets them pass.
    """

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, at least one; nothing at the end."""

    def __iter__(self) -> Iterator[bytes]:
        """All of it, in pieces."""


class EmptyBody:
    """The body of a request without one."""

    def read(self, size: int) -> bytes:
        """Nothing: here is the end."""
        del size
        return b""

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    method, path
        As it was sent; the path is for messages, as what it names is in ``path_parameters``:
        decoded once, without ``/``, ``.`` and ``..`` as whole values, and control characters.
    query
        Names and values in their order, decoded as UTF-8, repetitions kept.
    resource, principal, scope
        What it is about, who asks, and what they may see.
    base_url
        Scheme, host and port as the client sees them, without a slash at the end.
    peer
        The address of the client, that of a trusted proxy's client where there is one.
    tls_subject
        The subject of the client's verified certificate; empty where there is none.
    tls_names
        Its alternative names: ``DNS:…``, ``URI:…``, ``email:…``.
    link
        The link that the address begins with; ``path`` is without it, and ``base_url`` with it.
    """

    method: str
    path: str
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: Headers = field(default_factory=lambda: Headers(()), repr=False)
    body: Body = field(default_factory=EmptyBody, repr=False)
    base_url: str = ""
    request_id: str = ""
    peer: str = ""
    tls_subject: str = ""
    tls_names: tuple[str, ...] = ()
    link: str = field(default="", repr=False)
    resource: Resource = field(default_factory=Resource)
    principal: Principal = NOBODY
    scope: Scope = field(default=EVERYTHING, repr=False)

    def first(self, name: str) -> str | None:
        """The first value of a parameter of the query, or None."""
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Each value of a parameter of the query, in order."""
        return tuple(value for key, value in self.query if key == name)

    @property
    def log(self) -> FilteringBoundLogger:
        """A logger that names the request."""
        logger: FilteringBoundLogger = structlog.get_logger("pacs_http")
        return logger.bind(request_id=self.request_id)

    def origin(self, door: str) -> Origin:
        """Where an instance comes from that this request brings (see `Archive.receive`)."""
        return Origin(**self._whereabouts(door))

    def recipient(self, door: str) -> Recipient:
        """Who gets instances by this request (see `RetrieveService.opener`). It is no AE."""
        return Recipient(aet="", **self._whereabouts(door))

    def _whereabouts(self, door: str) -> dict[str, Any]:
        return {
            "door": door,
            "calling_aet": self.principal.name,
            "address": self.peer,
            "association_id": self.request_id,
            "tls_subject": self.tls_subject,
        }
