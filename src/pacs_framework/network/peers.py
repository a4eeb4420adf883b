"""The DICOM nodes that this archive knows by name: where C-MOVE may send to.

A C-MOVE names its destination by AE title alone (PS3.4 C.4.2.1.2), so host and port come from the
configuration, ``[peers.NAME]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_framework.network.association import Association
    from pacs_framework.network.decisions import ProposedContext

    Connect = Callable[["PeerAddress", Sequence[ProposedContext]], Association]
    """Opens an association to a peer as requestor, proposing these contexts."""

__all__ = ["PeerAddress", "PeerBook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAddress:
    """A DICOM node: its AE title, and where it listens. ``tls`` speaks TLS to it."""

    aet: str
    host: str
    port: int
    tls: bool = False


class PeerBook:
    """Peers by AE title; two for one title are an error, for C-MOVE could not tell them apart."""

    def __init__(self, peers: Iterable[PeerAddress] = ()) -> None:
        self._by_aet: dict[str, PeerAddress] = {}
        for peer in peers:
            other = self._by_aet.setdefault(peer.aet, peer)
            if other != peer:
                raise ConfigurationError(
                    f"two peers have the AE title {peer.aet!r}: {other.host}:{other.port} and "
                    f"{peer.host}:{peer.port}; give one of them another title"
                )

    def by_aet(self, aet: str) -> PeerAddress | None:
        """The peer with this AE title, spaces around it aside; None for an unknown one."""
        return self._by_aet.get(aet.strip())

    def __iter__(self) -> Iterator[PeerAddress]:
        return iter(self._by_aet.values())

    def __len__(self) -> int:
        return len(self._by_aet)
