"""DICOMweb servers: instances go there by STOW-RS (PS3.18 10.5), this archive being the user agent.

A request carries one instance, so that each has an answer of its own, and one that is refused
keeps no other back. Requests of one run share a connection.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from pacs_framework.dicomweb.server import JSON, ServerError, checked, reaching
from pacs_framework.dicomweb.storing import Sending, store
from pacs_framework.errors import ConfigurationError
from pacs_framework.network.association import outgoing_calls
from pacs_routing.places import files
from pacs_routing.places.contract import Away, Broken, Carrier, NotTaken, Place, Taken
from pacs_routing.places.verdicts import taken

if TYPE_CHECKING:
    import httpx

    from pacs_framework.dicom.file_meta import InstanceKind
    from pacs_framework.dicomweb.server import Server
    from pacs_routing.parcels import Parcel
    from pacs_routing.places.encoding import Encoding
    from pacs_routing.settings import Priority

__all__ = ["DicomwebPlace"]

_ABOUT_ONE = frozenset({400, 409, 411, 413, 415, 422})
"""HTTP statuses that are about the instance, and that no repetition changes."""

_FOR_A_WHILE = frozenset({408, 500})
"""Those that may be about the instance, and may be over when it comes again."""

_MOST_BREAKS = 2


class DicomwebPlace(Place):
    """The service of ``server``."""

    aet = ""

    def __init__(self, server: Server, encoding: Encoding) -> None:
        self.server = server
        self.encoding = encoding

    def where(self) -> str:
        """Its address."""
        return self.server.url

    @contextmanager
    def open(self, kinds: Collection[InstanceKind]) -> Iterator[Carrier]:
        """Connections are opened when they are needed."""
        del kinds
        try:
            with self.server.open() as client, _Line() as line:
                yield _Requests(self, client, line)
        except (ConfigurationError, OSError) as error:  # a secret or a certificate cannot be read
            raise Away(str(error)) from error

    def check(self) -> str:
        """A search for one study (QIDO-RS, PS3.18 10.6)."""
        try:
            with self.server.open() as client:
                return _searched(client)
        except (ServerError, ConfigurationError, OSError) as error:
            raise Away(str(error)) from error


class _Requests(Carrier):
    def __init__(self, place: DicomwebPlace, client: httpx.Client, line: _Line) -> None:
        self._place = place
        self._client = client
        self._line = line
        self._breaks = 0

    def carry(self, parcel: Parcel, priority: Priority, meanwhile: Callable[[], object]) -> Taken:
        """STOW-RS of one instance. HTTP knows no priorities."""
        del priority
        encoded = files.encoded(parcel, self._place.encoding)
        uid = encoded.sop_instance_uid

        def pieces() -> Iterator[bytes]:
            yield from files.pieces(encoded)
            meanwhile()

        try:
            told = store(self._client, [Sending(uid, pieces)], extensions=self._line.extensions)
        except ServerError as error:
            raise self._failed(error) from error
        answer = told[uid]
        if answer.failure is not None:
            taken(uid, answer.failure, "Failure Reason")
        if not answer.stored:
            raise NotTaken(answer.text)
        self._breaks = 0
        return taken(uid, answer.warning or 0, "Warning Reason" if answer.warning else "")

    def look_again(self, parcel: Parcel) -> None:
        """By a search, on a new connection."""
        del parcel
        try:
            _searched(self._client, self._line.extensions)
        except ServerError as error:
            raise Away(str(error)) from error

    def _failed(self, error: ServerError) -> NotTaken | Away:
        """What is told of the request as a whole, or that no answer came."""
        if error.answered in _ABOUT_ONE:
            return NotTaken(str(error), final=True)
        if error.answered in _FOR_A_WHILE or 200 <= error.answered < 300:
            return NotTaken(str(error))
        if error.answered or not error.connected:
            return Away(str(error))
        self._breaks += 1
        if self._breaks > _MOST_BREAKS:
            return Away(f"it ended {self._breaks} requests in a row, the last time: {error}")
        return Broken(str(error))


def _searched(client: httpx.Client, extensions: dict[str, Any] | None = None) -> str:
    """Raises `ServerError`."""
    with reaching(client.base_url):
        answer = client.get(
            "/studies",
            params={"limit": "1"},
            headers={"Accept": JSON},
            extensions=extensions,
        )
        checked(answer)
    return f"QIDO-RS: {answer.status_code} {answer.reason_phrase}"


class _Line:
    """The connection that requests go by, so that the end of the archive breaks it off.

    A context manager; whoever waits meanwhile waits for the server (see `outgoing_calls`).
    """

    def __init__(self) -> None:
        self.extensions = {"trace": self._traced}
        self._socket: socket.socket | None = None
        self._broken = False

    def break_off(self) -> None:
        """End what is under way, and what is to come."""
        self._broken = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _traced(self, event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._socket = info["return_value"].get_extra_info("socket")
            if self._broken:
                self.break_off()

    def __enter__(self) -> Self:
        calls = outgoing_calls.get()
        if calls is not None:
            calls.adopt(self)
        return self

    def __exit__(self, *exc: object) -> None:
        calls = outgoing_calls.get()
        if calls is not None:
            calls.disown(self)
