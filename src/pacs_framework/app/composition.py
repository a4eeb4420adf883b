"""One archive of its parts: opened in order, closed in the opposite one."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

import structlog

from pacs_framework.app.configured import Configured
from pacs_framework.app.entrances import Entrances
from pacs_framework.app.following import Following
from pacs_framework.app.wire import limits_of, tls_of_client, tls_of_server
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import IncomingInstance, StoreAnswer
from pacs_framework.archive.outgoing import OutgoingInstance, RetrieveAnswer
from pacs_framework.archive.recovery import recover
from pacs_framework.backups.unfinished import refuse_unfinished
from pacs_framework.codecs.early import EarlyLimits
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.folders import make_folders
from pacs_framework.health import check_health
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.index.presence import Presence
from pacs_framework.live import Endpoint, Health
from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.listener import Listener, listening_socket
from pacs_framework.network.peers import PeerAddress, PeerBook
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.storage import (
    StorageBackend,
)
from pacs_framework.tables import OpenTables

__all__ = ["App"]

log = structlog.get_logger(__name__)


class App:
    """One archive. ``listen_on`` takes over a bound socket; by default the settings' is opened.
    ``doors_on`` does so for the doors of plugins, by name: those that are not in it stay closed.

    A worker process is an App with ``feed=False``; its supervisor one with ``listen=False``;
    a command such as ``pacs import`` has neither.
    """

    def __init__(
        self,
        configured: Configured,
        *,
        listen: bool = True,
        feed: bool = True,
        listen_on: socket.socket | None = None,
        doors_on: Mapping[str, socket.socket] | None = None,
    ) -> None:
        self.settings = configured.settings
        self.plugins = configured.plugins
        self._configured = configured
        self._with_feed = feed
        self._listen = listen
        self._listen_on = listen_on
        self._doors_on = doors_on
        self._following: Following | None = None
        self.entrances = Entrances((), {})
        self._undo: list[Callable[[], None]] = []
        self.listener: Listener | None = None

    @property
    def archive(self) -> Archive:
        """The use cases; there from `start` on."""
        return self._archive

    def start(self) -> Self:
        """Open everything in order; what was opened is closed again when a later step fails."""
        try:
            self._open()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close everything in the opposite order; harmless when called twice."""
        while self._undo:
            self._undo.pop()()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _open(self) -> None:
        """Ground floor first; each thing that was opened adds how it is closed."""
        data = self._configured.data
        refuse_unfinished(data)
        self._configured.check_storage()  # it is opened behind the tables, which are made by then
        make_folders(data)
        self._started = dt.datetime.now(dt.UTC)
        self._undo.append(self.plugins.close)
        database = open_database(self._configured.index_url)
        self._undo.append(database.close)
        self._database = database
        if database.is_postgresql:
            self._undo.append(Presence(database).close)
        tables = OpenTables(
            self._configured.table_definitions(), data=self._configured.data, index=database
        )
        self._undo.append(tables.close)
        tables.prepare()
        storage = self._configured.open_storage(tables)
        self._undo.append(storage.close)
        archive = self._open_archive(database, storage, tables)
        recover(archive)
        if self._with_feed:
            self._follow(database, archive)
        archive.services = services = self._services(archive)
        if self._listen:
            self._start_listener(services)
        if self._with_feed:
            self._start_background(archive)
        if self._listen or self._with_feed:
            self._open_doors(archive)
        if self._listen or self._with_feed:  # not a command beside the running archive
            self._start_endpoint()

    def _open_archive(
        self, database: Database, storage: StorageBackend, tables: OpenTables
    ) -> Archive:
        settings = self.settings.archive
        codecs = self._open_codecs()
        archive = Archive(
            database=database,
            storage=storage,
            data=self._configured.data,
            on_store=self._on_store if self.plugins.decides_on_store else None,
            on_retrieve=self._on_retrieve if self.plugins.decides_on_retrieve else None,
            duplicates=DuplicatePolicy(settings.duplicates),
            spool=settings.spool,
            codecs=codecs,
            encoder=codecs,
            early=EarlyLimits(
                images=self.settings.codecs.ahead,
                room=self.settings.codecs.ahead_memory,
                threads=codecs.most,
            ),
            anonymizers=self._configured.anonymizer_registry(),
            tables=tables,
        )
        self._undo.append(archive.close)
        archive.peers = PeerBook(
            PeerAddress(aet=peer.aet, host=peer.host, port=peer.port, tls=peer.tls)
            for peer in self.settings.peers.values()
        )
        archive.connect = self._connect
        archive.call = self.call
        archive.hooks = self.plugins.offered
        # Not those of plugins that are gone: their cursors stay where they stopped.
        archive.deleting.consumers = frozenset(self.plugins.notify_consumers("on_stored"))
        archive.health = self.health
        archive.jobs = self._configured.job_queue(archive)
        self._archive = archive
        return archive

    def _open_codecs(self) -> IsolatedCodecs:
        most = self.settings.codecs.processes
        codecs = IsolatedCodecs(self._configured.codec_registry(), most=most)
        self._undo.append(codecs.close)
        return codecs

    def _follow(self, database: Database, archive: Archive) -> None:
        self._following = Following(self._configured, database, archive)
        self._following.start()
        self._undo.append(self._following.stop)

    def _start_background(self, archive: Archive) -> None:
        """What plugins run beside the wire; in one process of those that share the data folder."""
        for _, each in self.plugins.register("background", archive=archive):
            for work in each:
                self._undo.append(work.stop)
                work.start()

    def _open_doors(self, archive: Archive) -> None:
        """Bind the addresses of the plugins' doors, and serve there unless workers are to do it."""
        anywhere = self.settings.network.port == 0
        doors = self._configured.doors(archive)
        self.entrances = Entrances(doors, self._doors_on, anywhere=anywhere)
        self._undo.append(self.entrances.close)
        if self._listen:
            self.entrances.open(self._undo.append)

    def _on_store(self, instance: IncomingInstance) -> StoreAnswer:
        """What the plugins say of an instance; they may use the archive meanwhile."""
        return self.plugins.decide_store(instance, self._archive)

    def _on_retrieve(self, instance: OutgoingInstance) -> RetrieveAnswer:
        """What the plugins say of an instance that is about to be sent."""
        return self.plugins.decide_retrieve(instance, self._archive)

    def _start_endpoint(self) -> None:
        """Answer ``pacs plugins`` and ``pacs health``; an archive runs on where it cannot."""
        try:
            endpoint = Endpoint(
                self._configured.data, {"figures": self._figures, "health": self._health}
            )
        except OSError as error:
            log.warning("nobody can ask this process for its figures", error=error.strerror)
            return
        self._undo.append(endpoint.close)

    def health(self) -> Health:
        """Whether this process can do its work: index, storage, circuits of its plugins."""
        return check_health(self._database, self._archive.storage, self.plugins)

    def _health(self) -> dict[str, Any]:
        supervises = self._with_feed and not self._listen
        return {
            **self._identity(),
            "reasons": self.health().reasons,
            "workers": self.settings.network.workers if supervises else 0,
        }

    def _figures(self) -> dict[str, Any]:
        return {
            **self._identity(),
            "seconds": (dt.datetime.now(dt.UTC) - self._started).total_seconds(),
            "hooks": [asdict(figures) for figures in self.plugins.figures()],
            "circuits": [asdict(figures) for figures in self.plugins.circuits()],
            "processes": self._following.processes() if self._following else {},
        }

    def _identity(self) -> dict[str, Any]:
        role = "archive" if self._with_feed else "worker"
        return {
            "pid": os.getpid(),
            "role": role if self._listen else "supervisor",
            "started": self._started.isoformat(timespec="seconds"),
        }

    def _services(self, archive: Archive) -> Router:
        services = self._configured.services(archive)
        if not services:
            log.warning("no service plugin is active; no presentation context will be accepted")
        return Router(services)

    def _start_listener(self, services: Router) -> None:
        network = self.settings.network
        listener = Listener(
            address=self._listen_on or self.open_socket(),
            aet=self.settings.archive.aet,
            router=services,
            limits=limits_of(network),
            decide=self.plugins.decide_association,
            tls=tls_of_server(network.tls),
            check_called_aet=network.check_called_aet,
        )
        listener.start()
        self._undo.append(listener.stop)
        self.listener = listener

    def open_socket(self) -> socket.socket:
        """The listening socket of the settings, for the listener here or for workers to share.

        Raises ConfigurationError when the address cannot be listened on.
        """
        network = self.settings.network
        return listening_socket((network.host, network.port))

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that the listener is bound to."""
        assert self.listener is not None, "not listening"
        return self.listener.address

    def _connect(self, peer: PeerAddress, contexts: Sequence[ProposedContext]) -> Association:
        """Open an association to a configured peer, for C-MOVE and forwarding."""
        return self.call(peer, contexts)

    def call(
        self,
        peer: PeerAddress,
        contexts: Sequence[ProposedContext],
        services: Router | None = None,
    ) -> Association:
        """Open an association to ``peer``; ``services`` answer what it asks on it (C-GET).

        Raises as `pacs_framework.network.requestor.connect` does.
        """
        tls = self.settings.network.tls
        return connect(
            peer.host,
            peer.port,
            calling_aet=self.settings.archive.aet,
            called_aet=peer.aet,
            contexts=contexts,
            settings=limits_of(self.settings.network),
            tls=tls_of_client(tls) if peer.tls else None,
            services=services,
        )
