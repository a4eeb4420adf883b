"""The senders of one archive, made from its settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

from pacs_framework.background import Background
from pacs_framework.errors import ConfigurationError, PluginError
from pacs_framework.jobs import MissingJobQueue
from pacs_routing.committing.asking import Asker
from pacs_routing.committing.contract import requestor_of
from pacs_routing.committing.delivered import Deliveries
from pacs_routing.file_names import FileName
from pacs_routing.performed import waiting_rules
from pacs_routing.places.dicom import DicomPlace
from pacs_routing.places.encoding import Encoding
from pacs_routing.places.folder import FolderPlace
from pacs_routing.sending import Sender

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_routing.places.contract import Place
    from pacs_routing.settings import Destination, RoutingSettings

__all__ = ["Crew", "asker_of", "place_of", "senders_of"]

_working: WeakSet[Sender | Asker] = WeakSet()
# Two hooks are about the same workers: one names their work, the other one ends it. The queue of
# their archive holds them.


def senders_of(archive: Archive, settings: RoutingSettings) -> list[Sender]:
    """One for each destination."""
    deliveries = Deliveries(archive, settings)
    made = [
        Sender(archive, each, partial(place_of, archive, each), deliveries)
        for each in settings.destination
    ]
    _working.update(made)
    return made


def asker_of(archive: Archive, settings: RoutingSettings) -> Asker:
    """Who asks for storage commitment."""
    asker = Asker(archive, settings)
    _working.add(asker)
    return asker


def place_of(archive: Archive, settings: Destination) -> Place:
    """Where a destination is. Raises `ConfigurationError`."""
    try:
        encoding = Encoding(settings.send_as, archive.transcoding)
    except ValueError as error:
        raise ConfigurationError(f"destination {settings.name!r}: {error}") from error
    if settings.folder is not None:
        return FolderPlace(settings.folder, FileName(settings.file_name), encoding)
    if settings.url:
        from pacs_routing.places.dicomweb import DicomwebPlace  # noqa: PLC0415 - httpx, for few

        return DicomwebPlace(settings.server(settings.url, settings.timeout), encoding)
    if settings.bucket:
        from pacs_routing.places.bucket import BucketPlace  # noqa: PLC0415 - obstore, for few

        return BucketPlace(settings, FileName(settings.file_name), encoding)
    peer = archive.peers.by_aet(settings.peer)
    if peer is None:
        raise ConfigurationError(
            f"destination {settings.name!r}: no [peers.NAME] has the aet {settings.peer!r}"
        )
    return DicomPlace(archive, peer, encoding, settings.timeout)


def _check_anonymizer(archive: Archive, settings: Destination) -> None:
    try:
        _ = settings.anonymizer and archive.anonymizers[settings.anonymizer]
    except ConfigurationError as error:
        raise ConfigurationError(f"destination {settings.name!r}: {error}") from error


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
            _check_anonymizer(self._archive, settings)
        for rule in waiting_rules(self._settings):
            self._hear_of_steps(rule.name)
        if any(rule.delete_when_committed for rule in self._settings.rule):
            requestor_of(self._archive)

    def _hear_of_steps(self, rule: str) -> None:
        try:
            self._archive.hooks.implementers("on_study_complete")
        except PluginError:
            raise ConfigurationError(
                f"rule {rule!r} waits for performed procedure steps, and no active plugin takes "
                "them; install one, such as pacs-mpps"
            ) from None

    def stop(self) -> None:
        """Break off what is being sent; it is due at the next start."""
        for each in tuple(_working):
            if each.archive is self._archive:
                each.stop()
