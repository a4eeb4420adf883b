"""A source as it is asked, by associations that say where they failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_fetch.settings import Retrieve
from pacs_framework.errors import ConfigurationError
from pacs_framework.moving.old_archive import FoundStudy, OldArchive, Sent, Told
from pacs_framework.network.errors import AssociationError

if TYPE_CHECKING:
    from pacs_fetch.settings import Source
    from pacs_framework.archive.archive import Archive
    from pacs_framework.network.association import Association
    from pacs_framework.network.decisions import ProposedContext
    from pacs_framework.network.peers import PeerAddress
    from pacs_framework.network.router import Router

__all__ = ["Away", "Caller", "OtherArchive", "caller_of"]


class Away(AssociationError):
    """There is no association to be had."""


class Caller:
    """Opens associations to one peer. Raises `Away` where that fails."""

    def __init__(self, archive: Archive, address: PeerAddress, what: str) -> None:
        self._archive = archive
        self._address = address
        self._what = what

    @property
    def where(self) -> str:
        """AE title, host and port."""
        peer = self._address
        return f"{peer.aet} at {peer.host}:{peer.port}{' by TLS' if peer.tls else ''}"

    def __call__(self, contexts: Sequence[ProposedContext], services: Router | None) -> Association:
        """As `Archive.call` does."""
        try:
            return self._archive.call(self._address, contexts, services)
        except AssociationError as error:
            raise Away(f"{self._what}, {self.where}: {error}") from error


def caller_of(archive: Archive, aet: str, what: str) -> Caller:
    """For the peer of this AE title. Raises `ConfigurationError` for an unknown one."""
    address = archive.peers.by_aet(aet)
    if address is None:
        raise ConfigurationError(f"{what}: no [peers.NAME] has the aet {aet!r}")
    return Caller(archive, address, what)


class OtherArchive(OldArchive):
    """The archive of a source."""

    def __init__(self, archive: Archive, settings: Source) -> None:
        caller = caller_of(archive, settings.peer, f"source {settings.name!r}")
        super().__init__(caller)
        self.settings = settings
        self.where = caller.where
        self._services = archive.services

    @property
    def name(self) -> str:
        """Of the source."""
        return self.settings.name

    def send(self, study: FoundStudy, series: Sequence[str] = (), told: Told | None = None) -> Sent:
        """Have a study sent, as the source is to, or only some ``series`` of it one after the
        other. Raises as `OldArchive` does.
        """
        return _together([self._send(study.uid, each, told) for each in series or ("",)])

    def _send(self, study: str, series: str, told: Told | None) -> Sent:
        if self.settings.retrieve is Retrieve.MOVE:
            return self.move(study, series=series, told=told)
        classes = sorted({name for name in self.instances(study).values() if name})
        return self.get(study, classes, self._services, series=series, told=told)


def _together(parts: Sequence[Sent]) -> Sent:
    """What several retrievals said, with the worst status and what was said of it."""
    worst = max(parts, key=lambda sent: sent.status)
    return Sent(
        status=worst.status,
        completed=sum(sent.completed for sent in parts),
        failed=sum(sent.failed for sent in parts),
        warned=sum(sent.warned for sent in parts),
        comment=worst.comment,
    )
