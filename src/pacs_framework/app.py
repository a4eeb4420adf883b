"""The composition root: from a configuration to a running archive, and down again.

`configure` reads and validates everything; `App` wires and owns one of each: database, storage,
archive, change feed, listener. Nothing here is global, so two archives can run in one process.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import structlog

from pacs_framework.anonymizers.registry import AnonymizerRegistry
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import ABOUT_PATIENTS, ARRIVALS, Change
from pacs_framework.archive.feed import ChangeFeed, Consume
from pacs_framework.archive.incoming import IncomingInstance, StoreAnswer
from pacs_framework.archive.outgoing import OutgoingInstance, RetrieveAnswer
from pacs_framework.archive.recovery import recover
from pacs_framework.backups.unfinished import refuse_unfinished
from pacs_framework.codecs.early import EarlyLimits
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.config import (
    NetworkSettings,
    Settings,
    TlsSettings,
    load_settings,
    validate_plugin_sections,
)
from pacs_framework.doors import Door
from pacs_framework.errors import ConfigurationError
from pacs_framework.folders import make_folders
from pacs_framework.health import check_health
from pacs_framework.index.database import Database, open_database
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.index.presence import Presence
from pacs_framework.live import Endpoint, Health
from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.limits import Limits
from pacs_framework.network.listener import Listener, listening_socket
from pacs_framework.network.peers import PeerAddress, PeerBook
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.network.service import DimseService
from pacs_framework.network.tls import client_context, server_context
from pacs_framework.plugins import PluginSet, load_plugins
from pacs_framework.plugins.hosted import Order, PluginProcess
from pacs_framework.storage import (
    MissingStorage,
    StorageBackend,
    StorageRegistry,
    Surroundings,
)
from pacs_framework.tables import OpenTables, PluginTables

__all__ = [
    "App",
    "Configured",
    "configure",
    "configure_with",
    "empty_archive",
    "limits_of",
]

log = structlog.get_logger(__name__)

_HOST = (sys.executable, "-m", "pacs_framework.plugin_host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A validated configuration with the plugins it is for."""

    settings: Settings
    plugins: PluginSet

    @property
    def data(self) -> Path:
        """The folder of the archive's data."""
        return self.settings.archive.data

    @property
    def index_url(self) -> str:
        """The database: as configured, else an SQLite file among the data."""
        return self.settings.index.url or f"sqlite:///{self.data / 'index.sqlite'}"

    @property
    def storage_url(self) -> str:
        """The storage: as configured, else a folder among the data."""
        return self.settings.storage.url or (self.data / "objects").as_uri()

    def storage_registry(self) -> StorageRegistry:
        """The storage schemes of the active plugins."""
        registry = StorageRegistry()
        for plugin, factories in self.plugins.register("storage_backends"):
            for scheme, factory in factories.items():
                registry.add(scheme, factory, plugin=plugin)
        return registry

    def codec_registry(self) -> CodecRegistry:
        """The codecs of the active plugins. Raises `ConfigurationError` for an unknown name."""
        prefer = self.settings.codecs.prefer
        registry = CodecRegistry(prefer=prefer)
        provided = self.plugins.register("codecs")
        for plugin, codecs in provided:
            registry.add(codecs, plugin=plugin)
        unknown = sorted({*prefer} - {plugin for plugin, _ in provided})
        if unknown:
            raise ConfigurationError(
                f"[codecs] prefer names {unknown[0]!r}, and no active plugin of this name offers "
                "codecs"
            )
        return registry

    def anonymizer_registry(self) -> AnonymizerRegistry:
        """The anonymizers of the active plugins, by name."""
        registry = AnonymizerRegistry()
        for plugin, anonymizers in self.plugins.register("anonymizers"):
            registry.add(anonymizers, plugin=plugin)
        return registry

    def table_definitions(self) -> dict[str, PluginTables]:
        """The tables of the active plugins' own, by the name of the plugin."""
        return dict(self.plugins.register("tables"))

    @contextmanager
    def open_tables(self) -> Iterator[OpenTables]:
        """The tables of plugins without the archive around them, for a command.

        Raises `ConfigurationError` and `IndexUnavailable`.
        """
        tables = self.table_definitions()
        with ExitStack() as stack:
            index = None
            if not self.index_url.startswith("sqlite"):
                index = stack.enter_context(closing(open_database(self.index_url, migrated=False)))
            yield stack.enter_context(closing(OpenTables(tables, data=self.data, index=index)))

    def check_tables(self) -> None:
        """Raise as a start does for tables that a newer plugin wrote, where they are files."""
        tables = self.table_definitions()
        if self.index_url.startswith("sqlite"):
            OpenTables(tables, data=self.data).check()

    def check_storage(self) -> None:
        """Raise ConfigurationError when no active plugin provides the configured storage."""
        registry = self.storage_registry()
        if self.settings.storage.url:
            registry.check(self.storage_url)

    def services(self, archive: Archive) -> list[DimseService]:
        """What the active plugins offer on the wire, with ``archive`` behind it."""
        provided = self.plugins.register("dimse_services", archive=archive)
        return [service for _, each in provided for service in each]

    def check_services(self) -> None:
        """Raise as a start does for services that clash, and for what plugins find wrong then."""
        with (
            TemporaryDirectory(prefix="pacs-check-") as folder,
            empty_archive(Path(folder), self.anonymizer_registry(), self.plugins) as archive,
        ):
            Router(self.services(archive))
            self.doors(archive)

    def doors(self, archive: Archive) -> list[Door]:
        """What the active plugins listen by besides, with ``archive`` behind it; none is open."""
        provided = self.plugins.register("doors", archive=archive)
        return [door for _, each in provided for door in each]

    @contextmanager
    def opened_storage(self) -> Iterator[StorageBackend]:
        """The configured backend without an archive around it, for a command."""
        with self.open_tables() as tables, closing(self.open_storage(tables)) as storage:
            yield storage

    def open_storage(self, tables: OpenTables) -> StorageBackend:
        """The configured backend; ``tables`` outlive it.

        Where nothing is configured and no plugin is there for the default, an archive without
        storage starts all the same and refuses each instance with A700H.
        """
        registry = self.storage_registry()
        if not self.settings.storage.url and not registry.provides(self.storage_url):
            log.warning("no storage plugin is active; every instance will be refused")
            return MissingStorage()
        surroundings = Surroundings(backends=registry, tables=tables, data=self.data)
        return registry.open(self.storage_url, surroundings)


def configure(config: Path | None, overrides: Mapping[str, object]) -> Configured:
    """Read file, environment and ``overrides`` (nested), load the plugins, validate it all.

    Raises ConfigurationError or PluginError with everything that is wrong.
    """
    return configure_with(load_settings(config, overrides))


def configure_with(settings: Settings) -> Configured:
    """Load the plugins that ``settings`` ask for and validate their sections.

    Raises ConfigurationError or PluginError with everything that is wrong.
    """
    plugins = load_plugins(settings.plugins, settings.plugin.keys())
    with ExitStack() as undo:
        undo.callback(plugins.close)
        plugins.check()
        models = plugins.config_models()
        sections = validate_plugin_sections(settings, models, inactive=plugins.inactive)
        plugins.bind_settings(sections)
        undo.pop_all()
    return Configured(settings=settings, plugins=plugins)


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
        self.door_sockets = doors_on
        self.doors: tuple[Door, ...] = ()
        self._undo: list[Callable[[], None]] = []
        self._processes: dict[str, PluginProcess] = {}
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
            self._start_feed(database, archive)
        services = self._services(archive)
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
        archive.hooks = self.plugins.offered
        # Not those of plugins that are gone: their cursors stay where they stopped.
        archive.deleting.consumers = frozenset(self.plugins.notify_consumers("on_stored"))
        archive.health = self.health
        self._archive = archive
        return archive

    def _open_codecs(self) -> IsolatedCodecs:
        most = self.settings.codecs.processes
        codecs = IsolatedCodecs(self._configured.codec_registry(), most=most)
        self._undo.append(codecs.close)
        return codecs

    def _start_feed(self, database: Database, archive: Archive) -> None:
        """Every NOTIFY hook of every plugin gets a consumer with a cursor of its own."""
        stored = self.plugins.notify_consumers("on_stored", self._process_of("on_stored"))
        patients = {
            _of_patients(plugin): consume
            for plugin, consume in self.plugins.notify_consumers(
                "on_patient_changed", self._process_of("on_patient_changed")
            ).items()
        }
        idle = map(_of_patients, self.plugins.idle_consumers("on_patient_changed"))
        feed = ChangeFeed(
            database,
            {
                **{name: _bound_to(archive, consume) for name, consume in stored.items()},
                **{name: partial(consume, archive=archive) for name, consume in patients.items()},
            },
            self._configured.data,
            idle=self.plugins.idle_consumers("on_stored").union(idle),
            holds={name: consume.hold for name, consume in {**stored, **patients}.items()},
            only=dict.fromkeys(patients, ABOUT_PATIENTS),
            several=[name for name, consume in stored.items() if consume.takes_several],
        )
        feed.start()
        self._undo.append(feed.stop)

    def _start_background(self, archive: Archive) -> None:
        """What plugins run beside the wire; in one process of those that share the data folder."""
        for _, each in self.plugins.register("background", archive=archive):
            for work in each:
                self._undo.append(work.stop)
                work.start()

    def _open_doors(self, archive: Archive) -> None:
        """Bind the addresses of the plugins' doors, and serve there unless workers are to do it."""
        doors = self._configured.doors(archive)
        if self.door_sockets is None:
            self.door_sockets = {}
            self._undo.append(self._close_door_sockets)
            anywhere = self.settings.network.port == 0
            for door in doors:
                if bound := _bound_for(door, anywhere=anywhere):
                    self.door_sockets[door.name] = bound
        self.doors = tuple(door for door in doors if door.name in self.door_sockets)
        for door in self.doors if self._listen else ():
            self._undo.append(door.stop)
            door.start(self.door_sockets[door.name])

    def _close_door_sockets(self) -> None:
        for bound in (self.door_sockets or {}).values():
            bound.close()

    def door_urls(self) -> dict[str, str]:
        """Where the doors of plugins are, by name: ``http://127.0.0.1:8042``."""
        assert self.door_sockets is not None, "not started"
        return {
            door.name: _url(door.scheme, self.door_sockets[door.name].getsockname())
            for door in self.doors
        }

    def _process_of(self, hook: str) -> Callable[[str], PluginProcess]:
        """Where a plugin that wants a process of its own is notified; started when it is needed."""

        def of(plugin: str) -> PluginProcess:
            order = Order(
                settings=self.settings,
                active=tuple(each.name for each in self.plugins.active),
                plugin=plugin,
                hook=hook,
            )
            process = PluginProcess(_HOST, order)
            self._processes[plugin if hook == "on_stored" else _of_patients(plugin)] = process
            self._undo.append(process.close)
            return process

        return of

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
            "processes": {name: process.pid for name, process in self._processes.items()},
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
            tls=_server_tls(network.tls),
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
            tls=_client_tls(tls) if peer.tls else None,
            services=services,
        )


@contextmanager
def empty_archive(
    folder: Path,
    anonymizers: AnonymizerRegistry | None = None,
    plugins: PluginSet | None = None,
) -> Iterator[Archive]:
    """An archive without objects in ``folder``, to show services to.

    It has the ``anonymizers``, and of ``plugins`` the codecs, the tables, empty, and the hooks that
    they offer.
    """
    plugins = plugins or PluginSet.with_local({})
    codecs = CodecRegistry()
    for plugin, provided in plugins.register("codecs"):
        codecs.add(provided, plugin=plugin)
    with (
        closing(OpenTables(dict(plugins.register("tables")), data=folder)) as tables,
        closing(open_database(f"sqlite:///{folder / 'index.sqlite'}")) as database,
        closing(
            Archive(
                database=database,
                storage=MissingStorage(),
                data=folder,
                codecs=codecs,
                encoder=codecs,
                anonymizers=anonymizers,
                tables=tables,
            )
        ) as archive,
    ):
        archive.peers = PeerBook()
        archive.hooks = plugins.offered
        yield archive


def _of_patients(plugin: str) -> str:
    """The consumer of a plugin that is told of patients; that of instances has the bare name."""
    return f"{plugin} patients"


def _bound_to(archive: Archive, consume: Callable[[Sequence[Change], Archive], None]) -> Consume:
    """For consumers of instances that came in: all else that happened passes them by."""

    def consume_instances(changes: Sequence[Change]) -> None:
        arrived = [change for change in changes if change.kind in ARRIVALS]
        if arrived:
            consume(arrived, archive)

    return consume_instances


def _bound_for(door: Door, *, anywhere: bool) -> socket.socket | None:
    """The socket of a door, or None where nobody chose its port and something else has it.

    An archive on any free DICOM port (``anywhere``) stands beside others, so its doors take any
    free port, too.
    """
    port = 0 if anywhere and not door.chosen else door.port
    try:
        return listening_socket((door.host, port))
    except ConfigurationError as error:
        if door.chosen:
            raise
        log.warning("a door stays closed", door=door.name, cause=str(error))
        return None


def _url(scheme: str, address: Sequence[Any]) -> str:
    host, port = address[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def limits_of(network: NetworkSettings) -> Limits:
    """The limits of the wire as configured."""
    return Limits(
        max_associations=network.max_associations,
        max_half_open=network.max_half_open,
        max_pdu=network.max_pdu,
        max_message_bytes=network.max_message_bytes,
        artim_timeout=network.artim_timeout,
        idle_timeout=network.idle_timeout,
        network_timeout=network.network_timeout,
    )


def _server_tls(tls: TlsSettings) -> ssl.SSLContext | None:
    if not tls.enabled:
        return None
    assert tls.certificate is not None
    assert tls.key is not None
    return server_context(
        certificate=tls.certificate,
        key=tls.key,
        ca=tls.ca,
        client_certificates=tls.client_certificates,
        minimum_version=tls.minimum_version,
    )


def _client_tls(tls: TlsSettings) -> ssl.SSLContext:
    return client_context(
        ca=tls.ca,
        certificate=tls.certificate,
        key=tls.key,
        minimum_version=tls.minimum_version,
    )
