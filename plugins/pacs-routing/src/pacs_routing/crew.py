"""The senders of one archive, made from its settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

from pacs_framework.background import Background
from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs import MissingJobQueue
from pacs_routing.file_names import FileName
from pacs_routing.places.dicom import DicomPlace
from pacs_routing.places.encoding import Encoding
from pacs_routing.places.folder import FolderPlace
from pacs_routing.sending import Sender

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_routing.places.contract import Place
    from pacs_routing.settings import Destination, RoutingSettings

__all__ = ["Crew", "place_of", "senders_of"]

_senders: WeakSet[Sender] = WeakSet()
# Two hooks are about the same senders: one names their work, the other one ends it. The queue of
# their archive holds them.


def senders_of(archive: Archive, settings: RoutingSettings) -> list[Sender]:
    """One for each destination."""
    made = [
        Sender(archive, each, partial(place_of, archive, each)) for each in settings.destination
    ]
    _senders.update(made)
    return made


def place_of(archive: Archive, settings: Destination) -> Place:
    """Where a destination is. Raises `ConfigurationError`."""
    try:
        encoding = Encoding(settings.send_as, archive.transcoding)
    except ValueError as error:
        raise ConfigurationError(f"destination {settings.name!r}: {error}") from error
    if settings.folder is not None:
        return FolderPlace(settings.folder, FileName(settings.file_name), encoding)
    peer = archive.peers.by_aet(settings.peer)
    if peer is None:
        raise ConfigurationError(
            f"destination {settings.name!r}: no [peers.NAME] has the aet {settings.peer!r}"
        )
    return DicomPlace(archive, peer, encoding, settings.timeout)


class Crew(Background):
    """Sees to it that senders can do their work, and that they end with their archive."""

    name = "routing"

    def __init__(self, archive: Archive, settings: RoutingSettings) -> None:
        self._archive = archive
        self._settings = settings

    def start(self) -> None:
        """Raises `ConfigurationError` where no plugin keeps a queue, or nobody can be sent to."""
        if isinstance(self._archive.jobs, MissingJobQueue):
            raise ConfigurationError(
                "[plugin.routing] has destinations, and no active plugin keeps a queue of jobs; "
                "install one, such as pacs-jobs"
            )
        for settings in self._settings.destination:
            place_of(self._archive, settings)

    def stop(self) -> None:
        """Break off what is being sent; it is due at the next start."""
        for sender in tuple(_senders):
            if sender.archive is self._archive:
                sender.stop()
